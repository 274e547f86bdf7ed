package differences

import (
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// ReverseZones are the zones of PTR records.
var ReverseZones = []string{"in-addr.arpa.", "ip6.arpa."}

// A Cluster has all Services, and finds them by name and by address.
type Cluster struct {
	// Zone is the forward zone, in lower case and with a final dot.
	Zone     string
	Services []*Service

	// byName has the Services by their full names.
	byName map[string]*Service
	// publishers has by reverse name the headless Services that publish the
	// address, and clusterIPs the Services whose cluster IP it is.
	publishers, clusterIPs map[string][]*Service
	// held are the reverse names of the endpoints of headless Services, published or not.
	held []string
	// served are the namespaces of headless and ExternalName Services.
	served map[string]bool
	// mistaken are the Services with endpoints that are outdated or replaced, and
	// dotted those with Pods whose name has a dot.
	mistaken, dotted []*Service
}

// NewCluster takes over the Services, which nobody may change afterwards.
func NewCluster(zone string, services []*Service) *Cluster {
	c := &Cluster{
		Zone: zone, Services: services,
		byName:     make(map[string]*Service),
		publishers: make(map[string][]*Service),
		clusterIPs: make(map[string][]*Service),
		served:     make(map[string]bool),
	}
	for _, s := range services {
		c.add(s)
	}
	return c
}

func (c *Cluster) add(s *Service) {
	c.byName[s.FullName(c.Zone)] = s
	if s.served() {
		c.served[s.Namespace] = true
	}
	if s.Address != "" {
		name := ReverseName(s.Address)
		c.clusterIPs[name] = append(c.clusterIPs[name], s)
	}
	if len(s.has(Outdated)) > 0 || len(s.has(Replaced)) > 0 {
		c.mistaken = append(c.mistaken, s)
	}
	if s.Kind != Headless {
		return
	}
	for _, e := range s.Endpoints {
		name := ReverseName(e.Address)
		c.held = append(c.held, name)
		if e.Published() && !slices.Contains(c.publishers[name], s) {
			c.publishers[name] = append(c.publishers[name], s)
		}
	}
	if slices.ContainsFunc(s.Endpoints, func(e Endpoint) bool { return strings.Contains(e.Pod, ".") }) {
		c.dotted = append(c.dotted, s)
	}
}

// Of returns the Service at or above a name, or nil.
func (c *Cluster) Of(name string) *Service {
	s, _ := c.at(strings.ToLower(name))
	return s
}

// at returns the Service at or above a name in lower case, and where in the
// name that of the Service begins.
func (c *Cluster) at(name string) (s *Service, begin int) {
	for at, end := 0, false; !end; at, end = dns.NextLabel(name, at) {
		if s := c.byName[name[at:]]; s != nil {
			return s, at
		}
	}
	return nil, 0
}
