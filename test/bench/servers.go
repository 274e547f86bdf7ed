package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/bench/coredns"
	"github.com/k8s-endpoints/k8s_endpoints/test/bench/figures"
	"github.com/k8s-endpoints/k8s_endpoints/test/bench/workload"

	"github.com/miekg/dns"
)

// One core is for the server, the other one for dnsperf.
const serverCore, loadCore = 0, 1

// plugins are those that are measured against each other on the same objects.
var plugins = []string{figures.Ours, figures.Stock}

// server is one of them, alone in its CoreDNS.
type server struct {
	*coredns.Process
	// pprof and metrics are where it has profiles and metrics, as all of it does. page is where
	// it has a status page, if it has.
	address, pprof, metrics, page string
}

// settings of a server. The zero value is the usual one.
type settings struct {
	pinned, traced bool
	// status is with a status page and a history, which only our plugin has.
	status bool
	// kubeconfig is another than the scene's.
	kubeconfig string
	// program is another than the bench's: one that need not have all plugins.
	program string
}

// start returns when the process runs, long before it answers.
func (b *bench) start(sc *scene, plugin string, set settings) (*server, error) {
	s := new(server)
	var unasked string
	for _, address := range []*string{&s.address, &s.pprof, &s.metrics, &s.page, &unasked} {
		var err error
		if *address, err = coredns.Address(); err != nil {
			return nil, err
		}
	}
	kubeconfig := cmp.Or(set.kubeconfig, sc.kubeconfig)
	program := coredns.Program{Path: cmp.Or(set.program, b.program), Core: coredns.AnyCore, Corefile: s.corefile(plugin, kubeconfig, set)}
	if set.program == "" {
		program.Corefile += block(unasked, "pprof "+s.pprof, "prometheus "+s.metrics)
	}
	if set.pinned {
		program.Core = serverCore
	}
	if set.traced {
		program.Env = []string{coredns.TraceHeap}
	}
	var err error
	s.Process, err = coredns.Start(program)
	return s, err
}

// corefile puts nothing in front of the plugin: neither what reads or changes
// answers, for which ours would have to be messages, nor what only costs time.
// Profiles and metrics come from a server block that nobody asks.
func (s *server) corefile(plugin, kubeconfig string, set settings) string {
	options := ""
	if set.status {
		options = fmt.Sprintf("status %s\n        history 16MiB", s.page)
	}
	return block(s.address, fmt.Sprintf(`%s cluster.local in-addr.arpa ip6.arpa {
        kubeconfig %s
        %s
    }`, plugin, kubeconfig, options))
}

func block(address string, plugins ...string) string {
	host, port, _ := strings.Cut(address, ":")
	return fmt.Sprintf(".:%s {\n    bind %s\n    %s\n}\n", port, host, strings.Join(plugins, "\n    "))
}

// syncLimit is how long a server may take to list all objects.
const syncLimit = time.Minute

// step is how often a server is asked whether it answers yet.
const step = 2 * time.Millisecond

// serves returns when the server knows the last endpoint of the Service.
func (s *server) serves(ctx context.Context, service workload.Service) error {
	_, err := s.firstAnswer(ctx, service)
	return err
}

// firstAnswer returns the time from the start of the process until it knows the
// last endpoint of the Service.
func (s *server) firstAnswer(ctx context.Context, service workload.Service) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, syncLimit)
	defer cancel()
	last := service.Endpoints - 1
	want := service.Address(last).String()
	at, err := s.Await(ctx, s.address, question(service.PodFQDN(last), dns.TypeA, 0), step, func(m *dns.Msg) error {
		if len(m.Answer) != 1 || m.Answer[0].(*dns.A).A.String() != want {
			return fmt.Errorf("got %s and %v, want %s", dns.RcodeToString[m.Rcode], m.Answer, want)
		}
		return nil
	})
	return at.Sub(s.Started), err
}

// question is one of a client that takes answers of size bytes, with EDNS where
// that is more than 512.
func question(name string, qtype uint16, size int) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(name, qtype)
	if size > dns.MinMsgSize {
		m.SetEdns0(uint16(size), false)
	}
	return m
}

// during starts servers of all plugins, and stops them after do, in whatever way
// it ends.
func (b *bench) during(sc *scene, set settings, do func(map[string]*server) error) (err error) {
	servers := make(map[string]*server)
	defer func() {
		for _, s := range servers {
			err = errors.Join(err, s.Stop())
		}
	}()
	for _, plugin := range plugins {
		s, err := b.start(sc, plugin, set)
		if err != nil {
			return err
		}
		servers[plugin] = s
	}
	return do(servers)
}

// alone does the same for one plugin after the other.
func (b *bench) alone(sc *scene, set settings, do func(plugin string, s *server) error) error {
	for _, plugin := range plugins {
		err := func() (err error) {
			s, err := b.start(sc, plugin, set)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Stop()) }()
			return do(plugin, s)
		}()
		if err != nil {
			return fmt.Errorf("%s: %w", plugin, err)
		}
	}
	return nil
}
