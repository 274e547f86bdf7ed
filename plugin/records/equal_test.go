package records

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

func TestEqualMeansEqualAnswers(t *testing.T) {
	base := func() []*model.Slice {
		return []*model.Slice{slice(1, []model.Port{sql}, endpoint(0, "10.0.0.1", "db-0", ready), endpoint(1, "10.0.0.2", "db-1", 0))}
	}
	change := func(f func(*model.Slice)) *Set {
		all := base()
		f(all[0])
		return compile(headless, all, roster.ByHostname)
	}
	set := compile(headless, base(), roster.ByHostname)
	for what, other := range map[string]*Set{
		"a new version of the slice":            change(func(s *model.Slice) { s.Version++ }),
		"an unpublished endpoint that vanishes": change(func(s *model.Slice) { s.Endpoints = s.Endpoints[:1] }),
	} {
		if !set.Equal(other) {
			t.Errorf("%s makes a difference", what)
		}
	}
	for what, other := range map[string]*Set{
		"a port without a name": change(func(s *model.Slice) { s.Ports = append(s.Ports, model.Port{Number: 80}) }),
		"another address":       change(func(s *model.Slice) { s.Endpoints[0].Address = netip.MustParseAddr("10.0.0.9") }),
		"another hostname":      change(func(s *model.Slice) { s.Endpoints[0].Hostname = "db-9" }),
		"another Pod name":      change(func(s *model.Slice) { s.Endpoints[0].Pod = "db-9" }),
		"another port":          change(func(s *model.Slice) { s.Ports = []model.Port{peer} }),
		"no port":               change(func(s *model.Slice) { s.Ports = nil }),
		"a Pod gets ready":      change(func(s *model.Slice) { s.Endpoints[1].Conditions = ready }),
		"another kind":          compile(&model.Service{ServiceKey: headless.ServiceKey, Kind: model.ExternalName, Target: "a."}, nil, roster.ByHostname),
		"the other naming":      compile(headless, []*model.Slice{slice(1, []model.Port{sql}, endpoint(0, "10.0.0.1", "", ready))}, roster.ByPodName),
	} {
		if set.Equal(other) {
			t.Errorf("%s makes no difference", what)
		}
	}
}

func TestEqualSeesWhatThePolicyDecides(t *testing.T) {
	of := func(p health.Policy, all ...model.Endpoint) *Set { return newCourse(Options{Policy: p}).report(all...) }
	names := health.Policy{PodNames: health.NamesAll}
	backups := health.Policy{PodNames: health.NamesAll, SRVTiers: health.SRVAll}
	for what, pair := range map[string][2]*Set{
		"who is in the Service name":   {of(names, pod(1, ready), pod(2, down)), of(names, pod(1, ready), pod(2, ready))},
		"who is a backup":              {of(backups, pod(1, ready), pod(2, down)), of(backups, pod(1, ready), pod(2, draining))},
		"the priority of a target":     {of(backups, pod(1, ready), pod(2, ready)), of(backups, pod(1, ready), pod(2, draining))},
		"why nothing is published":     {of(health.Policy{}, pod(1, down)), of(health.Policy{}, pod(1, dying))},
		"that only draining ones are":  {of(names, pod(1, ready)), of(names, pod(1, draining))},
		"that the policy is explained": {newCourse(Options{Explain: true}).report(), newCourse(Options{}).report()},
	} {
		if pair[0].Equal(pair[1]) {
			t.Errorf("%s makes no difference", what)
		}
	}
	if !of(names, pod(1, ready), pod(2, down)).Equal(of(names, pod(1, ready), pod(2, dying))) {
		t.Error("the tier of an endpoint that only has a name makes a difference")
	}
}

func TestASliceThatIsLeftOutIsAnotherReasonOnly(t *testing.T) {
	of := func(more ...*model.Slice) *Set {
		return compile(headless, append([]*model.Slice{slice(1, []model.Port{sql}, pod(1, ready), pod(2, down))}, more...), roster.ByHostname)
	}
	sets := []*Set{
		of(), of(leftOut("a", "type FQDN")), of(leftOut("a", "no address type")), of(leftOut("a", "type FQDN"), leftOut("b", "type FQDN")),
	}
	for i, a := range sets {
		for j, b := range sets {
			if !a.Equal(b) || a.EqualReasons(b) != (i == j) {
				t.Errorf("of %d and %d: equal %t, with equal reasons %t", i, j, a.Equal(b), a.EqualReasons(b))
			}
		}
	}
}

func TestWithoutIsTheDifferenceOfTheAddresses(t *testing.T) {
	set := func(seed int, of ...netip.Addr) *Set {
		slice := &model.Slice{SliceKey: model.SliceKey{Name: "db-1"}}
		for _, addr := range of {
			slice.Endpoints = append(slice.Endpoints, model.Endpoint{Address: addr, ID: model.PodID{byte(seed)}, Conditions: model.Ready})
		}
		return Compile(&model.Service{Kind: model.Headless}, []*model.Slice{slice}, Options{}, new(Memory), time.Time{})
	}
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 500 {
		var a, b []netip.Addr
		var want []netip.Addr
		n := random.IntN(60)
		if round%10 == 0 {
			n = 3000
		}
		for i := range n {
			addr := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
			if random.IntN(3) == 0 {
				addr = netip.AddrFrom16([16]byte{0xfd, 14: byte(i >> 8), 15: byte(i)})
			}
			switch where := random.IntN(max(n/2, 6)); where {
			case 0:
				a, want = append(a, addr), append(want, addr)
			case 1:
				b = append(b, addr)
			default:
				a, b = append(a, addr), append(b, addr)
			}
		}
		slices.SortFunc(want, netip.Addr.Compare)
		if got := slices.SortedFunc(set(1, a...).Without(set(2, b...)), netip.Addr.Compare); !slices.Equal(got, want) {
			t.Fatalf("%v without %v is %v, want %v", a, b, got, want)
		}
		slices.SortFunc(a, netip.Addr.Compare)
		if got := slices.SortedFunc(set(1, a...).Without(nil), netip.Addr.Compare); !slices.Equal(got, a) {
			t.Fatalf("%v without nothing is %v", a, got)
		}
	}
}

func TestReasonsOfEndpointsWithoutNames(t *testing.T) {
	of := func(all ...model.Endpoint) *Set { return newCourse(Options{}).report(all...) }
	starting := of(pod(1, ready), pod(2, down))
	if !starting.EqualReasons(of(pod(1, ready), pod(2, down))) {
		t.Error("the same reasons are not equal")
	}
	for what, other := range map[string]*Set{
		"another endpoint": of(pod(1, ready), pod(3, down)),
		"another tier":     of(pod(1, ready), pod(2, dying)),
		"nobody":           of(pod(1, ready)),
	} {
		if !starting.Equal(other) || starting.EqualReasons(other) || other.EqualReasons(starting) {
			t.Errorf("%s makes no difference in reasons alone", what)
		}
	}
}
