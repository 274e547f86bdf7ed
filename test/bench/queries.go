package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/bench/coredns"
	"github.com/k8s-endpoints/k8s_endpoints/test/bench/dnsperf"
	"github.com/k8s-endpoints/k8s_endpoints/test/bench/figures"
	"github.com/k8s-endpoints/k8s_endpoints/test/bench/workload"

	"github.com/miekg/dns"
)

// sizes of the Services that are asked for, in endpoints.
var sizes = []int{1, 10, 100, 1000, 5000}

// queryCase is a question in a Service of some size.
type queryCase struct {
	name      string
	endpoints int
	client    int
	question  *dns.Msg
}

// Clients, by the size of the answers that they take, in bytes.
const clientEDNS, clientPlain = 1232, dns.MinMsgSize

func querySizes() map[int]workload.Service {
	services, first := make(map[int]workload.Service), 0
	for _, n := range sizes {
		services[n] = workload.Service{Name: fmt.Sprintf("db-%d", n), Endpoints: n, First: first}
		first += n
	}
	return services
}

func (b *bench) queryCases(services map[int]workload.Service) []queryCase {
	var cases []queryCase
	for _, client := range []int{clientEDNS, clientPlain} {
		if client == clientPlain && b.plainRounds == 0 {
			break
		}
		for _, n := range sizes {
			cases = append(cases, queryCase{"A", n, client, question(services[n].FQDN(), dns.TypeA, client)})
		}
		srv := "_" + workload.PortName + "._tcp." + services[100].FQDN()
		cases = append(cases, queryCase{"SRV", 100, client, question(srv, dns.TypeSRV, client)})
		for _, n := range []int{1, 5000} {
			// A Pod in the middle, for whoever looks for it in order.
			pod := services[n].PodFQDN(n / 2)
			cases = append(cases, queryCase{"Pod", n, client, question(pod, dns.TypeA, client)})
		}
	}
	return cases
}

// measureQueries runs dnsperf against both plugins and the ceiling.
func measureQueries(ctx context.Context, b *bench) error {
	b.report.Queries = nil
	program, err := coredns.Build(ctx, "./test/bench/ceiling")
	if err != nil {
		return err
	}
	services := querySizes()
	return b.with(ctx, func(ctx context.Context, sc *scene) error {
		for _, n := range sizes {
			if err := sc.Create(ctx, []workload.Service{services[n]}); err != nil {
				return err
			}
		}
		return b.during(sc, settings{pinned: true}, func(servers map[string]*server) error {
			for _, s := range servers {
				if err := s.serves(ctx, services[sizes[len(sizes)-1]]); err != nil {
					return err
				}
			}
			return b.queryAll(ctx, program, servers, b.queryCases(services))
		})
	})
}

