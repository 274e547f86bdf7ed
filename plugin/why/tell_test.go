package why

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/history"
)

// tale makes decisions, one after the other.
type tale struct {
	now     time.Time
	carried int
	all     []history.Decision
}

func newTale() *tale { return &tale{now: at(3, 0, 0), carried: 6} }

// pass lets so many seconds pass.
func (t *tale) pass(seconds int) *tale {
	t.now = t.now.Add(time.Duration(seconds) * time.Second)
	return t
}

// decide is a decision after which the name has so many endpoints.
func (t *tale) decide(carried int, changes ...history.Change) *tale {
	whole := func(n int) history.Whole { return history.Whole{Served: true, Carried: n} }
	t.all = append(t.all, history.Decision{At: t.now, Before: whole(t.carried), After: whole(carried), Lag: 200 * time.Millisecond, Changes: changes})
	t.carried = carried
	return t
}

// told is what is said, the last first, with parts indented.
func (t *tale) told() string {
	var b strings.Builder
	var write func(indent string, all []Line)
	write = func(indent string, all []Line) {
		for _, l := range all {
			when := l.From.Format(time.TimeOnly)
			if !l.To.Equal(l.From) {
				when += "–" + l.To.Format(time.TimeOnly)
			}
			fmt.Fprintf(&b, "%s%s  %s  %s", indent, when, l.Carried, l.Text)
			if l.Besides != "" && len(l.Parts) > 0 {
				fmt.Fprintf(&b, " (%s)", l.Besides)
			}
			b.WriteByte('\n')
			write(indent+"  ", l.Parts)
		}
	}
	lastFirst := slices.Clone(t.all)
	slices.Reverse(lastFirst)
	write("", Tell("shop/web", lastFirst))
	return b.String()
}

func pod(n, address int) history.Endpoint {
	return history.Endpoint{Name: fmt.Sprintf("web-%d", n), Address: netip.AddrFrom4([4]byte{10, 1, byte(n), byte(address)})}
}

func stands(e history.Endpoint, a, b health.Mark) history.Change {
	return history.Change{Endpoint: e, Was: true, Is: true, Before: a, After: b}
}

func came(e history.Endpoint, m health.Mark) history.Change {
	return history.Change{Endpoint: e, Is: true, After: m}
}

func went(e history.Endpoint, m health.Mark) history.Change {
	return history.Change{Endpoint: e, Was: true, Before: m}
}

