package records

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"

	"github.com/miekg/dns"
	"pgregory.net/rapid"
)

func noted(s *Set, text string, qtype uint16) (Answer, string) {
	q := question(text, qtype)
	q.Explain = true
	a := s.Answer(q)
	return a, a.Note
}

func TestNotes(t *testing.T) {
	all := health.Policy{PodNames: health.NamesAll}
	three := append(pods(1, 3, ready), pods(4, 7, down)...)
	for _, row := range []struct {
		name          string
		policy        health.Policy
		before, after []model.Endpoint
		question      string
		qtype         uint16
		outcome       Outcome
		want          string
	}{
		{"nothing to say", health.Policy{}, nil, pods(1, 3, ready), "web.default.svc.cluster.local.", dns.TypeA, Found, ""},
		{"nothing to say, though some are not ready", health.Policy{}, nil, three, "web.default.svc.cluster.local.", dns.TypeA, Found, ""},
		{"nobody is ready", health.Policy{}, pods(1, 1, ready), pods(1, 3, down), "web.default.svc.cluster.local.", dns.TypeA, NoName, "no endpoint is ready: 2 starting, 1 sick"},
		{"nobody is ready, but some have names", all, pods(1, 1, ready), pods(1, 3, down), "web.default.svc.cluster.local.", dns.TypeA, NoData, "no endpoint is ready: 2 starting, 1 sick"},
		{"nobody is ready, whatever the type", health.Policy{}, pods(1, 1, ready), pods(1, 3, down), "web.default.svc.cluster.local.", dns.TypeAAAA, NoName, "no endpoint is ready: 2 starting, 1 sick"},
		{"nobody is ready, in IPv6", health.Policy{}, nil, []model.Endpoint{pod6(1, down)}, "web.default.svc.cluster.local.", dns.TypeA, NoName, "no endpoint is ready: 1 starting"},
		{"nobody is ready, with draining ones that are not published", health.Policy{Fallback: health.FallbackNone}, nil, []model.Endpoint{pod(1, draining), pod(2, dying)},
			"web.default.svc.cluster.local.", dns.TypeA, NoName, "no endpoint is ready: 1 draining, 1 dying"},
		{"draining", health.Policy{}, nil, []model.Endpoint{pod(1, draining), pod(2, down)}, "web.default.svc.cluster.local.", dns.TypeA, Found, "draining endpoints only"},
		{"draining, in SRV records", health.Policy{}, nil, pods(1, 1, draining), "web.default.svc.cluster.local.", dns.TypeSRV, Found, "draining endpoints only"},
		{"draining, in SRV records of a port", health.Policy{}, nil, pods(1, 1, draining), "_sql._tcp.web.default.svc.cluster.local.", dns.TypeSRV, Found, "draining endpoints only"},
		{"nobody serves, whatever the slices say, and nobody is published", health.Policy{Publish: health.ByServing, Fallback: health.FallbackNone}, nil, []model.Endpoint{pod(1, model.Ready)},
			"web.default.svc.cluster.local.", dns.TypeA, NoData, "no endpoint is up: 1 starting"},
		{"fail open", health.Policy{FailOpen: 50}, pods(1, 10, ready), three, "web.default.svc.cluster.local.", dns.TypeA, Found, "fail open: 3 of 10 serving"},
		{"fail open, in SRV records", health.Policy{FailOpen: 50}, pods(1, 10, ready), three, "_sql._tcp.web.default.svc.cluster.local.", dns.TypeSRV, Found, "fail open: 3 of 10 serving"},
		{"fail open, with none that serves", health.Policy{FailOpen: 50}, pods(1, 2, ready), pods(1, 2, down), "web.default.svc.cluster.local.", dns.TypeA, Found, "fail open: 0 of 2 serving"},
		{"fail open that is over", health.Policy{FailOpen: 50}, nil, three, "web.default.svc.cluster.local.", dns.TypeA, Found, ""},
		{"no such endpoint", health.Policy{}, nil, pods(1, 3, ready), "db-9.web.default.svc.cluster.local.", dns.TypeA, NoName, "no such endpoint in default/web"},
		{"an endpoint that is not ready has no name", health.Policy{}, nil, pods(1, 3, down), "10-0-0-1.web.default.svc.cluster.local.", dns.TypeA, NoName, "endpoint 10-0-0-1 is starting, and pod_names ready gives no name to it"},
		{"an endpoint that is sick has no name", health.Policy{}, pods(1, 3, ready), pods(1, 3, down), "10-0-0-1.web.default.svc.cluster.local.", dns.TypeA, NoName, "endpoint 10-0-0-1 is sick, and pod_names ready gives no name to it"},
		{"a Pod that is dying has no name", health.Policy{PodNames: health.NamesServing}, nil, pods(1, 3, dying), "pod-2.web.default.svc.cluster.local.", dns.TypeA, NoName, "endpoint pod-2 is dying, and pod_names serving gives no name to it"},
		{"no such port, though nobody is ready", health.Policy{}, nil, pods(1, 3, down), "_http._tcp.web.default.svc.cluster.local.", dns.TypeSRV, NoName, "no such port at any endpoint of default/web"},
		{"no such protocol, though nobody is ready", health.Policy{}, nil, pods(1, 3, down), "_udp.web.default.svc.cluster.local.", dns.TypeSRV, NoName, "no such port at any endpoint of default/web"},
		{"a port of those who are not ready", health.Policy{}, nil, pods(1, 3, down), "_sql._tcp.web.default.svc.cluster.local.", dns.TypeSRV, NoName, "no endpoint is ready: 3 starting"},
		{"nobody serves yet, and all are to be published", health.Policy{Publish: health.ByServing}, nil, pods(1, 3, model.Ready), "web.default.svc.cluster.local.", dns.TypeA, Found, "nobody serves yet: 3 starting, as publishNotReadyAddresses asks"},
		{"nobody serves any more, and all are to be published", health.Policy{Publish: health.ByServing}, pods(1, 2, ready), pods(1, 3, model.Ready), "_sql._tcp.web.default.svc.cluster.local.", dns.TypeSRV, Found, "nobody serves: 1 starting, 2 sick, as publishNotReadyAddresses asks"},
		{"an endpoint of the other family", health.Policy{}, nil, pods(1, 3, ready), "10-0-0-1.web.default.svc.cluster.local.", dns.TypeAAAA, NoData, "no records of this type here, in default/web"},
		{"an endpoint", health.Policy{}, nil, pods(1, 3, ready), "10-0-0-1.web.default.svc.cluster.local.", dns.TypeA, Found, ""},
		{"an endpoint, while all drain", health.Policy{}, nil, pods(1, 1, draining), "10-0-0-1.web.default.svc.cluster.local.", dns.TypeA, Found, ""},
		{"no such port", health.Policy{}, nil, pods(1, 3, ready), "_http._tcp.web.default.svc.cluster.local.", dns.TypeSRV, NoName, "no such port at any endpoint of default/web"},
		{"no endpoints", health.Policy{}, nil, nil, "web.default.svc.cluster.local.", dns.TypeA, NoName, "default/web has no endpoints"},
		{"no endpoints of the family", health.Policy{}, nil, pods(1, 3, ready), "web.default.svc.cluster.local.", dns.TypeAAAA, NoData, "default/web has no endpoints of this address family"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newCourse(Options{Policy: row.policy})
			c.service = web
			if strings.HasSuffix(row.want, "as publishNotReadyAddresses asks") {
				asking := *web
				asking.PublishNotReady = true
				c.service = &asking
			}
			if row.before != nil {
				c.report(row.before...)
			}
			c.report(row.after...)
			c.pass(2 * time.Second)
			a, note := noted(c.turn(), row.question, row.qtype)
			if a.Outcome != row.outcome || note != row.want {
				t.Errorf("got outcome %d, %q; want %d, %q", a.Outcome, note, row.outcome, row.want)
			}
			if a := c.turn().Answer(question(row.question, row.qtype)); a.Note != "" {
				t.Errorf("nobody asked for %q", a.Note)
			}
		})
	}
}

