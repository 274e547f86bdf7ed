package apiserver

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
)

// lacking is a scene after its first lists with a headless Service that has no
// slices.
func lacking(t tester) *scene {
	sc := newScene(t)
	sc.listNothing()
	sc.add(sc.headless, headless("a", 2))
	return sc
}

// withExtra is a scene in which the Service a has an extra stream, which has
// listed these slices.
func withExtra(t tester, slices ...runtime.Object) *scene {
	sc := lacking(t)
	sc.after(extraWait)
	if len(sc.opened) != 1 {
		t.Fatalf("%d extra streams were opened, want 1", len(sc.opened))
	}
	sc.list(sc.opened[0].stream, 3, slices...)
	return sc
}

func TestExtraStreamBegins(t *testing.T) {
	tests := []struct {
		name   string
		events func(sc *scene)
		want   int
	}{
		{"for a Service that has no slice in time", func(sc *scene) {
			sc.add(sc.headless, headless("a", 2))
			sc.after(extraWait)
		}, 1},
		{"not before the time is over", func(sc *scene) {
			sc.add(sc.headless, headless("a", 2))
			sc.after(extraWait - 1)
		}, 0},
		{"not for a Service whose slice was there before it", func(sc *scene) {
			sc.add(sc.main, slice("s", "a", 2))
			sc.add(sc.headless, headless("a", 3))
			sc.after(extraWait)
		}, 0},
		{"not for a Service that gets a slice in time", func(sc *scene) {
			sc.add(sc.headless, headless("a", 2))
			sc.add(sc.main, slice("s", "a", 3))
			sc.after(extraWait)
		}, 0},
		{"not for a Service that has a slice made by hand", func(sc *scene) {
			sc.add(sc.headless, headless("a", 2))
			sc.add(sc.other, handMade("s", "a", 3))
			sc.after(extraWait)
		}, 0},
		{"not for a Service without a selector", func(sc *scene) {
			sc.add(sc.headless, byHand("a", 2))
			sc.after(extraWait)
		}, 0},
		{"not for an ExternalName Service", func(sc *scene) {
			sc.add(sc.external, externalName("a", 2))
			sc.after(extraWait)
		}, 0},
		{"not for a Service that is gone by then", func(sc *scene) {
			sc.add(sc.headless, headless("a", 2))
			sc.delete(sc.headless, headless("a", 3))
			sc.after(settleTime)
			sc.after(extraWait)
		}, 0},
		{"not for a Service that is no longer headless by then", func(sc *scene) {
			sc.add(sc.headless, headless("a", 2))
			sc.add(sc.external, externalName("a", 3))
			sc.after(extraWait)
		}, 0},
		{"once for a Service that changes while it waits", func(sc *scene) {
			sc.add(sc.headless, headless("a", 2))
			sc.after(extraWait / 2)
			sc.update(sc.headless, headless("a", 3))
			sc.after(extraWait / 2)
			sc.update(sc.headless, headless("a", 4))
			sc.after(extraWait)
		}, 1},
		{"for a Service whose last slice went", func(sc *scene) {
			sc.add(sc.main, slice("s", "a", 2))
			sc.add(sc.headless, headless("a", 3))
			sc.delete(sc.main, slice("s", "a", 4))
			sc.after(settleTime)
			sc.after(extraWait)
		}, 1},
		{"for a Service whose last slice went to another Service", func(sc *scene) {
			sc.add(sc.main, slice("s", "a", 2))
			sc.add(sc.headless, headless("a", 3))
			sc.update(sc.main, slice("s", "b", 4))
			sc.after(extraWait)
		}, 1},
		{"for a Service whose only slice is unusable", func(sc *scene) {
			sc.add(sc.headless, headless("a", 3))
			sc.add(sc.main, unusable("s", "a", 4))
			sc.after(extraWait)
		}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sc := newScene(t)
			sc.listNothing()
			tt.events(sc)
			if len(sc.opened) != tt.want {
				t.Errorf("%d extra streams were opened, want %d", len(sc.opened), tt.want)
			}
			sc.end()
		})
	}
}

