package apiserver

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
)

// became is a scene after its first lists with a Service that has become headless,
// so that it is in need and the stream of the fallback has begun.
func became(t tester) *scene {
	sc := newScene(t)
	sc.listNothing()
	sc.add(sc.services, externalName("a", 2))
	sc.update(sc.services, headless("a", 3))
	sc.after(0)
	if len(sc.opened) != 1 {
		t.Fatalf("%d streams were opened, want 1", len(sc.opened))
	}
	return sc
}

// withFallback is a scene in which the Service a is in need, and the fallback has
// listed these slices.
func withFallback(t tester, slices ...runtime.Object) *scene {
	sc := became(t)
	sc.list(sc.last().stream, 4, slices...)
	sc.after(0)
	return sc
}

func TestWhatPutsAServiceInNeed(t *testing.T) {
	tests := []struct {
		name   string
		events func(sc *scene)
		opened int
	}{
		{"no slice in time", func(sc *scene) {
			sc.add(sc.services, headless("a", 2))
			sc.after(sliceTime)
		}, 1},
		{"not before the time is over", func(sc *scene) {
			sc.add(sc.services, headless("a", 2))
			sc.after(sliceTime - 1)
		}, 0},
		{"not where the slice was there before the Service", func(sc *scene) {
			sc.add(sc.main, slice("s", "a", 2))
			sc.add(sc.services, headless("a", 3))
			sc.after(sliceTime)
		}, 0},
		{"not where a slice comes in time", func(sc *scene) {
			sc.add(sc.services, headless("a", 2))
			sc.add(sc.main, slice("s", "a", 3))
			sc.after(sliceTime)
		}, 0},
		{"not where there is a slice made by hand", func(sc *scene) {
			sc.add(sc.services, headless("a", 2))
			sc.add(sc.other, handMade("s", "a", 3))
			sc.after(sliceTime)
		}, 0},
		{"not without a selector", func(sc *scene) {
			sc.add(sc.services, byHand("a", 2))
			sc.after(sliceTime)
		}, 0},
		{"not an ExternalName Service", func(sc *scene) {
			sc.add(sc.services, externalName("a", 2))
			sc.after(sliceTime)
		}, 0},
		{"not a Service that is gone by then", func(sc *scene) {
			sc.add(sc.services, headless("a", 2))
			sc.delete(sc.services, headless("a", 3))
			sc.after(sliceTime)
		}, 0},
		{"not one that is no longer headless by then", func(sc *scene) {
			sc.add(sc.services, headless("a", 2))
			sc.update(sc.services, externalName("a", 3))
			sc.after(sliceTime)
		}, 0},
		{"not one that loses its selector by then", func(sc *scene) {
			sc.add(sc.services, headless("a", 2))
			sc.update(sc.services, byHand("a", 3))
			sc.after(sliceTime)
		}, 0},
		{"no slice in time, once for a Service that changes while it waits", func(sc *scene) {
			sc.add(sc.services, headless("a", 2))
			sc.after(sliceTime / 2)
			sc.update(sc.services, headless("a", 3))
			sc.after(sliceTime / 2)
			sc.update(sc.services, headless("a", 4))
			sc.after(time.Hour)
		}, 1},
		{"the end of its last slice", func(sc *scene) {
			sc.add(sc.main, slice("s", "a", 2))
			sc.add(sc.services, headless("a", 3))
			sc.delete(sc.main, slice("s", "a", 4))
			sc.after(sliceTime)
		}, 1},
		{"a last slice that goes to another Service", func(sc *scene) {
			sc.add(sc.main, slice("s", "a", 2))
			sc.add(sc.services, headless("a", 3))
			sc.update(sc.main, slice("s", "b", 4))
			sc.after(sliceTime)
		}, 1},
		{"an only slice that is unusable", func(sc *scene) {
			sc.add(sc.services, headless("a", 3))
			sc.add(sc.main, unusable("s", "a", 4))
			sc.after(sliceTime)
		}, 1},
		{"that it was ExternalName, at once, whatever slice it has", func(sc *scene) {
			sc.add(sc.services, externalName("a", 2))
			sc.add(sc.main, slice("s", "a", 3))
			sc.update(sc.services, headless("a", 4))
			sc.after(0)
		}, 1},
		{"that it had a ClusterIP, of which nothing is kept", func(sc *scene) {
			sc.add(sc.services, clusterIP("a", 2))
			sc.add(sc.main, slice("s", "a", 3))
			sc.update(sc.services, headless("a", 4))
			sc.after(0)
		}, 1},
		{"that it was headless, and another type for a moment", func(sc *scene) {
			sc.add(sc.main, slice("s", "a", 2))
			sc.add(sc.services, headless("a", 3))
			sc.after(time.Hour)
			sc.update(sc.services, clusterIP("a", 4))
			sc.update(sc.services, headless("a", 5))
			sc.after(0)
		}, 1},
		{"that it gets a selector", func(sc *scene) {
			sc.add(sc.services, byHand("a", 2))
			sc.add(sc.main, slice("s", "a", 3))
			sc.update(sc.services, headless("a", 4))
			sc.after(0)
		}, 1},
		{"that a list shows it for the first time: it may be of any age", func(sc *scene) {
			sc.list(sc.main, 9, slice("s", "a", 5))
			sc.list(sc.services, 9, headless("a", 3))
			sc.after(0)
		}, 1},
		{"that a list shows it with another type", func(sc *scene) {
			sc.add(sc.services, externalName("a", 2))
			sc.list(sc.services, 9, headless("a", 3))
			sc.list(sc.main, 9, slice("s", "a", 5))
			sc.after(0)
		}, 1},
		{"not that it stays headless", func(sc *scene) {
			sc.add(sc.main, slice("s", "a", 2))
			sc.add(sc.services, headless("a", 3))
			sc.update(sc.services, headless("a", 4))
			sc.list(sc.services, 9, headless("a", 5))
			sc.after(time.Hour)
		}, 0},
		{"not that it was deleted and made again", func(sc *scene) {
			sc.add(sc.main, slice("s", "a", 2))
			sc.add(sc.services, headless("a", 3))
			sc.delete(sc.services, headless("a", 4))
			sc.add(sc.services, headless("a", 5))
			sc.after(time.Hour)
		}, 0},
		{"not that it became headless without a selector", func(sc *scene) {
			sc.add(sc.services, externalName("a", 2))
			sc.update(sc.services, byHand("a", 3))
			sc.after(time.Hour)
		}, 0},
		{"not that it was headless for a moment", func(sc *scene) {
			sc.add(sc.services, externalName("a", 2))
			sc.update(sc.services, headless("a", 3))
			sc.update(sc.services, externalName("a", 4))
			sc.after(time.Hour)
		}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sc := newScene(t)
			sc.listNothing()
			tt.events(sc)
			if len(sc.opened) != tt.opened {
				t.Errorf("%d streams were opened, want %d", len(sc.opened), tt.opened)
			}
			sc.end()
		})
	}
}

