package records

import (
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"

	"github.com/miekg/dns"
)

func TestWhereNobodyAsksWhatWasNothingIsKept(t *testing.T) {
	c := newCourse(Options{About: "policy"})
	if set := c.report(pod(1, ready)); set.State() != nil || set.stood != nil {
		t.Errorf("%+v is kept", set.stood)
	}
	if (*Set)(nil).State() != nil {
		t.Error("a Service that is not served has a state")
	}
	external := Compile(&model.Service{Kind: model.ExternalName, Target: "a.example."}, nil, Options{Explain: true}, new(Memory), epoch)
	if external.State() != nil {
		t.Errorf("%+v is kept of an ExternalName Service", external.State())
	}
}

func TestAStateSaysWhoIsInTheName(t *testing.T) {
	all := []model.Endpoint{pod(1, ready), pod(2, down), pod(3, draining), pod(4, dying), pod(5, ready)}
	for name, o := range map[string]Options{
		"all":                  {},
		"with one taken out":   {Drain: []string{"10-0-0-1"}},
		"where draining is up": {Drain: []string{"10-0-0-1", "10-0-0-5"}},
		"with fail open":       {Policy: health.Policy{FailOpen: 100}},
		"while it waits":       {MinEndpoints: 9},
	} {
		o.History, o.About = true, "policy"
		c := newCourse(o)
		c.report(all...)
		set := c.report(pod(1, ready), pod(2, down), pod(3, draining), pod(4, dying), pod(5, down))
		state := set.State()
		if state.About != "policy" || state.Roster != set.roster || len(state.Marks) != len(all) || set.stood.dates != "" {
			t.Fatalf("%s: got %+v", name, state)
		}
		for at := range roster.At(len(all)) {
			family := set.roster.Family(at)
			if mark := health.Mark(state.Marks[at]); state.Rules[family].Has(mark) != set.name[family].Has(at) {
				t.Errorf("%s: the name has endpoint %d, %v: %v", name, at, mark.Tier(), set.name[family].Has(at))
			}
		}
	}
	external := Compile(&model.Service{Kind: model.ExternalName, Target: "a.example."}, nil, Options{History: true, About: "leads to a"}, new(Memory), epoch)
	if state := external.State(); state == nil || state.Roster.Len() != 0 || state.About != "leads to a" {
		t.Errorf("an ExternalName Service has %+v", state)
	}
}

// A name that has nobody denies nothing but its own records where there are names below it.
func TestAStateSaysWhetherAnEmptyNameExists(t *testing.T) {
	for name, row := range map[string]struct {
		options Options
		exists  bool
	}{
		"nobody has a name":        {Options{}, false},
		"all have names":           {Options{Policy: health.Policy{PodNames: health.NamesAll}}, true},
		"it has a record":          {Options{Declared: Declared{TXT: []string{"text"}}}, true},
		"it waits, nobody is up":   {Options{MinEndpoints: 9}, false},
		"it waits, all have names": {Options{MinEndpoints: 9, Policy: health.Policy{PodNames: health.NamesAll}}, true},
	} {
		row.options.History = true
		set := newCourse(row.options).report(pod(1, down), pod(2, down))
		if has := set.Has(question(dbName, dns.TypeA)); has != row.exists || set.State().Rules[roster.IPv4].Exists() != has {
			t.Errorf("%s: it exists: %v, and by its state: %v", name, has, !has)
		}
		if set := newCourse(row.options).report(pod(1, ready), pod(2, ready)); row.options.MinEndpoints == 0 && set.State().Rules[roster.IPv4].Exists() {
			t.Errorf("%s: with endpoints in it, it is empty", name)
		}
	}
}

func TestAStateSaysUntilWhenEndpointsAreDamped(t *testing.T) {
	c := newCourse(Options{History: true, Policy: health.Policy{Damping: health.Damping{Mode: health.DampingOn, HalfLife: health.DefaultHalfLife}}})
	c.report(pods(1, 5, ready)...)
	var set *Set
	for range 3 {
		c.report(append(pods(2, 4, ready), pod(1, down))...)
		c.pass(5 * time.Second)
		set = c.report(pods(1, 5, ready)...)
	}
	state := set.State()
	for at := range roster.At(state.Roster.Len()) {
		damped := health.Mark(state.Marks[at]).Tier() == health.Damped
		if until, known := state.Until[at]; known != damped || known && !until.After(c.now) {
			t.Errorf("%v is damped: %v, until %v", state.Roster.Address(at), damped, until)
		}
	}
	if len(state.Until) != 1 {
		t.Errorf("%d endpoints are damped, want 1", len(state.Until))
	}
}

// What differs in a State is swapped in, be the answers the same.
func TestSetsDifferByHowEndpointsStand(t *testing.T) {
	compile := func(o Options, all ...model.Endpoint) *Set {
		o.Policy.PodNames = health.NamesAll
		return newCourse(o).report(all...)
	}
	o := Options{History: true}
	for name, pair := range map[string][2]*Set{
		"conditions":                  {compile(o, pod(1, ready), pod(2, dying)), compile(o, pod(1, ready), pod(2, down))},
		"what is said of the Service": {compile(o, pod(1, ready)), compile(Options{History: true, About: "more"}, pod(1, ready))},
		"that it is kept":             {compile(o, pod(1, ready)), compile(Options{}, pod(1, ready))},
	} {
		if pair[0].EqualReasons(pair[1]) || pair[1].EqualReasons(pair[0]) {
			t.Errorf("%s: they are equal", name)
		}
	}
	if a, b := compile(o, pod(1, ready), pod(2, down)), compile(o, pod(1, ready), pod(2, down)); !a.EqualReasons(b) {
		t.Error("the same again: they differ")
	}
}

// An address that another endpoint has is not what it was, even in the same tier.
func TestTimeOfATierIsOfOneEndpoint(t *testing.T) {
	c := newCourse(Options{Explain: true})
	c.report(endpoint(1, "10.0.0.1", "db-0", ready), endpoint(2, "10.0.0.2", "db-1", ready))
	c.pass(time.Minute)
	set := c.report(endpoint(1, "10.0.0.1", "db-0", ready), endpoint(3, "10.0.0.2", "db-2", ready))
	got := strings.Join(explained(t, set), "\n")
	for _, want := range []string{"db-0 10.0.0.1 good since 2026-03-01T12:00:00Z: ", "db-2 10.0.0.2 good since 2026-03-01T12:01:00Z: "} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s, want %s", got, want)
		}
	}
}

func TestDatesAreClampedToWhatTheyHold(t *testing.T) {
	for _, row := range []struct {
		at   time.Time
		want string
	}{
		{time.Date(2026, 11, 28, 3, 7, 42, 999, time.UTC), "2026-11-28T03:07:42Z"},
		{time.Time{}, "2020-01-01T00:00:00Z"},
		{time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC), "2088-01-19T03:14:07Z"},
	} {
		if got := datedAt(row.at).String(); got != row.want {
			t.Errorf("%v: got %s, want %s", row.at, got, row.want)
		}
		if got := (datedAt(row.at) | forLonger).String(); got != "before "+row.want {
			t.Errorf("%v: got %s", row.at, got)
		}
	}
}
