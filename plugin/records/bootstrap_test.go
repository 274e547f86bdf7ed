package records

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"github.com/miekg/dns"
)

// need is what a member of a cluster must find at the Service name before it becomes
// ready.
type need struct {
	name string
	met  func(self int, found map[int]bool) bool
}

const members = 3

var needs = []need{
	{"itself", func(self int, found map[int]bool) bool { return found[self] }},
	{"one other", func(self int, found map[int]bool) bool {
		return len(found) > 1 || len(found) == 1 && !found[self]
	}},
	{"a quorum", func(_ int, found map[int]bool) bool { return len(found) > members/2 }},
	{"all", func(_ int, found map[int]bool) bool { return len(found) == members }},
}

// forms reports whether all members become ready, who look the Service name up all at
// once, or one after the other.
func forms(o Options, asking bool, n need, qtype uint16, together bool) bool {
	c := newCourse(o)
	service := *headless
	service.PublishNotReady = asking
	c.service = &service
	var serves [members]bool
	for range members + 1 {
		set := c.report(startedMembers(serves, asking)...)
		next := serves
		for self := range serves {
			if !serves[self] && n.met(self, foundMembers(set, qtype)) {
				next[self] = true
				if !together {
					set = c.report(startedMembers(next, asking)...)
				}
			}
		}
		serves = next
		c.pass(time.Minute)
	}
	return serves == [members]bool{true, true, true}
}

func startedMembers(serves [members]bool, asking bool) []model.Endpoint {
	var all []model.Endpoint
	for i, is := range serves {
		conditions := model.Conditions(0)
		if is {
			conditions = ready
		} else if asking {
			conditions = model.Ready
		}
		all = append(all, endpoint(byte(i), fmt.Sprintf("10.0.0.%d", i), fmt.Sprintf("db-%d", i), conditions))
	}
	return all
}

func foundMembers(s *Set, qtype uint16) map[int]bool {
	found := make(map[int]bool)
	for _, rr := range s.Answer(question("db.default.svc.cluster.local.", qtype)).Records {
		var i int
		switch rr := rr.(type) {
		case *dns.A:
			i = int(rr.A[3])
		case *dns.SRV:
			fmt.Sscanf(rr.Target, "db-%d.", &i)
		}
		found[i] = true
	}
	return found
}

// The table stands in docs/health.md. A policy under which members wait for each other
// says so in its own words: serving gives those who serve, as soon as one does, and
// none gives nobody who does not.
func TestWhoBootstrapsByTheServiceName(t *testing.T) {
	page, err := os.ReadFile("../../docs/health.md")
	if err != nil {
		t.Fatal(err)
	}
	serving := health.Policy{Publish: health.ByServing}
	servingNone := health.Policy{Publish: health.ByServing, Fallback: health.FallbackNone}
	for _, row := range []struct {
		name   string
		policy health.Policy
		asking bool
		// want is, for each need, whether a cluster forms: always, only where all members
		// look at once, or never.
		want [4]string
	}{
		{"`publishNotReadyAddresses`, `publish ready`", health.Policy{}, true, [4]string{"yes", "yes", "yes", "yes"}},
		{"`publishNotReadyAddresses`, `publish ready`, `fallback none`", health.Policy{Fallback: health.FallbackNone}, true, [4]string{"yes", "yes", "yes", "yes"}},
		{"`publishNotReadyAddresses`, `publish serving`", serving, true, [4]string{"at once", "yes", "at once", "at once"}},
		{"`publishNotReadyAddresses`, `publish serving`, `fallback none`", servingNone, true, [4]string{"no", "no", "no", "no"}},
		{"without `publishNotReadyAddresses`", health.Policy{}, false, [4]string{"no", "no", "no", "no"}},
	} {
		if line := "| " + row.name + " | " + strings.Join(row.want[:], " | ") + " |\n"; !strings.Contains(string(page), line) {
			t.Errorf("docs/health.md lacks %q", line)
		}
		for i, n := range needs {
			for _, o := range variants(row.policy) {
				for _, qtype := range []uint16{dns.TypeA, dns.TypeSRV} {
					got := "no"
					switch {
					case forms(o, row.asking, n, qtype, false) && forms(o, row.asking, n, qtype, true):
						got = "yes"
					case forms(o, row.asking, n, qtype, true):
						got = "at once"
					}
					if got != row.want[i] {
						t.Errorf("%s, members need %s in %s, %v: %s, want %s", row.name, n.name, dns.TypeToString[qtype], o.Policy, got, row.want[i])
					}
				}
			}
		}
	}
}

// variants returns the policy with all else that a Corefile can set.
func variants(p health.Policy) (all []Options) {
	for _, names := range []health.PodNames{health.NamesReady, health.NamesServing, health.NamesAll} {
		for _, open := range []int{0, 50} {
			for _, tiers := range []health.SRVTiers{health.SRVPublished, health.SRVAll} {
				for _, mode := range []health.DampingMode{health.DampingOff, health.DampingObserve, health.DampingOn} {
					p.PodNames, p.FailOpen, p.SRVTiers = names, open, tiers
					p.Damping = health.Damping{Mode: mode, HalfLife: health.DefaultHalfLife}
					all = append(all, Options{Policy: p})
				}
			}
		}
	}
	return all
}