func TestWhatEndsANeed(t *testing.T) {
	tests := []struct {
		name   string
		events func(sc *scene, fallback *stream)
		ended  bool
		want   string
	}{
		{"not time", func(sc *scene, _ *stream) {
			sc.after(time.Hour)
		}, false, "n/a headless, slice n/s of a at 1"},
		{"the label on its slice, as the stream itself shows it", func(sc *scene, fallback *stream) {
			sc.update(fallback, slice("s", "a", 5))
		}, true, "n/a headless, slice n/s of a at 5"},
		{"the label on its slice, as the labelled stream shows it", func(sc *scene, _ *stream) {
			sc.add(sc.main, slice("s", "a", 5))
		}, true, "n/a headless, slice n/s of a at 5"},
		{"not the label on another slice", func(sc *scene, fallback *stream) {
			sc.add(sc.main, slice("t", "a", 5))
			sc.add(fallback, slice("t", "a", 5))
		}, false, "n/a headless, slice n/s of a at 1, slice n/t of a at 5"},
		{"not a slice that is made by hand", func(sc *scene, _ *stream) {
			sc.add(sc.other, handMade("t", "a", 5))
		}, false, "n/a headless, slice n/s of a at 1, slice n/t of a at 5"},
		{"not a slice with the label that is unusable", func(sc *scene, fallback *stream) {
			sc.update(fallback, unusable("s", "a", 5))
		}, false, "n/a headless, slice n/s of a at 5 left out (type FQDN)"},
		{"the end of the last slice without the label", func(sc *scene, fallback *stream) {
			sc.add(sc.main, slice("t", "a", 5))
			sc.delete(fallback, trapped("s", "a", 6))
		}, true, "n/a headless, slice n/t of a at 5"},
		{"not the end of its only slice", func(sc *scene, fallback *stream) {
			sc.delete(fallback, trapped("s", "a", 5))
		}, false, "n/a headless"},
		{"the end of the Service, and its slice goes with it", func(sc *scene, _ *stream) {
			sc.delete(sc.services, headless("a", 5))
		}, true, ""},
		{"another type, and its slice goes with it", func(sc *scene, _ *stream) {
			sc.update(sc.services, externalName("a", 5))
		}, true, "n/a -> example.org."},
		{"not the end of the selector", func(sc *scene, _ *stream) {
			sc.update(sc.services, byHand("a", 5))
		}, false, "n/a headless, slice n/s of a at 1"},
		{"the end of the selector, where there is no slice", func(sc *scene, fallback *stream) {
			sc.delete(fallback, trapped("s", "a", 5))
			sc.update(sc.services, byHand("a", 6))
		}, true, "n/a headless"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sc := withFallback(t, trapped("s", "a", 1))
			sc.want("n/a headless, slice n/s of a at 1")
			tt.events(sc, sc.last().stream)
			sc.after(0)
			if ended := sc.opened[0].ended; ended != tt.ended {
				t.Errorf("the stream has ended: %v, want %v", ended, tt.ended)
			}
			sc.want(tt.want)
			sc.after(time.Hour)
			if len(sc.opened) != 1 {
				t.Errorf("%d streams were opened, want 1", len(sc.opened))
			}
			sc.end()
		})
	}
}

