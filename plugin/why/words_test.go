package why

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/history"
)

const (
	serving     = health.Mark(1<<3 | 1<<4)
	terminating = health.Mark(1 << 5)
	takenOut    = health.Mark(1 << 6)
	failing     = health.Mark(1 << 7)

	good     = health.Mark(health.Good) | serving
	damped   = health.Mark(health.Damped) | serving
	draining = health.Mark(health.Draining) | 1<<4 | terminating
	sick     = health.Mark(health.Sick)
	starting = health.Mark(health.Starting)
	dying    = health.Mark(health.Dying) | terminating
)

var web5 = history.Endpoint{Name: "web-5", Address: netip.MustParseAddr("10.1.5.90")}

func at(hour, minute, second int) time.Time {
	return time.Date(2026, 11, 28, hour, minute, second, 0, time.UTC)
}

func TestWhatHappenedToAnEndpoint(t *testing.T) {
	byServing := About("publish serving")
	is := func(m health.Mark) history.Change { return history.Change{Endpoint: web5, Is: true, After: m} }
	was := func(m health.Mark) history.Change { return history.Change{Endpoint: web5, Was: true, Before: m} }
	turn := func(a, b health.Mark) history.Change {
		return history.Change{Endpoint: web5, Was: true, Is: true, Before: a, After: b}
	}
	ends := func(c history.Change, until time.Time) history.Change {
		c.Until = until
		return c
	}
	for _, row := range []struct {
		change history.Change
		of     Circumstances
		want   string
	}{
		{is(good), Circumstances{}, "web-5 appeared at 10.1.5.90, ready"},
		{is(starting), Circumstances{}, "web-5 appeared at 10.1.5.90, not ready"},
		{is(draining), Circumstances{}, "web-5 appeared at 10.1.5.90, already terminating"},
		{is(health.Mark(health.Draining) | serving | takenOut), Circumstances{}, "web-5 appeared at 10.1.5.90, taken out by annotation"},
		{turn(starting, good), Circumstances{Lasted: 41 * time.Second}, "web-5 became ready, after 41 s"},
		{turn(starting, good), Circumstances{}, "web-5 became ready"},
		{turn(good, sick), Circumstances{About: byServing}, "web-5 stopped being ready"},
		{turn(good, sick), Circumstances{}, "web-5 is not ready any more"},
		{turn(damped, sick), Circumstances{}, "web-5 is not ready any more"},
		{turn(good, sick|failing), Circumstances{}, "web-5 does not pass its check any more"},
		{turn(sick|failing, good), Circumstances{Lasted: time.Minute}, "web-5 passes its check again, after 1 m"},
		{turn(sick, good), Circumstances{Lasted: 8 * time.Second}, "web-5 is ready again, after 8 s"},
		{turn(sick, damped), Circumstances{Until: at(3, 8, 30)}, "web-5 is up again, damped until 03:08:30"},
		{turn(good, damped), Circumstances{Until: at(3, 8, 30)}, "web-5 flapped too often: damped until 03:08:30"},
		{turn(good, damped), Circumstances{}, "web-5 flapped too often: damped"},
		{ends(turn(sick, damped), at(3, 8, 30)), Circumstances{}, "web-5 is up again, damped until 03:08:30"},
		{turn(damped, good), Circumstances{}, "web-5 is steady again"},
		{turn(good, draining), Circumstances{}, "web-5 terminates, still serves"},
		{turn(draining, dying), Circumstances{}, "web-5 stopped serving"},
		{turn(good, dying), Circumstances{}, "web-5 terminates and does not serve"},
		{turn(draining, good), Circumstances{}, "web-5 is put back"},
		{turn(good, health.Mark(health.Draining)|serving|takenOut), Circumstances{}, "web-5 is taken out by annotation"},
		{turn(health.Mark(health.Draining)|serving|takenOut, good), Circumstances{}, "web-5 is put back"},
		{turn(starting, sick), Circumstances{}, "web-5 is not ready any more"},
		{turn(sick, starting), Circumstances{}, "web-5 is as if it had never been ready"},
		{turn(good, health.Mark(health.Good)|1<<4), Circumstances{}, ""},
		{was(dying), Circumstances{}, "web-5 gone (10.1.5.90)"},
		{was(dying), Circumstances{Heir: "web-6"}, "web-5 gone (10.1.5.90), the address is web-6's now"},
	} {
		if got := Change(&row.change, row.of); got != row.want {
			t.Errorf("%+v: got %q, want %q", row.change, got, row.want)
		}
	}
}

