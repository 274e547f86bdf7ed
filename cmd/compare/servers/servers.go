// Package servers asks the two servers that are compared, and starts ours where none is given.
//
// Read servers.go first, then client.go (one question) and corefile.go (what ours is started with).
package servers

import (
	"context"
	"fmt"
	"net"
	"slices"
	"time"

	_ "github.com/k8s-endpoints/k8s_endpoints" // the directive of ours
	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/plugin/bind"    // directives of its Corefile
	_ "github.com/coredns/coredns/plugin/errors"  // likewise
	_ "github.com/coredns/coredns/plugin/forward" // likewise
	"github.com/miekg/dns"
	"golang.org/x/time/rate"
)

func init() {
	at := slices.Index(dnsserver.Directives, "cache")
	dnsserver.Directives = slices.Insert(dnsserver.Directives, at, "k8s_endpoints")
}

// Config says which servers are compared, and how they may be asked.
type Config struct {
	// Zone is the zone of the cluster, in lower case and with a final dot.
	Zone string
	// KubeDNS and Ours are addresses, host:port. Where Ours is empty, it is started in this process.
	KubeDNS, Ours string
	// Kubeconfig and Context are where a server in this process takes the connection to the API server from; an empty
	// Kubeconfig is the Pod that this runs in.
	Kubeconfig, Context string
	// PodNames says that both have the option endpoint_pod_names.
	PodNames bool
	// Zonal says that both have the option zonal.
	Zonal bool
	// TCP says that kube-dns is asked over TCP only.
	TCP bool
	// Rate is how many questions in a second each server is asked at most.
	Rate float64
	// Timeout is how long a question may take that is asked once.
	Timeout time.Duration
}

// Question returns a question in the way that the servers can be asked.
func (c *Config) Question(name string, typ uint16) differences.Question {
	way := differences.OverUDP
	if c.TCP {
		way = differences.OverTCP
	}
	return differences.Question{Name: name, Type: typ, Way: way}
}

// Servers are the two that are asked.
type Servers struct {
	KubeDNS, Ours *Client
	// IsLocal is set where ours runs in this process.
	IsLocal bool

	config Config
	stop   func() error
}

// Start returns the two servers. Stop ends the one that may run in this process.
func Start(c Config) (*Servers, error) {
	// The plugin forward takes no host name.
	kubeDNS, err := net.ResolveTCPAddr("tcp", c.KubeDNS)
	if err != nil {
		return nil, fmt.Errorf("-kube-dns %s: %w", c.KubeDNS, err)
	}
	c.KubeDNS = kubeDNS.String()
	limits := func() []*rate.Limiter { return []*rate.Limiter{rate.NewLimiter(rate.Limit(c.Rate), 1)} }
	s := &Servers{
		KubeDNS: &Client{udp: c.KubeDNS, tcp: c.KubeDNS, timeout: c.Timeout, limits: limits()},
		Ours:    &Client{udp: c.Ours, tcp: c.Ours, timeout: c.Timeout},
		IsLocal: c.Ours == "",
		config:  c,
		stop:    func() error { return nil },
	}
	if !s.IsLocal {
		s.Ours.limits = limits()
		return s, nil
	}
	caddy.Quiet, dnsserver.Quiet = true, true
	instance, err := caddy.Start(caddy.CaddyfileInput{Contents: corefile(c), Filepath: "Corefile", ServerTypeName: "dns"})
	if err != nil {
		return nil, fmt.Errorf("cannot start k8s_endpoints: %w", err)
	}
	s.stop = instance.Stop
	listening := instance.Servers()[0]
	s.Ours.udp, s.Ours.tcp = listening.LocalAddr().String(), listening.Addr().String()
	return s, nil
}

// Stop ends the server that may run in this process.
func (s *Servers) Stop() error { return s.stop() }

// ForOurs returns the client to ask ours with. A question that ours has to ask kube-dns for counts as one to kube-dns.
func (s *Servers) ForOurs(asksKubeDNS bool) *Client {
	if !s.IsLocal || !asksKubeDNS {
		return s.Ours
	}
	c := *s.Ours
	c.limits = s.KubeDNS.limits
	return &c
}

// Check asks both for a name that every cluster has. Its error says who does not answer, and what may help.
func (s *Servers) Check(ctx context.Context) error {
	q := s.config.Question("kubernetes.default.svc."+s.config.Zone, dns.TypeA)
	m, err := s.KubeDNS.Ask(ctx, q)
	if err != nil {
		return fmt.Errorf("kube-dns does not answer: %w; run this in the cluster, or reach it through "+
			"`kubectl -n kube-system port-forward service/kube-dns 5353:53` with -kube-dns 127.0.0.1:5353 -tcp", err)
	}
	aaaa, err := s.KubeDNS.Ask(ctx, s.config.Question(q.Name, dns.TypeAAAA))
	if err != nil {
		return err
	}
	if len(m.Answer) == 0 && len(aaaa.Answer) == 0 {
		return fmt.Errorf("kube-dns at %s has no address for %s; -zone has to be the zone of the cluster", s.KubeDNS.udp, q.Name)
	}
	if _, err := s.ForOurs(true).Ask(ctx, q); err != nil {
		return fmt.Errorf("k8s_endpoints does not answer: %w", err)
	}
	return nil
}