// A port may have one number at endpoints that drain, and another one at good ones.
func TestANoteOfAPortLooksAtAllItsNumbers(t *testing.T) {
	other := model.Port{Name: sql.Name, Protocol: sql.Protocol, Number: sql.Number + 1}
	all := []*model.Slice{slice(1, []model.Port{sql}, pod(1, draining)), slice(2, []model.Port{other}, pod(2, ready))}
	set := Compile(headless, all, Options{Policy: health.Policy{SRVTiers: health.SRVAll}}, new(Memory), epoch)
	if a, note := noted(set, "_sql._tcp.db.default.svc.cluster.local.", dns.TypeSRV); len(a.Records) != 2 || note != "" {
		t.Errorf("got %d records and the note %q, want 2 and none", len(a.Records), note)
	}
}

// leftOut is a slice that is left out.
func leftOut(name, why string) *model.Slice {
	return &model.Slice{SliceKey: model.SliceKey{Namespace: "default", Name: name}, Service: "db", Refused: why}
}

func TestNotesOfSlicesThatAreLeftOut(t *testing.T) {
	const one = "1 EndpointSlice was left out: type FQDN"
	names := leftOut("z", "type FQDN")
	for _, row := range []struct {
		name     string
		slices   []*model.Slice
		question string
		qtype    uint16
		outcome  Outcome
		want     string
	}{
		{"nothing else", []*model.Slice{names}, "", dns.TypeA, NoName, one + "; apart from that, default/db has no endpoints"},
		{"nothing else, at a port", []*model.Slice{names}, "_sql._tcp.", dns.TypeSRV, NoName, one + "; apart from that, default/db has no endpoints"},
		{"beside a good one", []*model.Slice{slice(1, []model.Port{sql}, pod(1, ready)), names}, "", dns.TypeA, Found, one},
		{"beside a good one, in SRV records", []*model.Slice{slice(1, []model.Port{sql}, pod(1, ready)), names}, "", dns.TypeSRV, Found, one},
		{"beside a good one, in SRV records of a port", []*model.Slice{slice(1, []model.Port{sql}, pod(1, ready)), names}, "_sql._tcp.", dns.TypeSRV, Found, one},
		{"beside a good one, at an endpoint that is there", []*model.Slice{slice(1, nil, pod(1, ready)), names}, "10-0-0-1.", dns.TypeA, Found, ""},
		{"beside a good one, at an endpoint that is not", []*model.Slice{slice(1, nil, pod(1, ready)), names}, "db-7.", dns.TypeA, NoName, one + "; apart from that, no such endpoint in default/db"},
		{"beside a good one, at a port that is not", []*model.Slice{slice(1, nil, pod(1, ready)), names}, "_sql._tcp.", dns.TypeSRV, NoName, one + "; apart from that, no such port at any endpoint of default/db"},
		{"beside a good one, of the other family", []*model.Slice{slice(1, nil, pod(1, ready)), names}, "", dns.TypeAAAA, NoData, one + "; apart from that, default/db has no endpoints of this address family"},
		{"beside one that drains", []*model.Slice{slice(1, nil, pod(1, draining)), names}, "", dns.TypeA, Found, one + "; apart from that, draining endpoints only"},
		{"the first of several", []*model.Slice{names, leftOut("a", `hostname "a.b"`), leftOut("b", "no address type")}, "", dns.TypeA, NoName,
			`3 EndpointSlices were left out, the first: hostname "a.b"; apart from that, default/db has no endpoints`},
	} {
		t.Run(row.name, func(t *testing.T) {
			set := Compile(headless, row.slices, Options{Explain: true}, new(Memory), epoch)
			a, note := noted(set, row.question+"db.default.svc.cluster.local.", row.qtype)
			if a.Outcome != row.outcome || note != row.want {
				t.Errorf("got outcome %d, %q; want %d, %q", a.Outcome, note, row.outcome, row.want)
			}
			text, _, _ := strings.Cut(row.want, ";")
			if lines := explained(t, set); row.want != "" && (len(lines) < 2 || lines[1] != text) {
				t.Errorf("the explanation is %q, want %q in its second line", lines, text)
			}
		})
	}
}

