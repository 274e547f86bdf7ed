package records

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"github.com/miekg/dns"
)

func explained(t *testing.T, s *Set) []string {
	t.Helper()
	a := s.Answer(question("_explain.db.default.svc.cluster.local.", dns.TypeTXT))
	if a.Outcome != Found || a.Truncated {
		t.Fatalf("got %+v", a)
	}
	var lines []string
	for _, rr := range a.Records {
		txt := rr.(*dns.TXT)
		if len(txt.Txt) != 1 || txt.Hdr.Ttl != 0 {
			t.Errorf("got %v", txt)
		}
		lines = append(lines, txt.Txt...)
	}
	return lines
}

func TestExplanation(t *testing.T) {
	c := everyTier(health.Policy{PodNames: health.NamesServing})
	c.options.Explain, c.options.Drain = true, []string{"10-0-0-10"}
	c.settle()
	c.pass(time.Minute)
	c.report(append(pods(1, 4, ready), pod(5, ready), pod(6, draining), pod(7, down), pod(8, down), pod(9, dying), pod(10, ready),
		endpoint(11, "fd00::b", "db-11", ready), pod(12, ready))...)
	c.pass(time.Minute)
	got := explained(t, c.report(append(pods(1, 4, ready), pod(5, ready), pod(6, draining), pod(7, down), pod(8, down), pod(9, dying), pod(10, ready),
		endpoint(11, "fd00::b", "db-11", ready), pod(12, down))...))
	past, _ := c.memory.health.Past(model.PodID{5})
	until := past.Until.UTC().Format(time.RFC3339)
	want := []string{
		"policy: publish ready, pod_names serving, fallback draining, fail_open off, damping on 2m0s, srv_tiers published",
		"10-0-0-1 10.0.0.1 good since 2026-03-01T12:00:35Z: published",
		"10-0-0-2 10.0.0.2 good since 2026-03-01T12:00:35Z: published",
		"10-0-0-3 10.0.0.3 good since 2026-03-01T12:00:35Z: published",
		"10-0-0-4 10.0.0.4 good since 2026-03-01T12:00:35Z: published",
		"10-0-0-5 10.0.0.5 damped since 2026-03-01T12:00:35Z: not published, because it flapped, and is damped until " + until + "; its own name stays",
		"10-0-0-6 10.0.0.6 draining since 2026-03-01T12:00:35Z: not published, because it terminates; its own name stays",
		"10-0-0-7 10.0.0.7 sick since 2026-03-01T12:00:35Z: not published, because it is not ready any more",
		"10-0-0-8 10.0.0.8 starting since 2026-03-01T12:00:35Z: not published, because it has never been ready",
		"10-0-0-9 10.0.0.9 dying since 2026-03-01T12:00:35Z: not published, because it terminates, and does not serve any more",
		"10-0-0-10 10.0.0.10 draining since 2026-03-01T12:01:35Z: not published, because it is taken out by annotation; its own name stays",
		"10-0-0-12 10.0.0.12 sick since 2026-03-01T12:02:35Z: not published, because it is not ready any more",
		"db-11 fd00::b good since 2026-03-01T12:01:35Z: published",
	}
	if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestExplanationIsThereOnlyIfWanted(t *testing.T) {
	const text = "_explain.db.default.svc.cluster.local."
	if set := newCourse(Options{}).report(pod(1, ready)); ask(set, text, dns.TypeTXT) != "no name" {
		t.Error("it is there though nobody wants it")
	}
	set := newCourse(Options{Explain: true}).report(pod(1, ready))
	if got := ask(set, text, dns.TypeA); got != "no data" {
		t.Errorf("its address: %s", got)
	}
	if got := explained(t, newCourse(Options{Explain: true}).report()); len(got) != 1 || !strings.HasPrefix(got[0], "policy: ") {
		t.Errorf("without endpoints: %v", got)
	}
	q := question(text, dns.TypeTXT)
	q.Room = 130
	if a := set.Answer(q); len(a.Records) != 1 || !a.Truncated {
		t.Errorf("with little room: %d records, truncated %v", len(a.Records), a.Truncated)
	}
}

func TestTimeOfATierIsWhenItBegan(t *testing.T) {
	c := newCourse(Options{Explain: true})
	line := func(s *Set) string {
		lines := explained(t, s)
		slices.Sort(lines)
		return lines[0]
	}
	for _, row := range []struct {
		conditions model.Conditions
		want       string
	}{
		{down, "starting since 2026-03-01T12:00:00Z"},
		{down, "starting since 2026-03-01T12:00:00Z"},
		{ready, "good since 2026-03-01T12:02:00Z"},
		{ready, "good since 2026-03-01T12:02:00Z"},
		{down, "sick since 2026-03-01T12:04:00Z"},
		{draining, "draining since 2026-03-01T12:05:00Z"},
	} {
		if got := line(c.report(pod(1, row.conditions))); !strings.Contains(got, row.want+": ") {
			t.Errorf("got %s, want %s", got, row.want)
		}
		c.pass(time.Minute)
	}
}

// One Pod can be in another tier in each family: its IPv6 address is taken out
// here.
func TestTimeOfATierIsOfOneFamily(t *testing.T) {
	c := newCourse(Options{Explain: true, Drain: []string{"fd00--1"}})
	for range 3 {
		for _, line := range explained(t, c.report(pod(1, ready), pod6(1, ready))) {
			if !strings.HasPrefix(line, "policy: ") && !strings.Contains(line, " since 2026-03-01T12:00:00Z: ") {
				t.Errorf("%v later: %s", c.now.Sub(epoch), line)
			}
		}
		c.pass(time.Minute)
	}
}

func TestAnExplanationIsBounded(t *testing.T) {
	service, all := statefulSet(100_000)
	// The last ones in the order of the addresses are not published.
	for _, s := range all {
		for i := range s.Endpoints {
			if s.Endpoints[i].Address.As4()[1] == 255 {
				s.Endpoints[i].Conditions = 0
			}
		}
	}
	set := Compile(service, all, Options{Explain: true}, new(Memory), time.Now())
	lines := explained(t, set)
	size := 0
	for _, line := range lines {
		size += explanationSize(line)
	}
	if size < maxExplanation-200 || size > maxExplanation+200 || len(set.explained()) != len(lines) {
		t.Errorf("%d lines of %d bytes, %d of them in the answer", len(set.explained()), size, len(lines))
	}
	last := slices.IndexFunc(lines, func(line string) bool { return strings.HasSuffix(line, ": published") })
	dead := slices.IndexFunc(lines, func(line string) bool { return strings.Contains(line, "not published") })
	if dead != 1 || last >= 0 && last < 300 {
		t.Errorf("the first line of an endpoint that is not published is at %d, that of one that is at %d", dead, last)
	}
	if got := lines[len(lines)-1]; !strings.HasPrefix(got, "and 99") || !strings.HasSuffix(got, " more endpoints") {
		t.Errorf("the last line is %q", got)
	}
}

// An annotation may change the half-life of what is damped. No slice changes then.
func TestADampedPodIsExplainedAfterItsHalfLifeHasBecomeShorter(t *testing.T) {
	damping := func(halfLife time.Duration) Options {
		return Options{Explain: true, Policy: health.Policy{Damping: health.Damping{Mode: health.DampingOn, HalfLife: halfLife}}}
	}
	c := newCourse(damping(health.DefaultHalfLife))
	c.report(pods(1, 5, ready)...)
	for range 3 {
		c.report(append(pods(2, 4, ready), pod(1, down))...)
		c.pass(5 * time.Second)
		c.report(pods(1, 5, ready)...)
	}
	c.expect(t, "after three flaps", "4 good, 1 damped")
	c.pass(time.Minute)
	c.options = damping(10 * time.Second)
	for range 2 {
		lines := explained(t, c.turn())
		if !slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, "it flapped, and is damped until ") }) {
			t.Errorf("got %q", lines)
		}
	}
}

