package history

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"

	"pgregory.net/rapid"
)

var epoch = time.Date(2026, 11, 28, 3, 7, 42, 0, time.UTC)

// after returns the Instant that is so long after the epoch.
func after(d time.Duration) Instant { return Instant{epoch.Add(d), time.Hour + d} }

// stateOf returns the state with these endpoints, of which the marks are by address.
func stateOf(all []model.Endpoint, marks map[netip.Addr]health.Mark, rules [roster.Families]health.Rule) *State {
	var v4, v6 []model.Endpoint
	for _, e := range all {
		if e.Address.Is4() {
			v4 = append(v4, e)
		} else {
			v6 = append(v6, e)
		}
	}
	current, _ := new(roster.Builder).Build([]*model.Slice{{SliceKey: model.SliceKey{Name: "a"}, Endpoints: v4}, {SliceKey: model.SliceKey{Name: "b"}, Endpoints: v6}}, roster.ByHostname)
	s := &State{Roster: current.Roster, Rules: rules}
	for at := range roster.At(current.Len()) {
		s.Marks += string([]byte{byte(marks[current.Address(at)])})
	}
	return s
}

// drawEndpoints returns some of 12 Pods, each with an address of one family or of both.
func drawEndpoints(t *rapid.T) (all []model.Endpoint) {
	for n := range 12 {
		if rapid.IntRange(0, 2).Draw(t, "there") == 0 {
			continue
		}
		e := model.Endpoint{ID: model.PodID{byte(n)}, Pod: fmt.Sprintf("pod-%d-%d", n, rapid.IntRange(0, 1).Draw(t, "Pod"))}
		switch rapid.IntRange(0, 4).Draw(t, "name") {
		case 0:
			e.Hostname = fmt.Sprintf("db-%d", n)
		case 1:
			e.Hostname = fmt.Sprintf("other-%d", n)
		case 2:
			e.Hostname = "shared"
		}
		if e.Hostname != "" {
			e.Pod = e.Hostname
		}
		if n != 1 {
			e.Address = netip.AddrFrom4([4]byte{10, 0, 0, byte(n)})
			all = append(all, e)
		}
		if n%4 == 1 {
			e.Address = netip.AddrFrom16([16]byte{0xfd, 15: byte(n)})
			all = append(all, e)
		}
	}
	return all
}

func drawMark(t *rapid.T) health.Mark {
	m := health.Mark(rapid.IntRange(0, health.Tiers-1).Draw(t, "tier"))
	return m | health.Mark(rapid.IntRange(0, 31).Draw(t, "conditions"))<<3
}

