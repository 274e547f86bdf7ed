package roster

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"pgregory.net/rapid"
)

// drawSlices returns slices of a Service: Pods with one address or two, hostnames
// that some share or that look like addresses, and addresses that two Pods claim.
func drawSlices(t *rapid.T) []*model.Slice {
	ports := [][]model.Port{nil, {{Name: "sql", Number: 5432}}, {{Name: "sql", Number: 5432}, {Name: "peer", Number: 7000}}}
	var all []*model.Slice
	for n := range rapid.IntRange(0, 5).Draw(t, "slices") {
		is6 := rapid.Bool().Draw(t, "IPv6")
		s := &model.Slice{SliceKey: model.SliceKey{Name: fmt.Sprintf("db-%d", n)}, Version: uint64(rapid.IntRange(1, 3).Draw(t, "version")),
			Ports: rapid.SampledFrom(ports).Draw(t, "ports")}
		for range rapid.IntRange(0, 6).Draw(t, "endpoints") {
			pod := byte(rapid.IntRange(0, 9).Draw(t, "pod"))
			e := model.Endpoint{
				ID:         model.PodID{pod},
				Pod:        fmt.Sprintf("db-%d", pod),
				Hostname:   rapid.SampledFrom([]string{"", "", "db-1", "shared", "10-0-0-3", fmt.Sprintf("db-%d", pod)}).Draw(t, "hostname"),
				Conditions: model.Conditions(rapid.IntRange(0, int(model.AllConditions)).Draw(t, "conditions")),
				Address:    netip.AddrFrom4([4]byte{10, 0, 0, byte(rapid.IntRange(0, 9).Draw(t, "address"))}),
			}
			if is6 {
				e.Address = netip.AddrFrom16([16]byte{0xfd, 15: e.Address.As4()[3]})
			}
			s.Endpoints = append(s.Endpoints, e)
		}
		all = append(all, s)
	}
	return all
}

func TestARosterHasEachAddressOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := drawSlices(t)
		want := make(map[netip.Addr]bool)
		for _, s := range all {
			for _, e := range s.Endpoints {
				want[e.Address] = true
			}
		}
		c, _ := new(Builder).Build(all, ByHostname)
		if c.Len() != len(want) {
			t.Fatalf("%d places, want %d", c.Len(), len(want))
		}
		for at := range At(c.Len()) {
			address := c.Address(at)
			if found, ok := c.Find(address); !want[address] || !ok || found != at {
				t.Fatalf("%v is at %d, found at %d: %v", address, at, found, ok)
			}
			if e := c.Endpoint(at); e.Address != address || c.Is4(at) != address.Is4() || c.Is4(at) != (int(at) < c.Split()) {
				t.Fatalf("%v is that of %+v", address, e)
			}
		}
	})
}

// Each of its names means an endpoint, unless it is the specified name of others: that
// means these alone.
func TestEachNameOfAnEndpointMeansIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		naming := rapid.SampledFrom([]Naming{ByHostname, ByPodName}).Draw(t, "naming")
		c, _ := new(Builder).Build(drawSlices(t), naming)
		own := make(map[string][]At)
		for at := range At(c.Len()) {
			e := c.Endpoint(at)
			text := cmp.Or(e.Hostname, c.Label(dashed(at)))
			if naming == ByPodName {
				text = cmp.Or(e.Hostname, e.Pod, c.Label(dashed(at)))
			}
			own[text] = append(own[text], at)
			if got := c.Label(c.Target(at)); got != text {
				t.Fatalf("%v is called %q, want %q", c.Address(at), got, text)
			}
		}
		for at := range At(c.Len()) {
			e := c.Endpoint(at)
			for _, text := range []string{e.Hostname, e.Pod, c.Label(dashed(at))} {
				if text == "" {
					continue
				}
				want := own[text]
				if want == nil {
					want = []At{at}
				}
				for _, one := range want {
					if !meant(c.Roster, text, one) {
						t.Fatalf("%q does not mean %v", text, c.Address(one))
					}
				}
				if target, _ := c.Resolve(text); own[text] != nil && len(meaning(c.Roster, target)) != len(want) {
					t.Fatalf("%q means %v, want %v", text, meaning(c.Roster, target), want)
				}
			}
			if length := c.LabelLen(c.Target(at)); length != len(c.Label(c.Target(at))) || length > c.LongestLabel() {
				t.Fatalf("the length of %q is %d, the longest %d", c.Label(c.Target(at)), length, c.LongestLabel())
			}
		}
		ordinals := make(map[int32]Target)
		for at := range At(c.Len()) {
			target := c.Target(at)
			if other, ok := ordinals[c.Ordinal(target)]; ok && other != target || int(c.Ordinal(target)) >= c.Ordinals() {
				t.Fatalf("%d and %d have the ordinal %d", other, target, c.Ordinal(target))
			}
			ordinals[c.Ordinal(target)] = target
		}
	})
}