func TestWhatHappenedIsFolded(t *testing.T) {
	web2 := pod(2, 1)
	for _, row := range []struct {
		name string
		tale func(*tale)
		want string
	}{
		{"nothing", func(*tale) {}, ""},
		{"a dip", func(t *tale) {
			t.decide(5, stands(web2, good, sick)).pass(7).decide(6, stands(web2, sick, good))
		}, "03:00:00–03:00:07  6 → 5 → 6  web-2 was not ready for 7 s\n"},
		{"a dip of a check", func(t *tale) {
			t.decide(5, stands(web2, good, sick|failing)).pass(7).decide(6, stands(web2, sick|failing, good))
		}, "03:00:00–03:00:07  6 → 5 → 6  web-2 did not pass its check for 7 s\n"},
		{"a dip that is long", func(t *tale) {
			t.decide(5, stands(web2, good, sick)).pass(61).decide(6, stands(web2, sick, good))
		}, "03:01:01  5 → 6  web-2 is ready again, after 1 m 01 s\n03:00:00  6 → 5  web-2 is not ready any more\n"},
		{"two dips at once", func(t *tale) {
			t.decide(5, stands(web2, good, sick)).decide(4, stands(pod(3, 1), good, sick)).pass(7).decide(5, stands(web2, sick, good))
		}, "03:00:07  4 → 5  web-2 is ready again, after 7 s\n03:00:00  5 → 4  web-3 is not ready any more\n03:00:00  6 → 5  web-2 is not ready any more\n"},
		{"damping begins", func(t *tale) {
			t.decide(5, stands(web2, good, sick)).pass(7).decide(5, stands(web2, sick, damped))
		}, "03:00:07  5  web-2 is up again, damped\n03:00:00  6 → 5  web-2 is not ready any more\n"},
		{"dips of one that is damped", func(t *tale) {
			t.decide(5, stands(web2, good, damped))
			for range 2 {
				t.pass(60).decide(5, stands(web2, damped, sick)).pass(8).decide(5, stands(web2, sick, damped))
			}
			t.pass(100).decide(6, stands(web2, damped, good))
		}, `03:03:56  5 → 6  web-2 is steady again
03:01:00–03:02:16  5  web-2 flapped 2 times while it was damped (no answer changed)
  03:02:08–03:02:16  5  down for 8 s
  03:01:00–03:01:08  5  down for 8 s
03:00:00  6 → 5  web-2 flapped too often: damped
`},
		{"a rollout", func(t *tale) {
			for _, n := range []int{5, 4} {
				before, after := pod(n, 1), pod(n, 2)
				t.decide(5, stands(before, good, draining)).pass(11).decide(5, stands(before, draining, dying)).pass(4).
					decide(5, went(before, dying)).pass(3).decide(5, came(after, starting)).pass(28+n).decide(6, stands(after, starting, good)).pass(30)
			}
			t.pass(30).decide(5, stands(pod(5, 2), good, sick))
		}, `03:03:11  6 → 5  web-5 is not ready any more
03:00:00–03:02:11  5 to 6  Rollout: 2 Pods replaced, from web-5 to web-4, 2 m 11 s; not ready for 32 to 33 s each (10 changes; never fewer than 5)
  03:02:11  5 → 6  web-4 became ready, after 32 s
  03:01:39  5  web-4 appeared at 10.1.4.2, not ready
  03:01:36  5  web-4 gone (10.1.4.1)
  03:01:32  5  web-4 stopped serving
  03:01:21  6 → 5  web-4 terminates, still serves
  03:00:51  5 → 6  web-5 became ready, after 33 s
  03:00:18  5  web-5 appeared at 10.1.5.2, not ready
  03:00:15  5  web-5 gone (10.1.5.1)
  03:00:11  5  web-5 stopped serving
  03:00:00  6 → 5  web-5 terminates, still serves
`},
		{"one Pod is replaced", func(t *tale) {
			t.decide(5, went(pod(1, 1), dying)).pass(1).decide(5, came(pod(1, 2), starting))
		}, "03:00:01  5  web-1 appeared at 10.1.1.2, not ready\n03:00:00  6 → 5  web-1 gone (10.1.1.1)\n"},
		{"an address is handed on", func(t *tale) {
			t.decide(6, came(history.Endpoint{Name: "web-9", Address: web2.Address}, good), went(web2, dying))
		}, "03:00:00  6  web-2 gone (10.1.2.1), the address is web-9's now\n03:00:00  6  web-9 appeared at 10.1.2.1, ready\n"},
		{"more than half of them go", func(t *tale) {
			t.decide(2, went(pod(1, 1), dying), went(pod(2, 1), dying), went(pod(3, 1), dying), went(pod(4, 1), dying))
		}, `03:00:00  6 → 2  web-1, web-2 and 2 more gone (served 0.20 s after the change)
  03:00:00  6 → 2  web-4 gone (10.1.4.1)
  03:00:00  6 → 2  web-3 gone (10.1.3.1)
  03:00:00  6 → 2  web-2 gone (10.1.2.1)
  03:00:00  6 → 2  web-1 gone (10.1.1.1)
`},
	} {
		told := newTale()
		row.tale(told)
		if got := told.told(); got != row.want {
			t.Errorf("%s: got\n%swant\n%s", row.name, got, row.want)
		}
	}
}