// drawState returns what a Service could become, most often with the Roster that it has.
func drawState(t *rapid.T, before *State) *State {
	switch rapid.IntRange(0, 9).Draw(t, "what") {
	case 0:
		return nil
	case 1, 2, 3:
		before = nil
	}
	s := new(State)
	if before != nil {
		*s = *before
	} else {
		s = stateOf(drawEndpoints(t), nil, [roster.Families]health.Rule{1, 1})
	}
	marks := []byte(s.Marks)
	for range rapid.IntRange(0, 3).Draw(t, "marks") {
		if len(marks) > 0 {
			marks[rapid.IntRange(0, len(marks)-1).Draw(t, "at")] = byte(drawMark(t))
		}
	}
	s.Marks, s.Until = string(marks), make(map[roster.At]time.Time)
	for at, mark := range marks {
		if until, known := untilOf(s.Roster.Address(roster.At(at))); known && health.Mark(mark).Tier() == health.Damped {
			s.Until[roster.At(at)] = until
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "rules") == 0 {
		for family := range s.Rules {
			s.Rules[family] = health.Rule(rapid.IntRange(0, 1023).Draw(t, "rule"))
		}
	}
	s.About = rapid.SampledFrom([]string{"", s.About, "publish ready", "publish serving"}).Draw(t, "about")
	return s
}

// momentOf is how a Service stands in a state, by address.
func momentOf(s *State) (m Moment) {
	if s == nil {
		return m
	}
	m = Moment{Served: true, About: s.About, Rules: s.Rules}
	for at := range roster.At(s.Roster.Len()) {
		e := Endpoint{Address: s.Roster.Address(at)}
		if target := s.Roster.Target(at); target >= 0 {
			e.Name = s.Roster.Label(target)
		} else {
			e.Pod = podAt(s.Roster, at)
		}
		mark := health.Mark(s.Marks[at])
		m.Endpoints = append(m.Endpoints, Stood{e, mark, s.Rules[s.Roster.Family(at)].Has(mark), s.Until[at]})
	}
	return sorted(m)
}

// podAt looks for a label that is the name of a Pod.
func podAt(r *roster.Roster, at roster.At) (pod string) {
	for text, of := range r.Names {
		if of == at {
			pod = text
		}
	}
	return pod
}

func sorted(m Moment) Moment {
	slices.SortFunc(m.Endpoints, func(a, b Stood) int { return a.Address.Compare(b.Address) })
	return m
}

// oracle keeps every state.
type oracle struct {
	at     []time.Duration
	states []*State
}

// before returns the state at a time.
func (o *oracle) state(at time.Duration) (s *State) {
	for i := range o.at {
		if o.at[i] <= at {
			s = o.states[i]
		}
	}
	return s
}

func (o *oracle) last() *State {
	if len(o.states) == 0 {
		return nil
	}
	return o.states[len(o.states)-1]
}

// small returns a Recorder that has room for few pages.
func small(pages int) *Recorder {
	r := New(MinSize, after(0))
	r.arena.most = pages
	return r
}

// Whatever the Recorder says was so, and what it does not know, it says.
func TestTheHistoryIsWhatWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, now := small(64), time.Duration(0)
		all := make(map[string]*oracle)
		for _, service := range []string{"a.n", "b.n", "c.n"} {
			all[service] = new(oracle)
		}
		quiet := &oracle{at: []time.Duration{0}, states: []*State{stateOf(drawEndpoints(t), nil, [roster.Families]health.Rule{1, 1})}}
		all["quiet.n"] = quiet
		for range rapid.IntRange(1, 120).Draw(t, "decisions") {
			if rapid.IntRange(0, 40).Draw(t, "restart") == 0 {
				r, now = restarted(t, r, all, now)
			}
			now += time.Duration(rapid.SampledFrom([]int{0, 1, 20, 5000, 100_000}).Draw(t, "ms")) * time.Millisecond
			service := rapid.SampledFrom([]string{"a.n", "a.n", "a.n", "b.n", "c.n"}).Draw(t, "service")
			o := all[service]
			before := o.last()
			next := drawState(t, before)
			r.Record(service, before, next, BySlice, 0, after(now))
			o.at, o.states = append(o.at, now), append(o.states, next)
		}
		for service, o := range all {
			checkStory(t, r, service, o, now+time.Second)
		}
		checkArena(t, r)
	})
}

func checkStory(t *rapid.T, r *Recorder, service string, o *oracle, now time.Duration) {
	s, err := r.Read(service, o.last(), after(now))
	if err != nil {
		t.Fatal(err)
	}
	courses, err := s.Spans(epoch, epoch.Add(now))
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range append(slices.Clone(o.at), now) {
		got, known, err := s.At(epoch.Add(at))
		want := momentOf(o.state(at))
		switch {
		case err != nil:
			t.Fatal(err)
		case known != !epoch.Add(at).Before(s.Known()):
			t.Errorf("%s is known since %v, and at %v: %v", service, s.Known(), at, known)
		case !known:
			continue
		}
		if !reflect.DeepEqual(sorted(got), want) {
			t.Errorf("%s at %v:\n%+v, want\n%+v", service, at, got, want)
		}
		if drawn := drawnAt(courses, epoch.Add(at)); at < now && !slices.Equal(drawn, untimed(want.Endpoints)) {
			t.Errorf("the spans of %s at %v:\n%+v, want\n%+v", service, at, drawn, want.Endpoints)
		}
	}
	checkDecisions(t, s, now)
}

