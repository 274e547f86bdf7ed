package manifests

import "github.com/k8s-endpoints/k8s_endpoints/plugin/source"

var _ source.Watched = (*Source)(nil)

// From implements source.Watched.
func (s *Source) From() string { return s.dir }

// Streams implements source.Watched. Files are there, or an error is logged.
func (s *Source) Streams() []source.Stream { return []source.Stream{{Name: "manifests", Up: true}} }

// Outage implements source.Watched.
func (s *Source) Outage() source.Outage { return source.Outage{} }
