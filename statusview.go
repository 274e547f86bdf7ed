package endpoints

import (
	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/reload"
)

// shown is a stanza that a page may show.
type shown struct {
	stanza  *corefile.Stanza
	handler *handler
	// generation has the other stanzas, and feed is set where a page shows this one.
	generation *reload.Generation[*shown]
	feed       *feed
	// hide takes it from its page. It is nil where no page shows it.
	hide func()
}

// Stop implements reload.Holder.
func (s *shown) Stop() {
	if s.hide != nil {
		s.hide()
		s.hide = nil
	}
}

// view is one cache, and the stanzas that show it.
type view struct {
	*cache
	feed    *feed
	stanzas []*shown
	// number is how many views there are.
	number int
}

// stanza returns the one that speaks for the view.
func (v *view) stanza() *shown { return v.stanzas[0] }

// where is empty where there is nothing to tell apart.
func (v *view) where() string {
	if v.number == 1 {
		return ""
	}
	return v.stanza().stanza.Where
}

// keyOf returns the key of a Service in a cache.
func keyOf(namespace, name string) string { return name + "." + namespace }

// find returns the first view that knows a Service, and the stanza that shows it, of those
// where it stands.
func find(views []*view, key, where string) (*view, *shown) {
	for _, v := range views {
		if !v.knows(key) {
			continue
		}
		for _, s := range v.stanzas {
			if where == "" || s.stanza.Where == where {
				return v, s
			}
		}
	}
	return nil, nil
}

// knows reports whether a Service is served, left out, or was served as far as that is kept.
func (v *view) knows(key string) bool {
	return v.set(key) != nil || v.whyLeftOut(key) != "" || v.recording.tape != nil && !v.recording.tape.Changed(key).IsZero()
}