// untimed returns endpoints without the ends of damping, which spans do not have.
func untimed(all []Stood) []Stood {
	all = slices.Clone(all)
	for i := range all {
		all[i].Until = time.Time{}
	}
	return all
}

// untilOf is when damping ends in these tests. Of some that is not known.
func untilOf(address netip.Addr) (until time.Time, known bool) {
	bytes := address.AsSlice()
	last := bytes[len(bytes)-1]
	return epoch.Add(1000*time.Hour + time.Duration(last)*time.Second), last%3 > 0
}

// drawnAt returns who is in a span that has a time.
func drawnAt(courses []Course, at time.Time) (all []Stood) {
	for _, c := range courses {
		for _, s := range c.Spans {
			if !at.Before(s.From) && at.Before(s.To) {
				all = append(all, Stood{Endpoint: c.Endpoint, Mark: s.Mark, InName: s.InName})
			}
		}
	}
	return all
}

// checkDecisions checks that each begins where the one before it ended.
func checkDecisions(t *rapid.T, s *Story, now time.Duration) {
	all, err := s.Decisions(epoch, epoch.Add(now), maxEntries)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range all {
		arrived, left := 0, 0
		for _, c := range d.Changes {
			arrived, left = arrived+toInt(!c.Was), left+toInt(!c.Is)
			until, known := untilOf(c.Address)
			if damped := c.Is && c.After.Tier() == health.Damped; damped && known && !c.Until.Equal(until) || (!damped || !known) && !c.Until.IsZero() {
				t.Errorf("%+v is not damped until %v", c, until)
			}
		}
		if d.After.Endpoints != d.Before.Endpoints+arrived-left || d.Cause != BySlice && d.Cause != ByRestart {
			t.Errorf("%+v", d)
		}
		m, _, err := s.At(d.At)
		if err != nil {
			t.Fatal(err)
		}
		// Several may be of one millisecond.
		if i == 0 || !all[i-1].At.Equal(d.At) {
			if carried, tiers := countedIn(m); d.After.Carried != carried || d.After.Tiers != tiers {
				t.Errorf("after %+v the name has %d, of %v", d, carried, tiers)
			}
		}
		if i > 0 && all[i-1].Before != d.After {
			t.Errorf("%+v is not followed by %+v", d.After, all[i-1].Before)
		}
	}
}

func countedIn(m Moment) (carried int, tiers Tally) {
	for _, e := range m.Endpoints {
		carried += toInt(e.InName)
		tiers[familyOf(e.Address)][e.Mark.Tier()]++
	}
	return carried, tiers
}

func toInt(is bool) int {
	if is {
		return 1
	}
	return 0
}

// checkArena checks that each page is somebody's, or free.
func checkArena(t interface{ Errorf(string, ...any) }, r *Recorder) {
	pages := 0
	for at := range r.all {
		n := 0
		for id := r.all[at].head; id != 0; id = r.arena.page(id).next {
			n++
		}
		if n != int(r.loads[at].pages) {
			t.Errorf("%q has %d pages, and counts %d", r.all[at].service, n, r.loads[at].pages)
		}
		pages += n
	}
	free := 0
	for id := r.arena.free; id != 0; id = r.arena.page(id).next {
		free++
	}
	if free != r.arena.spare || pages+free != r.arena.made || r.arena.made > r.arena.most {
		t.Errorf("%d pages are somebody's, and %d of %d free, of %d and up to %d", pages, free, r.arena.spare, r.arena.made, r.arena.most)
	}
	for service, at := range r.places {
		if r.all[at].service != service || slices.Contains(r.free, at) {
			t.Errorf("%q is not in its place", service)
		}
	}
}
