package records

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

func TestWhoLooksSeesWhatExplainSays(t *testing.T) {
	service := &model.Service{ServiceKey: model.ServiceKey{Namespace: "default", Name: "web"}, Kind: model.Headless}
	began := time.Date(2026, 11, 28, 3, 0, 0, 0, time.UTC)
	options := Options{Look: true, Explain: true, Policy: health.Policy{Publish: health.ByServing, PodNames: health.NamesAll, Damping: health.Damping{Mode: health.DampingOn, HalfLife: time.Minute}}}
	var m Memory
	states := []model.Conditions{model.Ready | model.Serving, 0}
	var before *Set
	var slice *model.Slice
	for i := range 8 {
		now := began.Add(time.Duration(i) * 2 * time.Second)
		next := &model.Slice{SliceKey: model.SliceKey{Namespace: "default", Name: "web-x"}, Service: "web"}
		for e, is := range []model.Conditions{states[i%2], states[0], model.Terminating | model.Serving, 0} {
			addr := netip.AddrFrom4([4]byte{10, 0, 0, byte(e + 1)})
			next.Endpoints = append(next.Endpoints, model.Endpoint{Address: addr, Hostname: fmt.Sprintf("web-%d", e), ID: addr.As16(), Conditions: is})
		}
		m.Observe(options.Policy.Damping, []health.Transition{{Before: slice, After: next, At: now}}, []*model.Slice{next})
		slice, options.Before = next, before
		s := Compile(service, []*model.Slice{slice}, options, &m, now)
		before = s
		explained := strings.Join(s.explained(), "\n")
		looks := s.Look()
		for at := range roster.At(s.Roster().Len()) {
			e := looks.Of(at)
			want := fmt.Sprintf("%s %s %s since %s: %s", e.Name, e.Address, e.Mark.Tier(), e.Since.Format(time.RFC3339), e.Why)
			if !strings.Contains(explained, want) {
				t.Errorf("after %d turns %q is not in\n%s", i, want, explained)
			}
			if e.InName != strings.HasPrefix(e.Why, "published") || (e.Mark.Tier() == health.Damped) != !e.Until.IsZero() {
				t.Errorf("after %d turns it is %+v", i, e)
			}
		}
	}
	if n := before.Tally().Tiers[health.Damped] + before.Tally().Tiers[health.Sick]; n == 0 {
		t.Error("nobody was damped or sick")
	}
}

func TestNobodyLooksWhereNobodyAsked(t *testing.T) {
	service := &model.Service{ServiceKey: model.ServiceKey{Namespace: "default", Name: "web"}, Kind: model.Headless}
	if s := Compile(service, nil, Options{}, new(Memory), time.Now()); s.Look() != nil {
		t.Error("there is something to see")
	}
}

func TestWhoOnlyLooksHurriesNoCheck(t *testing.T) {
	s := &Set{checked: &checked{asked: func() { t.Error("it hurries") }}, Service: &model.Service{Kind: model.Headless}, roster: &nobody}
	s.Unasked().Answer(&Question{})
	if s.checked.asked == nil {
		t.Error("nobody hurries checks any more")
	}
}
