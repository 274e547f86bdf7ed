package records

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/history"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/topology"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"
)

// Looks is how the endpoints of a Set stand, for people.
type Looks struct {
	set    *Set
	checks checkExplainer
	called roster.Called
}

// Look returns how endpoints stand. It is nil where nobody has asked for that before
// (Options.Look).
func (s *Set) Look() *Looks {
	if s.stood == nil || s.stood.dates == "" {
		return nil
	}
	l := &Looks{set: s, checks: s.explainChecks(s.stood.found)}
	l.called.Take(s.roster)
	return l
}

// Looked is how one endpoint stands.
type Looked struct {
	// Name is what records call it, and Pod its Pod, empty where that is the same, or nobody
	// knows it. Called is what people call it.
	Name, Pod, Called string
	Address           netip.Addr
	Mark              health.Mark
	// Since is since when it is in its tier, or, with Before, that it was when this server
	// began to watch.
	Since  time.Time
	Before bool
	// Until is when its damping ends, zero where it is not damped.
	Until time.Time
	// InName is that the name of the Service has it, Named that it has one of its own.
	InName, Named bool
	// Check is what its check has come to, since CheckSince where that fails. It counts only
	// where Checked is true.
	Check      check.Verdict
	CheckSince time.Time
	Checked    bool
	// Why says why it is published, or not.
	Why string
}

// Of returns how an endpoint stands.
func (l *Looks) Of(at roster.At) Looked {
	s := l.set
	r, n := s.roster, s.stood
	mark, since := health.Mark(n.Marks[at]), n.since(at)
	e := Looked{
		Address: r.Address(at), Mark: mark, Since: since.time(), Before: since.isBefore(), Until: n.Until[at],
		Name: r.Label(r.Target(at)), InName: s.has(at), Named: s.named.Has(at),
	}
	e.Called = l.Called(at)
	_, e.Pod = l.called.Names(at)
	if l.checks.checked != nil {
		l.check(&e, at)
	}
	is := why.Standing{
		Tier: mark.Tier(), Published: e.InName, Waits: s.Waits(), Fails: mark.Failing(), TakenOut: mark.TakenOut(),
		Named: e.Named, Since: e.Since, Before: e.Before, Until: e.Until,
	}
	// Who waits has no rules: whoever is good is to be in the name.
	is.Published = is.Published || is.Waits && is.Tier == health.Good
	e.Why = is.Why() + l.checks.text(r, at)
	return e
}

// Called returns what people call an endpoint: by its name, by its Pod, or by its address.
func (l *Looks) Called(at roster.At) string {
	name, pod := l.called.Names(at)
	return why.Name(history.Endpoint{Name: name, Pod: pod, Address: l.set.roster.Address(at)})
}

// Since returns since when an endpoint is in its tier, at the latest.
func (l *Looks) Since(at int) time.Time { return l.set.stood.since(roster.At(at)).time() }

func (l *Looks) check(e *Looked, at roster.At) {
	e.Check, e.CheckSince = l.checks.found.Of(e.Address)
	e.Checked = l.checks.targets.Has(at)
	if e.Checked && e.Check == check.Failing && e.Mark.Tier() == health.Sick && e.Mark.Failing() {
		e.Since, e.Before = e.CheckSince, false
	}
}

// has reports whether the name of the Service has an endpoint.
func (s *Set) has(at roster.At) bool { return s.name[s.roster.Family(at)].Has(at) }

// Roster returns who is in the Service.
func (s *Set) Roster() *roster.Roster { return s.roster }

// Carried returns how many endpoints the name of the Service has.
func (s *Set) Carried() (n int) {
	for _, who := range s.name {
		n += who.Len()
	}
	return n
}

// Wrong says what a client is told of the name of the Service. It is empty where there is
// nothing to say.
func (s *Set) Wrong() string {
	switch {
	case s.Service.Kind == model.ExternalName:
		return ""
	case s.Waits():
		return s.waits()
	case len(s.outside) > 0 && s.roster.Len() == 0:
		return ""
	}
	return s.noteFamily(s.betterFamily())
}