// A slice that turns from good to bad takes its endpoints away, and a good one clears the
// reason.
func TestASliceThatIsLeftOutForAWhile(t *testing.T) {
	c := newCourse(Options{Explain: true})
	for _, step := range []struct {
		name    string
		state   *model.Slice
		answers string
		note    string
	}{
		{"good", c.state("one", nil, pod(1, ready)), "10.0.0.1", ""},
		{"left out", leftOut("one", "type FQDN"), "no name", "1 EndpointSlice was left out: type FQDN; apart from that, default/db has no endpoints"},
		{"left out for another reason", leftOut("one", "no address type"), "no name", "1 EndpointSlice was left out: no address type; apart from that, default/db has no endpoints"},
		{"good again", c.state("one", nil, pod(2, ready)), "10.0.0.2", ""},
	} {
		set := c.turn(step.state)
		if got := addresses(set, dns.TypeA); got != step.answers {
			t.Errorf("%s: got %s, want %s", step.name, got, step.answers)
		}
		if _, note := noted(set, "db.default.svc.cluster.local.", dns.TypeA); note != step.note {
			t.Errorf("%s: got %q, want %q", step.name, note, step.note)
		}
	}
}

// The Roster of a large Service is kept while only conditions change.
func TestASliceThatIsLeftOutOfALargeService(t *testing.T) {
	var all []model.Endpoint
	for i := range fewEndpoints {
		e := pod(1, ready)
		e.Address, e.ID = netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), model.PodID{byte(i >> 8), byte(i)}
		all = append(all, e)
	}
	c := newCourse(Options{})
	for _, step := range []struct {
		name  string
		state *model.Slice
		want  string
	}{
		{"good", c.state("two", nil), ""},
		{"left out", leftOut("two", "type FQDN"), "1 EndpointSlice was left out: type FQDN"},
		{"good again", c.state("two", nil), ""},
	} {
		set := c.turn(c.state("one", nil, all...), step.state)
		if _, note := noted(set, "db.default.svc.cluster.local.", dns.TypeA); note != step.want {
			t.Errorf("%s: got %q, want %q", step.name, note, step.want)
		}
	}
}

