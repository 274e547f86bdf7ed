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

// queryCase is a question in a Service of some size. It has no EDNS option: some of
// them are answered by plugins, for which our answer must be a message.
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
	var contests []*contest
	for i, c := range cases {
		made := &contest{queryCase: c, questions: filepath.Join(dir, fmt.Sprintf("questions-%d", i))}
		if err := dnsperf.Write(made.questions, c.question); err != nil {
			return err
		}
		for _, name := range plugins {
			s := servers[name]
			made.add(rival{name, s.address, s.pprof, s.Process})
		}
		made.add(rival{figures.Ceiling, doors[i].shared, ceiling.pprof, ceiling.Process})
		if doors[i].anew != "" {
			made.add(rival{figures.Anew, doors[i].anew, ceiling.pprof, ceiling.Process})
		}
		contests = append(contests, made)
	}
	if err := b.compete(ctx, contests); err != nil {
		return err
	}
	return wroteBytes(ctx, servers[figures.Ours], contests)
}

// wroteBytes returns an error where our plugin has answered with messages: the figures
// would not be what they say.
func wroteBytes(ctx context.Context, ours *server, contests []*contest) error {
	written, err := coredns.Counter(ctx, ours.metrics, "coredns_k8s_endpoints_wire_answers_total")
	if err != nil {
		return err
	}
	answered := 0
	for _, c := range contests {
		for i, r := range c.rivals {
			if r.name == figures.Ours {
				answered += c.found[i].answered
			}
		}
	}
	if written < float64(answered) {
		return fmt.Errorf("of %d answers, %.0f were bytes", answered, written)
	}
	return nil
}

// rival is a server to be asked.
type rival struct {
	name, address, pprof string
	process              *coredns.Process
}

// contest is a case, with the servers that are asked and what was found so far.
type contest struct {
	queryCase
	// questions is a file for dnsperf.
	questions string
	rivals    []rival
	// found is of each rival.
	found []*found
}

func (c *contest) add(r rival) {
	c.rivals, c.found = append(c.rivals, r), append(c.found, new(found))
}

// compete holds one round of all contests after the other: so what else the machine
// does in some minute meets all of them.
func (b *bench) compete(ctx context.Context, contests []*contest) error {
	for n := range max(b.rounds, b.plainRounds) {
		for _, c := range contests {
			if rounds, round := b.effortFor(c.client); n < rounds {
				if err := c.hold(ctx, round); err != nil {
					return err
				}
			}
		}
		b.say("round %d of %d", n+1, b.rounds)
	}
	for _, c := range contests {
		if err := b.profileAll(ctx, c); err != nil {
			return err
		}
		b.conclude(c)
	}
	return nil
}

func (b *bench) effortFor(client int) (rounds int, round time.Duration) {
	if client == clientPlain {
		return b.plainRounds, b.round / 2
	}
	return b.rounds, b.round
}

// hold asks the rivals in turn, for the duration each.
func (c *contest) hold(ctx context.Context, round time.Duration) error {
	for i, r := range c.rivals {
		if err := c.found[i].ask(ctx, r, c.load(r, round)); err != nil {
			return fmt.Errorf("%s of %d endpoints: %s: %w", c.name, c.endpoints, r.name, err)
		}
	}
	return nil
}

func (c *contest) load(r rival, duration time.Duration) dnsperf.Load {
	return dnsperf.Load{Address: r.address, Questions: c.questions, Duration: duration, Core: loadCore}
}

// found is what the rounds of one rival have shown.
type found struct {
	// perSecond, cpu and bytes are of each round: questions answered in a second,
	// and the nanoseconds of CPU and the bytes for each.
	perSecond, cpu, bytes []float64
	answered, lost        int
}

func (f *found) ask(ctx context.Context, r rival, load dnsperf.Load) error {
	before, err := r.process.CPU()
	if err != nil {
		return err
	}
	result, err := dnsperf.Run(ctx, load)
	if err != nil {
		return err
	}
	after, err := r.process.CPU()
	if err != nil {
		return err
	}
	f.perSecond, f.bytes = append(f.perSecond, result.PerSecond), append(f.bytes, result.ResponseBytes)
	f.cpu = append(f.cpu, float64(after-before)/float64(max(1, result.Answered)))
	f.answered, f.lost = f.answered+result.Answered, f.lost+result.Lost
	return nil
}

// conclude puts into the report what a contest has shown.
func (b *bench) conclude(c *contest) {
	var line strings.Builder
	for i, r := range c.rivals {
		f := c.found[i]
		q := figures.Queries{
			Case: c.name, Endpoints: c.endpoints, Client: c.client, Server: r.name,
			PerSecond: figures.NewSeries(f.perSecond), CPU: figures.NewSeries(f.cpu),
			ResponseBytes: figures.Median(f.bytes), Lost: f.lost,
		}
		b.report.Queries = append(b.report.Queries, q)
		fmt.Fprintf(&line, "  %s %.0f q/s, %.1f µs", r.name, q.PerSecond.Median, q.CPU.Median/1e3)
	}
	b.say("%-3s %4d endpoints, %4d bytes:%s", c.name, c.endpoints, c.client, line.String())
}

// profileTime is for each profile.
const profileTime = 3 * time.Second

// profileAll leaves out the cases for which there is no target.
func (b *bench) profileAll(ctx context.Context, c *contest) error {
	if c.client == clientPlain {
		return nil
	}
	for _, r := range c.rivals {
		name := strings.NewReplacer(",", "", " ", "-").Replace(fmt.Sprintf("%s-%d-%d-%s", c.name, c.endpoints, c.client, r.name))
		err := b.profiled(ctx, name, r.pprof, profileTime, func(ctx context.Context) error {
			_, err := dnsperf.Run(ctx, c.load(r, profileTime))
			return err
		})
		if err != nil {
			return fmt.Errorf("a profile of %s: %w", r.name, err)
		}
	}
	return nil
}