// HasOutsiders reports whether names in its slices are published.
func (s *Set) HasOutsiders() bool { return len(s.outside) > 0 }

// NotServing reports whether the name has endpoints that do not serve, because too few do, or
// nobody does.
func (s *Set) NotServing() bool {
	for family := range roster.Families {
		if s.failOpen[family] || s.lastRung[family] {
			return true
		}
	}
	return false
}

// LeftOut says how many slices are left out, and why the first of them is; nothing where none
// is.
func (s *Set) LeftOut() string { return s.leftOut() }

// PortNames returns the names of ports that have SRV records, "_PORT._PROTOCOL", sorted.
func (s *Set) PortNames() (all []string) {
	for i := range s.ports {
		all = append(all, "_"+s.ports[i].port.Name+"._"+s.ports[i].port.Protocol.String())
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Unasked returns the Set for those who look at answers and ask for none: its checks do not
// hurry for them.
func (s *Set) Unasked() *Set {
	if s.checked == nil || s.checked.asked == nil {
		return s
	}
	own, checked := *s, *s.checked
	checked.asked, own.checked = nil, &checked
	return &own
}

// CheckText says how the Service is checked, nothing where it is not.
func (s *Set) CheckText() string { return strings.TrimPrefix(s.checkText(), ", check ") }

// Shared is what clients in a zone get of the Service name.
type Shared struct {
	Zone     model.Place
	Family   int
	Got, All int
	Result   topology.Result
}

// Shares returns what clients get by the zones that endpoints are in, in the order of their
// names; nothing where all get the same.
func (s *Set) Shares() (all []Shared) {
	if s.near == nil {
		return nil
	}
	var zones []model.Place
	for count := range s.Places() {
		if !slices.Contains(zones, count.Zone) {
			zones = append(zones, count.Zone)
		}
	}
	slices.SortFunc(zones, func(a, b model.Place) int { return cmp.Compare(valueOf(a), valueOf(b)) })
	for _, zone := range zones {
		for family := range roster.Families {
			n := s.name[family].Len()
			if n == 0 || zone == (model.Place{}) {
				continue
			}
			r := s.near.narrow(s.roster, family, &Client{Zone: zone})
			got := n
			if r.Group != nil {
				got = len(r.Group)
			}
			all = append(all, Shared{zone, family, got, n, r.Result})
		}
	}
	return all
}

func valueOf(p model.Place) string {
	if p == (model.Place{}) {
		return ""
	}
	return p.Value()
}

// Digest is of what answers are made of: servers that have the same answer the same, apart
// from what the Corefile says of them.
func (s *Set) Digest() string {
	h := sha256.New()
	writeText(h, s.Service.String())
	writeText(h, s.Service.Target)
	for at := range roster.At(s.roster.Len()) {
		writeText(h, string(s.roster.Bytes(at)))
		writeText(h, s.roster.Label(s.roster.Target(at)))
		flags := byte(0)
		if s.has(at) {
			flags |= 1
		}
		if s.named.Has(at) {
			flags |= 2
		}
		h.Write([]byte{flags})
	}
	for i := range s.ports {
		p := &s.ports[i]
		writeText(h, p.port.Name+"/"+p.port.Protocol.String())
		h.Write(binary.BigEndian.AppendUint16([]byte{byte(p.tier)}, p.port.Number))
		for n := range p.who.Len() {
			h.Write(binary.BigEndian.AppendUint32(nil, uint32(p.who.At(int32(n)))))
		}
	}
	for _, o := range s.outside {
		writeText(h, o.name)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// writeText writes a text so that no two lists of texts are the same bytes.
func writeText(h hash.Hash, text string) {
	h.Write(binary.AppendUvarint(nil, uint64(len(text))))
	h.Write([]byte(text))
}

// Verdicts yields what the checks of the endpoints have come to that are checked, or would be.
func (l *Looks) Verdicts(yield func(check.Verdict) bool) {
	if l.checks.checked == nil {
		return
	}
	for at := range l.checks.targets.Each {
		if verdict, _ := l.checks.found.Of(l.set.roster.Address(at)); !yield(verdict) {
			return
		}
	}
}
