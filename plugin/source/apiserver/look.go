package apiserver

import "github.com/k8s-endpoints/k8s_endpoints/plugin/source"

var _ source.Watched = (*Source)(nil)

// From implements source.Watched.
func (s *Source) From() string { return s.outage.host }

// Streams implements source.Watched.
func (s *Source) Streams() (all []source.Stream) {
	streams := s.shown.Load()
	if streams == nil {
		return nil
	}
	for _, each := range *streams {
		all = append(all, source.Stream{
			Name: each.connection.of, Up: each.isUp() && !s.outage.lasts(), LastEvent: *each.lastEvent.Load(),
			Relists: each.relists.Load(), Errors: each.errors.Load(),
		})
	}
	return all
}

// Outage implements source.Watched.
func (s *Source) Outage() source.Outage {
	o := s.outage
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.began.IsZero() {
		return source.Outage{}
	}
	return source.Outage{Since: o.began, Next: o.next, Why: o.fault}
}
