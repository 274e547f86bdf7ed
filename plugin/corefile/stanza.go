// Package corefile reads what people say of this plugin: the stanza of a server
// block in the Corefile, and the annotations of a Service.
//
// To read it, begin with stanza.go, which has all that a stanza can say. Then
// parse.go, which reads one: its options stand in sources.go (which objects are
// read), answers.go (how they are answered for), clients.go (where clients are) and status.go (the
// page), with the help of arguments.go.
// What a Service may say as well stands in words.go, once for both, with the records that
// it declares in declared.go, and settings.go puts the two together. block.go is about
// what stands beside the stanza.
package corefile

import (
	"net/netip"
	"time"

	"github.com/coredns/coredns/plugin/pkg/fall"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/place"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/snapshot"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/source/apiserver"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/topology"

	"k8s.io/apimachinery/pkg/labels"
)

// Stanza is what the Corefile says in one server block.
type Stanza struct {
	// Zones are domain names with a final dot, in lower case. Primary is the first
	// that is not a reverse one: PTR records point into it.
	Zones   []string
	Primary string
	// Fall holds the names whose questions pass on where no Service owns them.
	Fall fall.F

	// TTL and NegativeTTL are in seconds, from 0 to 3600.
	TTL, NegativeTTL uint32
	// MaxAnswers bounds the addresses of a Service name, and the SRV records of a name;
	// 0 is no bound.
	MaxAnswers int
	// NameServer has the addresses of the zones' name server; none are those at which
	// questions arrive.
	NameServer []netip.Addr
	// StartupTimeout is how long the start waits for the first list.
	StartupTimeout time.Duration
	// Patience is how long the denial of an endpoint name waits, at most 2 s; 0 is not at all.
	Patience time.Duration
	Settings Settings
	// Clients are where clients are.
	Clients place.Lines
	// Status is where the status page is, the zero value for none.
	Status netip.AddrPort

	// Where is where the stanza begins, "FILE:LINE", and Lines where each option is that it
	// has, the first line of one that it has several times.
	Where string
	Lines map[string]string

	// Manifests is a directory; without one, objects come from an API server.
	Manifests string
	API       apiserver.Config
	Snapshot  snapshot.Option

	// Namespaces are sorted; none are all.
	Namespaces []string
	// Labels and NamespaceLabels are nil where all are selected.
	Labels, NamespaceLabels labels.Selector
}

// Key is the same for stanzas that can share what they hold: those that read the
// same objects and compile them in the same way.
type Key struct {
	settings  Settings
	manifests string
	// api also has what is selected, from whichever source.
	api     apiserver.Key
	clients place.Wanted
}

// Key returns the key of a stanza.
func (s *Stanza) Key() Key {
	return Key{s.Settings, s.Manifests, s.Config().Key(), s.Clients.Feed()}
}

// Config says which API server is read, and what of it.
func (s *Stanza) Config() apiserver.Config {
	config := s.API
	config.Places, config.Nodes, config.Names = s.WantsPlaces(), s.WantsNodes(), s.Settings.FQDNSlices
	return config
}

// WantsPlaces reports whether answers depend on where endpoints are, and for whose use.
func (s *Stanza) WantsPlaces() bool {
	return s.Settings.Zonal || s.Settings.Topology.Mode != topology.Off
}

// WantsNodes reports whether clients are found by the Nodes of the cluster.
func (s *Stanza) WantsNodes() bool { return s.Clients.Feed().Nodes() }
