package health

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

// Candidate is an endpoint that is decided about.
type Candidate struct {
	model.Conditions
	TakenOut bool
	Past     *Past
	// Fails is that its check does.
	Fails bool
}

// Verdict is what a decision says of candidates of one address family, each by its
// index.
type Verdict struct {
	Tiers []Tier
	Named []bool
	// Given are those that the Service name has.
	Given []bool
	// InName has how many endpoints of which tier the Service name has.
	InName   [Tiers]int
	Counts   [Tiers]int
	FailOpen bool
	Observed int
	Next     time.Time

	standings *Standings
	policy    *Policy
	at        []roster.At
}

func (v *Verdict) Published(t Tier) bool { return v.standings.Published(roster.IPv4, t) }

func (v *Verdict) Backup(t Tier) bool { return v.policy.backup(t) }

// decide decides about endpoints of IPv4. All that is remembered of them is what
// the candidates say.
func decide(p *Policy, g guard, all []Candidate, now time.Time) (Verdict, guard) {
	memory := Memory{pasts: make(map[model.PodID]*Past), guards: [roster.Families]guard{g}}
	slice := &model.Slice{}
	for i, c := range all {
		e := model.Endpoint{Address: addressOf(i), Conditions: c.Conditions}
		binary.BigEndian.PutUint32(e.ID[:], uint32(i))
		slice.Endpoints = append(slice.Endpoints, e)
		if c.Past != nil {
			past := *c.Past
			memory.pasts[e.ID] = &past
		}
	}
	current, _ := new(roster.Builder).Build([]*model.Slice{slice}, roster.ByHostname)
	var failing []netip.Addr
	for i, c := range all {
		if c.Fails {
			failing = append(failing, addressOf(i))
		}
	}
	current.Fail(slices.Values(failing))
	takenOut := roster.NewBits(len(all))
	places := make([]roster.At, len(all))
	for i, c := range all {
		places[i], _ = current.Find(addressOf(i))
		takenOut.Put(places[i], c.TakenOut)
	}
	v := Verdict{standings: new(Standings), policy: p, Tiers: make([]Tier, len(all)), Named: make([]bool, len(all)), Given: make([]bool, len(all))}
	v.Next = memory.Decide(v.standings, p, current, Wishes{TakenOut: takenOut}, now)
	v.at = places
	for i, at := range places {
		v.Tiers[i], v.Named[i] = v.standings.Tier(at), v.standings.Named.Has(at)
		if v.Given[i] = v.standings.InName.Has(at); v.Given[i] {
			v.InName[v.Tiers[i]]++
		}
	}
	v.Counts, v.FailOpen, v.Observed = v.standings.Counts[roster.IPv4], v.standings.FailOpen[roster.IPv4], v.standings.Observed
	return v, memory.guards[roster.IPv4]
}

func addressOf(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
}

// observed is what a change of a slice from before to after adds up to.
func (m *Memory) observed(d Damping, before, after *model.Slice, known func(model.PodID) bool, now time.Time) (flaps int) {
	return m.observe(d, Transition{Before: before, After: after, At: now}, known)
}