func TestNeedDoesNotEndBeforeTheList(t *testing.T) {
	sc := became(t)
	sc.add(sc.main, slice("s", "a", 5))
	sc.after(0)
	if sc.opened[0].ended {
		t.Fatal("the stream ended before it had its list")
	}
	sc.list(sc.last().stream, 6, slice("s", "a", 5), trapped("t", "a", 1))
	sc.after(0)
	sc.want("n/a headless, slice n/s of a at 5, slice n/t of a at 1")
	sc.end()
}

// The API server tells both streams of the label, over two connections, and what
// becomes of the slice then.
func TestASliceThatGetsTheLabelIsNeverMissing(t *testing.T) {
	fallback := func(do func(sc *scene, s *stream)) func(sc *scene) {
		return func(sc *scene) { do(sc, sc.opened[0].stream) }
	}
	labels := event{"fallback label 5", fallback(func(sc *scene, s *stream) { sc.update(s, slice("s", "a", 5)) })}
	changes := event{"fallback change 6", fallback(func(sc *scene, s *stream) { sc.update(s, slice("s", "a", 6)) })}
	deletes := event{"fallback delete 7", fallback(func(sc *scene, s *stream) { sc.delete(s, slice("s", "a", 7)) })}
	enters := event{"main add 5", func(sc *scene) { sc.add(sc.main, slice("s", "a", 5)) }}
	changed := event{"main change 6", func(sc *scene) { sc.update(sc.main, slice("s", "a", 6)) }}
	deleted := event{"main delete 7", func(sc *scene) { sc.delete(sc.main, slice("s", "a", 7)) }}
	for _, row := range []struct {
		name           string
		fallback, main []event
		want           string
	}{
		{"it stays", []event{labels, changes}, []event{enters, changed}, "n/a headless, slice n/s of a at 6, slice n/t of a at 1"},
		{"it is deleted soon", []event{labels, changes, deletes}, []event{enters, changed, deleted}, "n/a headless, slice n/t of a at 1"},
	} {
		for _, order := range orders(row.fallback, row.main) {
			t.Run(row.name+": "+names(order), func(t *testing.T) {
				// The Service stays in need by its other slice.
				sc := withFallback(t, trapped("s", "a", 1), trapped("t", "a", 1))
				gone := false
				sc.receiver.afterApply = func(r *receiver) {
					switch here := r.slices["n/s"] != nil; {
					case !here && !gone:
						t.Error("the slice was missing for a moment")
					case here && gone:
						t.Error("the slice came back after it was deleted")
					}
				}
				for _, e := range order {
					gone = gone || e.name == deleted.name
					e.do(sc)
				}
				sc.want(row.want)
				sc.end()
			})
		}
	}
}

func TestTheLabelledStreamComesBackAfterASliceWasHandedOver(t *testing.T) {
	for _, row := range []struct {
		name   string
		events func(sc *scene)
		want   string
	}{
		{"with the slice", func(sc *scene) { sc.add(sc.main, slice("s", "a", 5)) }, "n/a headless, slice n/s of a at 5"},
		{"with what happened to it before", func(sc *scene) {
			sc.delete(sc.main, slice("s", "a", 4))
		}, "n/a headless, slice n/s of a at 5"},
		{"with a list that has it", func(sc *scene) { sc.list(sc.main, 9, slice("s", "a", 5)) }, "n/a headless, slice n/s of a at 5"},
		{"with a list from before", func(sc *scene) { sc.list(sc.main, 4) }, "n/a headless, slice n/s of a at 5"},
		{"with a list that lacks it", func(sc *scene) { sc.list(sc.main, 9) }, "n/a headless"},
		{"with its end", func(sc *scene) {
			sc.add(sc.main, slice("s", "a", 5))
			sc.delete(sc.main, slice("s", "a", 6))
		}, "n/a headless"},
	} {
		t.Run(row.name, func(t *testing.T) {
			sc := withFallback(t, trapped("s", "a", 1))
			sc.main.lost()
			sc.update(sc.last().stream, slice("s", "a", 5))
			sc.want("n/a headless, slice n/s of a at 5")
			row.events(sc)
			sc.want(row.want)
			sc.end()
		})
	}
}