func TestExtraStreamEnds(t *testing.T) {
	tests := []struct {
		name   string
		events func(sc *scene)
		ended  bool
		want   string
	}{
		{"not while only it has the slice", func(sc *scene) {
			sc.after(time.Hour)
		}, false, "n/a headless, slice n/s of a at 1"},
		{"when the main stream has the slice", func(sc *scene) {
			sc.add(sc.main, slice("s", "a", 4))
			sc.after(settleTime)
		}, true, "n/a headless, slice n/s of a at 4"},
		{"not when the main stream has another slice", func(sc *scene) {
			sc.add(sc.main, slice("t", "a", 4))
			sc.update(sc.opened[0].stream, slice("t", "a", 4))
			sc.after(settleTime)
		}, false, "n/a headless, slice n/s of a at 1, slice n/t of a at 4"},
		{"not when somebody adds a slice by hand", func(sc *scene) {
			sc.add(sc.opened[0].stream, handMade("t", "a", 4))
			sc.add(sc.other, handMade("t", "a", 4))
			sc.after(settleTime)
		}, false, "n/a headless, slice n/s of a at 1, slice n/t of a at 4"},
		{"not when the only slice of the main stream is unusable", func(sc *scene) {
			sc.update(sc.opened[0].stream, unusable("s", "a", 4))
			sc.add(sc.main, unusable("s", "a", 4))
		}, false, "n/a headless"},
		{"when the last slice that only it had is gone", func(sc *scene) {
			sc.add(sc.main, slice("t", "a", 4))
			sc.update(sc.opened[0].stream, slice("t", "a", 4))
			sc.delete(sc.opened[0].stream, trapped("s", "a", 5))
			sc.after(settleTime)
		}, true, "n/a headless, slice n/t of a at 4"},
		{"with the Service, and its slice goes too", func(sc *scene) {
			sc.delete(sc.headless, headless("a", 4))
			sc.after(settleTime)
			sc.after(settleTime)
		}, true, ""},
		{"when the Service is no longer headless", func(sc *scene) {
			sc.add(sc.external, externalName("a", 4))
			sc.after(settleTime)
		}, true, "n/a -> example.org."},
		{"not when the Service loses its selector", func(sc *scene) {
			sc.update(sc.headless, byHand("a", 4))
			sc.after(settleTime)
		}, false, "n/a headless, slice n/s of a at 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sc := withExtra(t, trapped("s", "a", 1))
			sc.want("n/a headless, slice n/s of a at 1")
			tt.events(sc)
			if ended := sc.ended[sc.opened[0]]; ended != tt.ended {
				t.Errorf("the extra stream has ended: %v, want %v", ended, tt.ended)
			}
			sc.want(tt.want)
			sc.end()
		})
	}
}

func TestExtraStreamThatHasEndedSaysNothingAnyMore(t *testing.T) {
	sc := withExtra(t, trapped("s", "a", 1))
	late := sc.opened[0].stream
	sc.add(sc.main, slice("s", "a", 4))
	sc.add(late, slice("t", "a", 5))
	sc.want("n/a headless, slice n/s of a at 4")
	sc.delete(late, slice("s", "a", 6))
	sc.list(late, 7)
	sc.after(settleTime)
	sc.want("n/a headless, slice n/s of a at 4")
	sc.end()
}

func TestSliceThatGoesFromOneExtraStreamToAnother(t *testing.T) {
	from := func(sc *scene) { sc.update(sc.opened[0].stream, trapped("s", "b", 9)) }
	to := func(sc *scene) { sc.add(sc.opened[1].stream, trapped("s", "b", 9)) }
	for _, order := range orders([]event{{"leaves", from}}, []event{{"enters", to}}) {
		t.Run(names(order), func(t *testing.T) {
			sc := withExtra(t, trapped("s", "a", 1))
			sc.add(sc.headless, headless("b", 4))
			sc.after(extraWait)
			sc.list(sc.opened[1].stream, 5)
			for _, e := range order {
				e.do(sc)
			}
			sc.after(settleTime)
			sc.want("n/a headless, n/b headless, slice n/s of b at 9")
			sc.end()
		})
	}
}

// full is a scene in which every extra stream is taken, for Services a00, a01 and
// so on, which came one after the other, and the last two Services have none.
func full(t tester) *scene {
	sc := newScene(t)
	sc.listNothing()
	for i := range maxExtras + 2 {
		sc.add(sc.headless, headless(serviceAt(i), i+2))
		sc.after(time.Millisecond)
	}
	sc.after(extraWait)
	if len(sc.opened) != maxExtras {
		t.Fatalf("%d extra streams were opened, want %d", len(sc.opened), maxExtras)
	}
	for i, e := range sc.opened {
		sc.list(e.stream, 100, trapped("s"+serviceAt(i), serviceAt(i), 1))
	}
	return sc
}

func serviceAt(i int) string { return fmt.Sprintf("a%02d", i) }

func TestExtraStreamsAreBounded(t *testing.T) {
	sc := full(t)
	sc.delete(sc.headless, headless("a03", 100))
	sc.after(settleTime)
	sc.after(0)
	if last := sc.opened[len(sc.opened)-1]; len(sc.opened) != maxExtras+1 || last.stream.owner.Name != serviceAt(maxExtras) {
		t.Errorf("after one ended, %d were opened, the last for %s; want %d and %s",
			len(sc.opened), last.stream.owner, maxExtras+1, serviceAt(maxExtras))
	}
	sc.end()
}

