package records

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"github.com/miekg/dns"
	"pgregory.net/rapid"
)

// stock is what the stock plugin gives, which goes by the condition ready alone: the
// names that have records, by type.
type stock map[string]bool

// live are those of the stock plugin's records that this plugin has no reason to leave
// out that says so in its own words.
func (s stock) add(name string, qtype uint16, live bool) {
	key := dns.TypeToString[qtype] + " " + name
	s[key] = s[key] || live
}

// A check that fails is such a reason only of an endpoint that terminates or is taken out, and
// for its own name.
func stockOf(all []*model.Slice, o *Options) (names stock, addresses map[netip.Addr]bool) {
	p := &o.Policy
	names, addresses = make(stock), make(map[netip.Addr]bool)
	for _, s := range all {
		for _, e := range s.Endpoints {
			if !e.Has(model.Ready) {
				continue
			}
			qtype := dns.TypeA
			if e.Address.Is6() {
				qtype = dns.TypeAAAA
			}
			_, fails := o.Found.Failing[e.Address]
			takenOut := slices.Contains(o.Drain, e.Hostname) || slices.Contains(o.Drain, e.Pod)
			live := p.Publish == health.ByReady || e.Has(model.Serving) || !e.Has(model.Terminating)
			live = live && !(fails && (takenOut || e.Has(model.Terminating)))
			names.add("db.default.svc.cluster.local.", qtype, live)
			own := e.Hostname
			if own == "" {
				own = e.Pod
			}
			names.add(own+".db.default.svc.cluster.local.", qtype, !fails)
			addresses[e.Address] = addresses[e.Address] || !fails
			for _, port := range s.Ports {
				names.add("db.default.svc.cluster.local.", dns.TypeSRV, live)
				if port.Name != "" {
					names.add("_"+port.Name+"._"+port.Protocol.String()+".db.default.svc.cluster.local.", dns.TypeSRV, live)
				}
			}
		}
	}
	return names, addresses
}

func drawLawOptions(t *rapid.T) Options {
	o := Options{Policy: health.Policy{
		Publish:  health.Publish(rapid.IntRange(0, 1).Draw(t, "publish")),
		PodNames: health.PodNames(rapid.IntRange(0, 2).Draw(t, "pod_names")),
		FailOpen: rapid.SampledFrom([]int{0, 50}).Draw(t, "fail_open"),
		SRVTiers: health.SRVTiers(rapid.IntRange(0, 1).Draw(t, "srv_tiers")),
		Damping:  health.Damping{Mode: health.DampingMode(rapid.IntRange(0, 2).Draw(t, "damping")), HalfLife: health.DefaultHalfLife},
	}}
	if rapid.Bool().Draw(t, "drains") {
		o.Drain = []string{"db-1", "pod-2"}
	}
	return o
}

// drawFindings has some of the addresses of the test fail their checks.
func drawFindings(t *rapid.T) *check.Findings {
	f := &check.Findings{Failing: make(map[netip.Addr]time.Time)}
	for pod := range 4 {
		for _, format := range []string{"10.0.0.%d", "fd00::%d"} {
			if rapid.IntRange(0, 2).Draw(t, "fails") == 0 {
				f.Failing[netip.MustParseAddr(fmt.Sprintf(format, pod))] = epoch
			}
		}
	}
	return f
}

// Health orders and prefers. Where the stock plugin gives records, this one gives some of
// the same type, whatever the policy says but fallback none, and whatever checks find, unless
// fail_open is off. A Pod that terminates and does not serve any more is gone, also where
// publishNotReadyAddresses asks for it.
func TestHealthNeverEmptiesAName(t *testing.T) {
	conditions := rapid.SampledFrom([]model.Conditions{ready, ready, down, draining, dying, model.Ready, model.Ready | model.Terminating, ready | model.Terminating})
	ports := [][]model.Port{nil, {sql}, {sql, peer}, {{Number: 80}}, {peer}}
	rapid.Check(t, func(t *rapid.T) {
		c := newCourse(drawLawOptions(t))
		asking := *headless
		asking.PublishNotReady = rapid.Bool().Draw(t, "publishNotReadyAddresses")
		c.service = &asking
		c.options.Found = new(check.Findings)
		if rapid.Bool().Draw(t, "checked") {
			c.options.Check, c.options.CheckMode = check.Wanted{Spec: check.Spec{Kind: check.TCP}}, check.On
		}
		count := rapid.IntRange(1, 3).Draw(t, "slices")
		var offered [3][]model.Port
		for n := range count {
			offered[n] = rapid.SampledFrom(ports).Draw(t, "ports")
		}
		for range rapid.IntRange(1, 6).Draw(t, "turns") {
			var states []*model.Slice
			for n := range count {
				var all []model.Endpoint
				for pod := range byte(4) {
					if rapid.IntRange(0, 3).Draw(t, "there") == 0 {
						continue
					}
					address := fmt.Sprintf("10.0.0.%d", pod)
					if n == 2 {
						address = fmt.Sprintf("fd00::%d", pod)
					}
					hostname := ""
					if pod%2 == 0 {
						hostname = fmt.Sprintf("db-%d", pod)
					}
					all = append(all, endpoint(pod, address, hostname, conditions.Draw(t, "conditions")))
				}
				if len(all) > 0 && n == 1 && equalPorts(offered[0], offered[1]) {
					// Of two slices with the same ports the newer one is right, and the
					// stock plugin has both.
					continue
				}
				states = append(states, c.state(fmt.Sprintf("db-%d", n), offered[n], all...))
			}
			if c.options.CheckMode == check.On {
				c.options.Found = drawFindings(t)
			}
			set := c.turn(states...)
			names, addresses := stockOf(c.all(), &c.options)
			for key, live := range names {
				var kind, name string
				fmt.Sscan(key, &kind, &name)
				if a := set.Answer(question(name, dns.StringToType[kind])); live && len(a.Records) == 0 {
					t.Fatalf("%s: no records, outcome %d, policy %v, tiers %v", key, a.Outcome, c.options.Policy, set.Tally().Tiers)
				}
			}
			for _, rr := range set.Answer(question("db.default.svc.cluster.local.", dns.TypeSRV)).Records {
				target := rr.(*dns.SRV).Target
				if len(set.Answer(question(target, dns.TypeA)).Records)+len(set.Answer(question(target, dns.TypeAAAA)).Records) == 0 {
					t.Fatalf("the target %s has no addresses, policy %v", target, c.options.Policy)
				}
			}
			for address, has := range addresses {
				if _, ok := set.Reverse(address); has && !ok {
					t.Fatalf("%v: no PTR record, policy %v", address, c.options.Policy)
				}
			}
			c.pass(time.Duration(rapid.IntRange(0, 20_000).Draw(t, "ms")) * time.Millisecond)
		}
	})
}

func equalPorts(a, b []model.Port) bool { return fmt.Sprint(a) == fmt.Sprint(b) }