// SRV records are of both families.
func TestANoteOfSRVRecordsIsOfTheBetterFamily(t *testing.T) {
	for _, row := range []struct {
		name      string
		four, six model.Conditions
		want      string
	}{
		{"one starts, the other is good", down, ready, ""},
		{"one is good, the other starts", ready, down, ""},
		{"one drains, the other is good", draining, ready, ""},
		{"one starts, the other drains", down, draining, "draining endpoints only"},
		{"both drain", draining, draining, "draining endpoints only"},
	} {
		c := newCourse(Options{})
		set := c.turn(c.state("four", []model.Port{sql}, pod(1, row.four)), c.state("six", []model.Port{sql}, pod6(2, row.six)))
		for _, text := range []string{"db.default.svc.cluster.local.", "_sql._tcp.db.default.svc.cluster.local."} {
			if a, note := noted(set, text, dns.TypeSRV); a.Outcome != Found || note != row.want {
				t.Errorf("%s: %s: %d records and the note %q, want %q", row.name, text, len(a.Records), note, row.want)
			}
		}
	}
}

func TestANoteOfSRVRecordsIsOfTheFamilyThatHasAny(t *testing.T) {
	c := newCourse(Options{Policy: health.Policy{FailOpen: 50, Fallback: health.FallbackNone}})
	c.turn(c.state("four", []model.Port{sql}, pod(1, draining)), c.state("six", []model.Port{sql}, pod6(2, ready)))
	a, note := noted(c.turn(c.state("six", []model.Port{sql}, pod6(2, down))), "db.default.svc.cluster.local.", dns.TypeSRV)
	if a.Outcome != Found || note != "fail open: 0 of 1 serving" {
		t.Errorf("%d records and the note %q", len(a.Records), note)
	}
}