func (b *bench) queryAll(ctx context.Context, ceilingProgram string, servers map[string]*server, cases []queryCase) (err error) {
	dir, err := os.MkdirTemp("", "k8s_endpoints-queries-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ceiling, doors, err := startCeiling(ctx, ceilingProgram, dir, servers[figures.Ours].address, cases)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ceiling.Stop()) }()
	for i, c := range cases {
		file := filepath.Join(dir, "questions")
		if err := dnsperf.Write(file, c.question); err != nil {
			return err
		}
		rivals := []rival{
			{figures.Ours, servers[figures.Ours].address, servers[figures.Ours].pprof},
			{figures.Stock, servers[figures.Stock].address, servers[figures.Stock].pprof},
			{figures.Ceiling, doors[i].shared, ceiling.pprof},
		}
		if doors[i].anew != "" {
			rivals = append(rivals, rival{figures.Anew, doors[i].anew, ceiling.pprof})
		}
		if err := b.queryOne(ctx, c, file, rivals); err != nil {
			return fmt.Errorf("%s of %d endpoints: %w", c.name, c.endpoints, err)
		}
	}
	return nil
}

// rival is a server to be asked.
type rival struct{ name, address, pprof string }

// profileTime is for each profile.
const profileTime = 3 * time.Second

// queryOne asks the rivals in turn, round by round.
func (b *bench) queryOne(ctx context.Context, c queryCase, file string, rivals []rival) error {
	rounds, round := b.rounds, b.round
	if c.client == clientPlain {
		rounds, round = b.plainRounds, b.round/2
	}
	found := make(map[string][]dnsperf.Result)
	for range rounds {
		for _, r := range rivals {
			result, err := dnsperf.Run(ctx, dnsperf.Load{Address: r.address, Questions: file, Duration: round, Core: loadCore})
			if err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			found[r.name] = append(found[r.name], result)
		}
	}
	if err := b.profileAll(ctx, c, file, rivals); err != nil {
		return err
	}
	var line strings.Builder
	for _, r := range rivals {
		q := summary(found[r.name])
		q.Case, q.Endpoints, q.Client, q.Server = c.name, c.endpoints, c.client, r.name
		b.report.Queries = append(b.report.Queries, q)
		fmt.Fprintf(&line, "  %s %.0f", r.name, q.PerSecond.Median)
	}
	b.say("%-3s %4d endpoints, %4d bytes:%s q/s", c.name, c.endpoints, c.client, line.String())
	return nil
}

// profileAll leaves out the cases for which there is no target.
func (b *bench) profileAll(ctx context.Context, c queryCase, file string, rivals []rival) error {
	if c.client == clientPlain {
		return nil
	}
	for _, r := range rivals {
		name := strings.NewReplacer(",", "", " ", "-").Replace(fmt.Sprintf("%s-%d-%d-%s", c.name, c.endpoints, c.client, r.name))
		load := dnsperf.Load{Address: r.address, Questions: file, Duration: profileTime, Core: loadCore}
		err := b.profiled(ctx, name, r.pprof, profileTime, func(ctx context.Context) error {
			_, err := dnsperf.Run(ctx, load)
			return err
		})
		if err != nil {
			return fmt.Errorf("a profile of %s: %w", r.name, err)
		}
	}
	return nil
}

func summary(results []dnsperf.Result) figures.Queries {
	var q figures.Queries
	var rates, bytes []float64
	for _, r := range results {
		rates, bytes = append(rates, r.PerSecond), append(bytes, r.ResponseBytes)
		q.Lost += r.Lost
	}
	q.PerSecond, q.ResponseBytes = figures.NewSeries(rates), figures.Median(bytes)
	return q
}

// ceilingServer is a server with the plugin ceiling.
type ceilingServer struct {
	*coredns.Process
	pprof string
}

// doors are the addresses of a ceiling for one case. The one with records made
// anew is empty where no figure needs it.
type doors struct{ shared, anew string }

// startCeiling starts one server with a port for each case, where it sends the
// answer that ours gives now.
func startCeiling(ctx context.Context, program, dir, ours string, cases []queryCase) (*ceilingServer, []doors, error) {
	var corefile strings.Builder
	pprof, err := coredns.Address()
	if err != nil {
		return nil, nil, err
	}
	open := func(args string) (string, error) {
		address, err := coredns.Address()
		host, port, _ := strings.Cut(address, ":")
		fmt.Fprintf(&corefile, ".:%s {\n    bind %s\n    pprof %s\n    ceiling %s\n}\n", port, host, pprof, args)
		return address, err
	}
	all := make([]doors, len(cases))
	for i, c := range cases {
		sample, err := coredns.Ask(ctx, ours, c.question)
		if err != nil {
			return nil, nil, err
		}
		wire, err := sample.Pack()
		if err != nil {
			return nil, nil, err
		}
		file := filepath.Join(dir, fmt.Sprintf("answer-%d", i))
		if err := os.WriteFile(file, wire, 0o600); err != nil {
			return nil, nil, err
		}
		if all[i].shared, err = open(file); err != nil {
			return nil, nil, err
		}
		if c.name == "A" && c.client == clientEDNS {
			if all[i].anew, err = open(file + " anew"); err != nil {
				return nil, nil, err
			}
		}
	}
	process, err := coredns.Start(coredns.Program{Path: program, Corefile: corefile.String(), Core: serverCore})
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, syncLimit)
	defer cancel()
	last := len(cases) - 1
	_, err = process.Await(ctx, all[last].shared, cases[last].question, step, func(*dns.Msg) error { return nil })
	if err != nil {
		return nil, nil, errors.Join(err, process.Stop())
	}
	return &ceilingServer{process, pprof}, all, nil
}