// Who is not ready when this server starts may have been for long, or was ready before.
func TestNobodyIsSaidNeverToHaveBeenReadyAfterAStart(t *testing.T) {
	c := newCourse(Options{Explain: true})
	c.memory.Began = epoch.Add(-time.Minute)
	lines := explained(t, c.report(pod(1, down), pod(2, ready)))
	if want := "10-0-0-1 10.0.0.1 starting since before 2026-03-01T11:59:00Z: " +
		"not published, because it has not been ready since before 11:59:00, when this server began to watch"; lines[1] != want {
		t.Errorf("at the start: got %q, want %q", lines[1], want)
	}
	c.pass(time.Minute)
	lines = explained(t, c.report(pod(1, down), pod(2, ready), pod(3, down)))
	if want := "10-0-0-3 10.0.0.3 starting since 2026-03-01T12:01:00Z: not published, because it has never been ready"; lines[2] != want {
		t.Errorf("a Pod that came later: got %q, want %q", lines[2], want)
	}
}

// An address that another Pod gets does not take the time of the Pod before along.
func TestTimeOfATierIsOfThePod(t *testing.T) {
	c := newCourse(Options{Explain: true})
	c.report(pod(1, ready))
	c.pass(time.Hour)
	next := pod(1, ready)
	next.ID, next.Pod = model.PodID{9}, "pod-9"
	if got := explained(t, c.report(next))[1]; !strings.Contains(got, "since 2026-03-01T13:00:00Z") {
		t.Errorf("got %q", got)
	}
}