// What a client gets less than it could expect, it is told why.
func TestEveryNegativeAnswerHasANote(t *testing.T) {
	conditions := rapid.SampledFrom([]model.Conditions{ready, down, draining, dying})
	rapid.Check(t, func(t *rapid.T) {
		c := newCourse(Options{Explain: true, Policy: health.Policy{
			PodNames: health.PodNames(rapid.IntRange(0, 2).Draw(t, "pod_names")),
			Fallback: health.Fallback(rapid.IntRange(0, 1).Draw(t, "fallback")),
			FailOpen: rapid.SampledFrom([]int{health.FailOpenUnset, health.FailOpenOff, 50}).Draw(t, "fail_open"),
		}})
		c.options.Check, c.options.CheckMode = postgres, check.Mode(rapid.IntRange(0, int(check.On)).Draw(t, "checks"))
		c.options.Found = drawFindings(t)
		var all []model.Endpoint
		for n := range byte(rapid.IntRange(0, 3).Draw(t, "endpoints")) {
			addr := fmt.Sprintf(rapid.SampledFrom([]string{"10.0.0.%d", "fd00::%d"}).Draw(t, "address"), n)
			all = append(all, endpoint(n, addr, "", conditions.Draw(t, "conditions")))
		}
		set := c.report(all...)
		text := rapid.SampledFrom([]string{"", "pod-0.", "10-0-0-1.", "_tcp.", "_udp.", "_sql._tcp.", "_http._tcp.", "a.b.", "_explain."}).Draw(t, "name") + "db.default.svc.cluster.local."
		qtype := rapid.SampledFrom([]uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypeTXT}).Draw(t, "type")
		a, note := noted(set, text, qtype)
		if a.Outcome != Found && note == "" {
			t.Fatalf("%s %s: no note", text, dns.TypeToString[qtype])
		}
		if plain := set.Answer(question(text, qtype)); plain.Outcome != a.Outcome || len(plain.Records) != len(a.Records) {
			t.Fatalf("%s %s: outcome %d with a note and %d without", text, dns.TypeToString[qtype], a.Outcome, plain.Outcome)
		}
	})
}

func TestANoteHasRoom(t *testing.T) {
	c := newCourse(Options{Policy: health.Policy{}})
	set := c.report(pods(1, 3, draining)...)
	q := question("db.default.svc.cluster.local.", dns.TypeA)
	q.Explain, q.Room = true, 3*sizeA+NoteSize("draining endpoints only")
	if a := set.Answer(q); len(a.Records) != 3 || a.Truncated {
		t.Errorf("got %d records, truncated %v", len(a.Records), a.Truncated)
	}
	q.Room--
	if a := set.Answer(q); len(a.Records) != 2 || !a.Truncated || a.Note == "" {
		t.Errorf("with less room: got %d records, truncated %v, note %q", len(a.Records), a.Truncated, a.Note)
	}
	if NoteSize("four") != 10 {
		t.Error("an Extended DNS Error has 6 bytes besides its text")
	}
}

func TestNotesOfAnExternalName(t *testing.T) {
	set := compile(&model.Service{ServiceKey: web.ServiceKey, Kind: model.ExternalName, Address: netip.MustParseAddr("192.0.2.1")}, nil, roster.ByHostname)
	for _, row := range []struct {
		question string
		qtype    uint16
		want     string
	}{
		{"web.default.svc.cluster.local.", dns.TypeA, ""},
		{"web.default.svc.cluster.local.", dns.TypeAAAA, "no records of this type here, in default/web"},
		{"a.web.default.svc.cluster.local.", dns.TypeA, "no such endpoint in default/web, which is an ExternalName Service"},
		{"_sql._tcp.web.default.svc.cluster.local.", dns.TypeSRV, "no such port in default/web, which is an ExternalName Service"},
	} {
		if _, note := noted(set, row.question, row.qtype); note != row.want {
			t.Errorf("%s %s: got %q", row.question, dns.TypeToString[row.qtype], note)
		}
	}
}
