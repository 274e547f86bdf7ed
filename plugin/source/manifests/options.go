package manifests

import (
	"strings"

	"k8s.io/apimachinery/pkg/labels"
)

// Options select what a Source reports. The zero value selects everything, and
// no Namespaces.
type Options struct {
	// Namespaces holds the namespaces whose objects are reported; all where it
	// is empty.
	Namespaces []string
	// Labels selects Services. Slices follow their namespace alone.
	Labels labels.Selector
	// NamespaceLabels selects the Namespaces that are reported by name.
	NamespaceLabels labels.Selector
	// Places are read of slices where it is true: where endpoints are, and for whose use.
	Places bool
	// Names are read of slices of the address type FQDN where it is true; else these slices
	// are left out.
	Names bool
	// Nodes are reported where it is true.
	Nodes bool
}

// maker makes objects of what an API server would be sent.
type maker struct {
	namespaces      map[string]bool
	labels          labels.Selector
	namespaceLabels labels.Selector
	places, nodes   bool
	names           bool
}

// newMaker returns a maker of the objects that opts select.
func newMaker(opts Options) maker {
	m := maker{labels: opts.Labels, namespaceLabels: opts.NamespaceLabels, places: opts.Places, nodes: opts.Nodes, names: opts.Names}
	if m.labels == nil {
		m.labels = labels.Everything()
	}
	if m.namespaceLabels == nil {
		m.namespaceLabels = labels.Nothing()
	}
	for _, namespace := range opts.Namespaces {
		if m.namespaces == nil {
			m.namespaces = make(map[string]bool)
		}
		m.namespaces[strings.ToLower(namespace)] = true
	}
	return m
}

func (m maker) includes(namespace string) bool { return m.namespaces == nil || m.namespaces[namespace] }