func TestAnEndpointIsCalledByTheBestNameThatItHas(t *testing.T) {
	for want, e := range map[string]history.Endpoint{
		"web-5":     web5,
		"web-7d4":   {Pod: "web-7d4", Address: web5.Address},
		"10-1-5-90": {Address: web5.Address},
	} {
		if got := Name(e); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestWhatHappenedToAService(t *testing.T) {
	about := func(f Facts) string { return string(f.About()) }
	served := func(about string, carried int, rule health.Rule) history.Whole {
		w := history.Whole{Served: true, About: about, Carried: carried}
		w.Rules[0] = rule
		return w
	}
	tallied := func(w history.Whole, tiers history.Tally) history.Whole {
		w.Tiers = tiers
		return w
	}
	ready := about(Facts{Kind: "headless", Policy: "publish ready, pod_names all"})
	ours := about(Facts{Kind: "headless", Policy: "publish serving, pod_names all", Own: []string{"publish"}})
	target := func(name string) string { return about(Facts{Kind: "ExternalName", Target: name}) }
	const failOpen = health.Rule(1<<health.Good | 1<<health.Sick | 1<<health.Tiers)
	for _, row := range []struct {
		before, after history.Whole
		want          []string
	}{
		{history.Whole{}, served(ready, 2, 1), []string{"shop/web is served, headless"}},
		{history.Whole{}, served(target("a.example"), 0, 0), []string{"shop/web is served, ExternalName"}},
		{served(ready, 2, 1), history.Whole{}, []string{"shop/web is not served any more"}},
		{served(target("u.example"), 0, 0), served(target("t.example"), 0, 0), []string{"shop/web leads to t.example, before to u.example"}},
		{served(ready, 2, 1), served(ours, 2, 1), []string{"Policy: publish serving, before ready (annotation)"}},
		{served(ours, 2, 1), served(ready, 2, 1), []string{"Policy: publish ready, before serving"}},
		{served(ready, 2, 1), served(target("t.example"), 0, 0), []string{"shop/web is ExternalName, before headless"}},
		{served(ready, 2, 1), served(about(Facts{Kind: "headless", Policy: "publish ready, pod_names all", LeftOut: "annotation x: unknown"}), 2, 1), []string{"Left out: annotation x: unknown"}},
		{served(ready, 2, 1), served(ready, 0, 0), []string{"shop/web is empty: NXDOMAIN"}},
		{served(ready, 2, 1), served(ready, 0, health.Rule(0).Existing()), []string{"shop/web is empty: NODATA"}},
		{served(ready, 0, health.Rule(0).Existing()), served(ready, 0, 0), []string{"shop/web is empty: NXDOMAIN"}},
		{served(ready, 2, 1), tallied(served(ready, 5, failOpen), history.Tally{{health.Good: 1, health.Damped: 1, health.Sick: 3, health.Starting: 1}}), []string{"shop/web fails open: 2 of 5 serving"}},
		{served(ready, 5, failOpen), served(ready, 5, 1), []string{"shop/web does not fail open any more"}},
		{served(ready, 2, 1), served(ready, 1, 1<<health.Draining), []string{"shop/web carries draining endpoints only"}},
		{served(ready, 2, 1), served(ready, 1, 1), nil},
	} {
		if got := Service("shop/web", row.before, row.after); !slices.Equal(got, row.want) {
			t.Errorf("got %q, want %q", got, row.want)
		}
	}
}

func TestWhatHappenedToTheServer(t *testing.T) {
	for _, row := range []struct {
		kind history.Kind
		text string
		want string
	}{
		{history.Started, "", "Started, nothing is known from before"},
		{history.Restored, "2026-11-28T03:00:00Z", "Started from the snapshot of 2026-11-28T03:00:00Z"},
		{history.Restored, EventText("2026-11-28T03:07:30Z", "2026-11-28T03:07:35Z"), "Started from the snapshot of 2026-11-28T03:07:30Z: from 03:07:35 to 03:07:42 nobody looked"},
		{history.Restored, EventText("2026-11-27T23:59:30Z", "2026-11-27T23:59:35Z"), "Started from the snapshot of 2026-11-27T23:59:30Z: from 2026-11-27 23:59:35 to 03:07:42 nobody looked"},
		{history.Lost, EventText("https://10.96.0.1:443", "connection refused"), "The API server https://10.96.0.1:443 is lost: connection refused"},
		{history.Back, EventText("https://10.96.0.1:443", "42.0 s"), "The API server https://10.96.0.1:443 is back after 42.0 s"},
		{history.Silent, EventText("services", "nothing came for 1m30s"), "Watching services anew: nothing came for 1m30s"},
		{history.Listed, EventText("services", "0 added, 3 changed, 0 removed"), "Listed services anew: 0 added, 3 changed, 0 removed"},
		{history.Reloaded, "", "The Corefile was reloaded"},
		{history.ClockSet, "-3.2 s", "The clock was set by -3.2 s"},
		{history.Dropped, "web.shop", "The history of web.shop before 03:07:42 was dropped"},
	} {
		if got := Event(history.Event{At: at(3, 7, 42), Kind: row.kind, Text: row.text}); got != row.want {
			t.Errorf("got %q, want %q", got, row.want)
		}
	}
}

func TestTimesAsPeopleSayThem(t *testing.T) {
	for d, want := range map[time.Duration]string{
		180 * time.Millisecond:     "0.18 s",
		8 * time.Second:            "8 s",
		59600 * time.Millisecond:   "1 m",
		90 * time.Second:           "1 m 30 s",
		62 * time.Second:           "1 m 02 s",
		time.Hour:                  "1 h 00 m",
		26*time.Hour + time.Minute: "26 h 01 m",
	} {
		if got := Duration(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
	if text, late := Lag(180 * time.Millisecond); text != "served 0.18 s after the change" || late {
		t.Errorf("got %q, %v", text, late)
	}
	if _, late := Lag(6 * time.Second); !late {
		t.Error("6 s are not late")
	}
	if got := Carried(5, 4) + ", " + Carried(5, 5); got != "5 → 4, 5" {
		t.Errorf("got %q", got)
	}
}