func meaning(r *Roster, target Target) []At {
	one, several := r.Meaning(target)
	if several == nil {
		return []At{one}
	}
	return several
}

func meant(r *Roster, text string, at At) bool {
	target, ok := r.Resolve(text)
	if !ok {
		return false
	}
	of := meaning(r, target)
	return slices.IsSorted(of) && slices.Contains(of, at)
}

func TestGroupsAreWhoOffersTheSamePorts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := drawSlices(t)
		c, _ := new(Builder).Build(all, ByHostname)
		for at := range At(c.Len()) {
			holder := c.Endpoint(at)
			for _, s := range all {
				offers := slices.ContainsFunc(s.Endpoints, func(e model.Endpoint) bool { return e.Address == holder.Address && e.ID == holder.ID })
				if in := member(c.Roster, s.Ports, at); offers && !in {
					t.Fatalf("%v offers %v in the slice %s, and is in no such group", holder.Address, s.Ports, s.Name)
				}
			}
		}
	})
}

func member(r *Roster, ports []model.Port, at At) bool {
	return slices.ContainsFunc(r.Groups(), func(g Group) bool {
		return slices.Equal(g.Ports, ports) && (g.Members == nil || slices.Contains(g.Members, at))
	})
}

// A Current that is kept and refreshed says what one says that is made anew.
func TestARefreshedCurrentIsAsMadeAnew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := drawSlices(t)
		var b Builder
		built, disputed := b.Build(all, ByHostname)
		if disputed {
			t.Skip("nobody keeps this")
		}
		kept := built.Kept()
		for range 3 {
			next := slices.Clone(all)
			for i, s := range next {
				if rapid.Bool().Draw(t, "changes") {
					state := *s
					state.Version++
					state.Endpoints = slices.Clone(s.Endpoints)
					for j := range state.Endpoints {
						state.Endpoints[j].Conditions = model.Conditions(rapid.IntRange(0, int(model.AllConditions)).Draw(t, "conditions"))
					}
					next[i] = &state
				}
			}
			all = next
			if !kept.Refresh(all) {
				t.Fatal("a change of conditions was not taken over")
			}
			sameConditions(t, kept, all)
			failOf(t, kept)
		}
	})
}

// failOf has the checks of some endpoints fail, and of an address that is nobody's.
func failOf(t *rapid.T, c *Current) {
	want, failing := NewBits(c.Len()), []netip.Addr{netip.MustParseAddr("192.0.2.1")}
	for at := range At(c.Len()) {
		if rapid.IntRange(0, 3).Draw(t, "fails") == 0 {
			want.Add(at)
			failing = append(failing, c.Address(at))
		}
	}
	c.Fail(slices.Values(failing))
	if want.Count() == 0 && c.Failing != nil || want.Count() > 0 && !slices.Equal(c.Failing, want) {
		t.Fatalf("of %v, %v fail", failing, c.Failing)
	}
	if rapid.Bool().Draw(t, "all pass") {
		if c.Fail(slices.Values(failing[:1])); c.Failing != nil {
			t.Fatalf("%v fail", c.Failing)
		}
	}
}

// A Builder is used for one Service after the other.
func TestWhatFailsInOneServiceDoesNotInTheNext(t *testing.T) {
	var b Builder
	all := []*model.Slice{{Endpoints: []model.Endpoint{{Address: netip.MustParseAddr("10.0.0.1")}}}}
	c, _ := b.Build(all, ByHostname)
	c.Fail(slices.Values([]netip.Addr{netip.MustParseAddr("10.0.0.1")}))
	if !c.Failing.Has(0) || c.Kept().Failing != nil {
		t.Errorf("%v fail, and of what is kept %v", c.Failing, c.Kept().Failing)
	}
	if c, _ = b.Build(all, ByHostname); c.Failing != nil {
		t.Errorf("%v fail in the next one", c.Failing)
	}
}

func sameConditions(t *rapid.T, c *Current, all []*model.Slice) {
	fresh, _ := new(Builder).Build(all, ByHostname)
	if !slices.Equal(c.Ready, fresh.Ready) || !slices.Equal(c.Serving, fresh.Serving) || !slices.Equal(c.Terminating, fresh.Terminating) {
		t.Fatalf("got %v, want %v", c.Conditions, fresh.Conditions)
	}
	for at := range At(c.Len()) {
		e := c.Endpoint(at)
		if *e != *fresh.Endpoint(at) {
			t.Fatalf("got %+v, want %+v", e, fresh.Endpoint(at))
		}
		if of := slices.Collect(c.Pod(e.ID)); !slices.Contains(of, at) {
			t.Fatalf("the Pod of %v is at %v", e.Address, of)
		}
	}
	if of := slices.Collect(c.Pod(model.PodID{99})); of != nil {
		t.Fatalf("a Pod that is nowhere is at %v", of)
	}
}