func TestFallbackShowsOnlyServicesInNeed(t *testing.T) {
	sc := withFallback(t, trapped("s", "a", 1), trapped("t", "b", 1))
	sc.add(sc.services, headless("b", 5))
	sc.add(sc.main, slice("u", "b", 6))
	sc.update(sc.last().stream, trapped("t", "b", 7))
	sc.want("n/a headless, n/b headless, slice n/s of a at 1, slice n/u of b at 6")
	sc.update(sc.last().stream, trapped("s", "b", 8))
	sc.want("n/a headless, n/b headless, slice n/u of b at 6")
	sc.end()
}

func TestFallbackBeginsAnewForAFurtherService(t *testing.T) {
	sc := withFallback(t, trapped("s", "a", 1))
	sc.receiver.afterApply = func(r *receiver) {
		if r.slices["n/s"] == nil {
			t.Error("the slice of the first Service was missing for a moment")
		}
	}
	sc.add(sc.services, externalName("b", 5))
	sc.update(sc.services, headless("b", 6))
	sc.after(0)
	if sc.opened[0].ended {
		t.Fatalf("the stream ended within %v after it began", fallbackPause)
	}
	next := sc.join.advance().next
	sc.after(next.Sub(sc.clock.Now()))
	if len(sc.opened) != 2 || !sc.opened[0].ended {
		t.Fatalf("%d streams were opened, and the first has ended: %v; want 2 and true", len(sc.opened), sc.opened[0].ended)
	}
	sc.update(sc.services, headless("b", 7))
	sc.list(sc.last().stream, 8, trapped("s", "a", 1), trapped("t", "b", 2))
	sc.after(time.Hour)
	sc.want("n/a headless, n/b headless, slice n/s of a at 1, slice n/t of b at 2")
	if len(sc.opened) != 2 {
		t.Errorf("%d streams were opened, want 2", len(sc.opened))
	}
	sc.end()
}

func TestFallbackThatBeginsAnewFindsWhatHappenedMeanwhile(t *testing.T) {
	sc := withFallback(t, trapped("s", "a", 1), trapped("t", "a", 2), trapped("u", "a", 3))
	sc.add(sc.services, externalName("b", 5))
	sc.update(sc.services, headless("b", 6))
	sc.after(fallbackPause)
	sc.list(sc.last().stream, 9, trapped("s", "a", 7), trapped("u", "a", 3), trapped("v", "b", 4))
	sc.want("n/a headless, n/b headless, slice n/s of a at 7, slice n/u of a at 3, slice n/v of b at 4")
	sc.end()
}

func TestFallbackDoesNotBeginAnewBeforeItsList(t *testing.T) {
	sc := became(t)
	for i := range 5 {
		name := fmt.Sprintf("b%d", i)
		sc.add(sc.services, externalName(name, 10+2*i))
		sc.update(sc.services, headless(name, 11+2*i))
		sc.after(time.Minute)
	}
	if len(sc.opened) != 1 || sc.opened[0].cancelled {
		t.Fatalf("%d streams were opened before the first had its list", len(sc.opened))
	}
	sc.list(sc.last().stream, 30)
	sc.after(0)
	if want := []string{"a", "b0", "b1", "b2", "b3", "b4"}; len(sc.opened) != 2 || !slices.Equal(sc.last().services, want) {
		t.Errorf("%d streams were opened, the last for %v; want 2 and %v", len(sc.opened), sc.last().services, want)
	}
	sc.end()
}