func TestServicesThatGetNoExtraStreamAreSeen(t *testing.T) {
	first, second := serviceAt(maxExtras), serviceAt(maxExtras+1)
	for _, row := range []struct {
		name string
		ends func(sc *scene)
		over bool
	}{
		{"not over while nothing happens", func(sc *scene) { sc.after(time.Hour) }, false},
		{"not over when one of them has a slice", func(sc *scene) { sc.add(sc.main, slice("s", first, 100)) }, false},
		{"over when both have a slice", func(sc *scene) {
			sc.add(sc.main, slice("s", first, 100))
			sc.add(sc.main, slice("t", second, 100))
		}, true},
		{"over when both are gone", func(sc *scene) {
			sc.delete(sc.headless, headless(first, 100))
			sc.delete(sc.headless, headless(second, 100))
			sc.after(settleTime)
		}, true},
		{"over when both lose their selector", func(sc *scene) {
			sc.update(sc.headless, byHand(first, 100))
			sc.update(sc.headless, byHand(second, 100))
		}, true},
		{"not over when one stream becomes free", func(sc *scene) { sc.add(sc.main, slice("sa00", "a00", 100)) }, false},
		{"over when two streams become free", func(sc *scene) {
			sc.add(sc.main, slice("sa00", "a00", 100))
			sc.add(sc.main, slice("sa01", "a01", 100))
		}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			logged := captureLog(t)
			sc := full(t)
			extra := newStreamCollector()
			extra.enter(sc.opened[2].stream)
			up := func() bool { return extra.worst()[slicesExtra].up }
			if n := len(logged.lines("extra stream")); n != 0 || !up() {
				t.Errorf("right away: %d lines are logged, and the stream is up: %v", n, up())
			}
			sc.until("somebody is without a stream for long", func() bool { return !up() })
			sc.idle()
			row.ends(sc)
			sc.idle()
			begun, over := logged.lines("[WARNING] plugin/k8s_endpoints: 2 headless Services get no extra stream"), logged.lines("extra stream again")
			if len(begun) != 1 || !strings.Contains(begun[0], "such as n/"+first) || !strings.Contains(begun[0], "service.kubernetes.io/headless") {
				t.Errorf("at the beginning is logged: %q", begun)
			}
			if (len(over) == 1) != row.over || up() != row.over {
				t.Errorf("over: %v is logged, and the stream is up: %v; want %v", over, up(), row.over)
			}
			if next := sc.join.advance().next; !next.IsZero() {
				t.Errorf("advance wants to be called at %v", next)
			}
			sc.end()
		})
	}
}

func TestServicesWithoutAnExtraStreamForAMomentAreNotLogged(t *testing.T) {
	logged := captureLog(t)
	sc := full(t)
	sc.after(starvedTime - time.Second)
	for _, service := range []string{"a00", "a01"} {
		sc.add(sc.main, slice("s"+service, service, 100))
	}
	sc.after(starvedTime)
	if lines := logged.lines("extra stream"); len(lines) != 0 || len(sc.opened) != maxExtras+2 {
		t.Errorf("%d streams were opened, and logged is %q", len(sc.opened), lines)
	}
	sc.end()
}

// firstLists gives all streams their first lists: a headless Service in the
// trap among them.
func firstLists(t tester) *scene {
	sc := newScene(t)
	sc.list(sc.headless, 5, headless("a", 2))
	sc.list(sc.external, 5)
	sc.list(sc.main, 5)
	sc.list(sc.other, 5)
	sc.list(sc.namespaces, 5)
	sc.after(0)
	return sc
}

func TestSyncedWaitsForTheExtraStreamsOfTheStart(t *testing.T) {
	sc := firstLists(t)
	if len(sc.opened) != 1 || sc.receiver.syncs() != 0 {
		t.Fatalf("after the first lists: %d extra streams and %d calls of Synced, want 1 and 0", len(sc.opened), sc.receiver.syncs())
	}
	sc.list(sc.opened[0].stream, 6, trapped("s", "a", 1))
	sc.after(0)
	sc.want("n/a headless, slice n/s of a at 1")
	if n := sc.receiver.syncs(); n != 1 {
		t.Errorf("Synced was called %d times, want once", n)
	}
	sc.end()
}

func TestSyncedDoesNotWaitForAnExtraStreamForEver(t *testing.T) {
	sc := firstLists(t)
	sc.after(extraListTime - 1)
	if n := sc.receiver.syncs(); n != 0 {
		t.Fatalf("Synced was called %d times too early", n)
	}
	sc.after(1)
	if n := sc.receiver.syncs(); n != 1 {
		t.Errorf("Synced was called %d times, want once", n)
	}
	sc.end()
}

func TestExtraStreamAsksForTheSlicesOfItsService(t *testing.T) {
	sc := withExtra(t)
	s := sc.opened[0].stream
	if selector := s.query.labels.String(); selector != "kubernetes.io/service-name=a" {
		t.Errorf("the label selector is %q", selector)
	}
	if s.namespace != "n" || s.query.name != "endpointslices_extra" || !strings.Contains(s.connection.of, "n/a") {
		t.Errorf("the stream %s of %s is in the namespace %q", s.query.name, s.connection.of, s.namespace)
	}
	sc.add(s, trapped("s", "b", 4))
	sc.want("n/a headless")
	sc.end()
}