func TestAThousandServicesInNeedShareTheFallback(t *testing.T) {
	const many = 1000
	logged := captureLog(t)
	sc := newScene(t)
	sc.listNothing()
	var all, labelled []runtime.Object
	version := 10
	for i := range many {
		name := fmt.Sprintf("service-%04d", i)
		sc.add(sc.services, externalName(name, version))
		sc.update(sc.services, headless(name, version+1))
		all = append(all, trapped("s-"+name, name, 1), trapped("t-"+name, name, 2))
		version += 2
		sc.after(2 * time.Millisecond)
		if o := sc.last(); !o.listed.Load() {
			sc.list(o.stream, version, all...)
		}
	}
	sc.after(fallbackPause)
	sc.list(sc.last().stream, version, all...)
	sc.after(0)
	// One at once, one a second while they come, and one at the end.
	if n := len(sc.opened); n != 3 {
		t.Errorf("%d streams were opened, want 3", n)
	}
	for _, o := range sc.opened[:len(sc.opened)-1] {
		if !o.ended {
			t.Error("two streams run at once")
		}
	}
	if selector := sc.last().query.labels.String(); selector != controllerLabels {
		t.Errorf("the selector is %q; names of so many Services do not fit", selector)
	}
	if n := len(sc.receiver.slices); n != 2*many {
		t.Fatalf("%d slices are served, want %d", n, 2*many)
	}
	for i, s := range all {
		version++
		labelled = append(labelled, slice(s.(interface{ GetName() string }).GetName(), fmt.Sprintf("service-%04d", i/2), version))
	}
	for _, s := range labelled {
		sc.update(sc.last().stream, s)
	}
	sc.after(0)
	if !sc.last().ended || len(sc.fallback.needs) != 0 {
		t.Errorf("the last stream has ended: %v; in need are still %d", sc.last().ended, len(sc.fallback.needs))
	}
	if n := len(sc.receiver.slices); n != 2*many {
		t.Errorf("%d slices are served, want %d", n, 2*many)
	}
	if lines := logged.lines("[WARNING]"); len(lines) != 0 {
		t.Errorf("logged was %q", lines)
	}
	sc.end()
}

func TestWhatTheFallbackAsksFor(t *testing.T) {
	long := make([]string, 0, 100)
	for i := range 100 {
		long = append(long, fmt.Sprintf("%s-%02d", strings.Repeat("a", 50), i))
	}
	for _, row := range []struct {
		name     string
		config   Config
		services []string
		want     string
	}{
		{"the slices of one Service", Config{}, []string{"a"},
			"endpointslice.kubernetes.io/managed-by=endpointslice-controller.k8s.io,kubernetes.io/service-name in (a)"},
		{"those of some", Config{}, []string{"a", "b"},
			"endpointslice.kubernetes.io/managed-by=endpointslice-controller.k8s.io,kubernetes.io/service-name in (a,b)"},
		{"all of the controller, where the names are too many", Config{}, long,
			"endpointslice.kubernetes.io/managed-by=endpointslice-controller.k8s.io"},
		{"with the labels of Services", Config{Labels: "tier=db"}, []string{"a"},
			"endpointslice.kubernetes.io/managed-by=endpointslice-controller.k8s.io,kubernetes.io/service-name in (a),tier=db"},
	} {
		queries, err := row.config.queries()
		if err != nil {
			t.Fatal(err)
		}
		if got := queries.fallback(row.services, nil).labels.String(); got != row.want {
			t.Errorf("%s: got %s, want %s", row.name, got, row.want)
		}
	}
}

// firstLists gives all streams their first lists: a headless Service without a
// slice among them.
func firstLists(t tester) *scene {
	sc := newScene(t)
	sc.list(sc.services, 5, headless("a", 2))
	sc.list(sc.main, 5)
	sc.list(sc.other, 5)
	sc.list(sc.namespaces, 5)
	sc.after(0)
	return sc
}

func TestSyncedWaitsForTheFallbackOfTheStart(t *testing.T) {
	sc := firstLists(t)
	if len(sc.opened) != 1 || sc.receiver.syncs() != 0 {
		t.Fatalf("after the first lists: %d streams and %d calls of Synced, want 1 and 0", len(sc.opened), sc.receiver.syncs())
	}
	sc.list(sc.last().stream, 6, trapped("s", "a", 1))
	sc.after(0)
	sc.want("n/a headless, slice n/s of a at 1")
	if n := sc.receiver.syncs(); n != 1 {
		t.Errorf("Synced was called %d times, want once", n)
	}
	sc.end()
}

func TestSyncedDoesNotWaitForTheFallbackForEver(t *testing.T) {
	sc := firstLists(t)
	sc.after(syncTime - 1)
	if n := sc.receiver.syncs(); n != 0 {
		t.Fatalf("Synced was called %d times too early", n)
	}
	sc.after(1)
	if n := sc.receiver.syncs(); n != 1 {
		t.Errorf("Synced was called %d times, want once", n)
	}
	sc.end()
}
