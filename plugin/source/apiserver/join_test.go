package apiserver

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
	clocktesting "k8s.io/utils/clock/testing"
)

// scene is a join with its streams, a clock that stands still, and a receiver.
// Each object that goes in is held against a copy at the end.
type scene struct {
	t        tester
	clock    *clocktesting.FakePassiveClock
	join     *join
	receiver *receiver
	// One stream for each query.
	headless, external, main, other, namespaces *stream
	// opened are the extra streams, ended those that were cancelled.
	opened []*extra
	ended  map[*extra]bool
	inputs []input
}

// sceneStart is when the clock of each scene stands at first.
var sceneStart = time.Unix(1_000_000, 0)

type input struct{ given, copied runtime.Object }

func newScene(t tester) *scene {
	queries, err := Config{NamespaceLabels: "dns=yes"}.queries()
	if err != nil {
		t.Fatal(err)
	}
	sc := &scene{
		t:        t,
		clock:    clocktesting.NewFakePassiveClock(sceneStart),
		receiver: newReceiver(),
		ended:    make(map[*extra]bool),
	}
	sc.join = newJoin(sc.clock, sc.receiver)
	sc.join.extras.open = sc.openExtra
	sc.headless = newStream(sc.join, queries[0], "")
	sc.external = newStream(sc.join, queries[1], "")
	sc.main = newStream(sc.join, queries[2], "")
	sc.other = newStream(sc.join, queries[3], "")
	sc.namespaces = newStream(sc.join, queries[4], "")
	sc.join.unlisted = len(sc.all())
	return sc
}

func (sc *scene) all() []*stream {
	return []*stream{sc.headless, sc.external, sc.main, sc.other, sc.namespaces}
}

func (sc *scene) openExtra(owner model.ServiceKey, bit holders) *extra {
	e := &extra{stream: newExtraStream(sc.join, owner, bit), holds: make(map[key]struct{})}
	e.cancel = func() { sc.ended[e] = true }
	sc.opened = append(sc.opened, e)
	return e
}

func (sc *scene) given(obj runtime.Object) any {
	sc.inputs = append(sc.inputs, input{given: obj, copied: obj.DeepCopyObject()})
	return obj
}

func (sc *scene) add(s *stream, obj runtime.Object)    { sc.must(s.Add(sc.given(obj))) }
func (sc *scene) update(s *stream, obj runtime.Object) { sc.must(s.Update(sc.given(obj))) }
func (sc *scene) delete(s *stream, obj runtime.Object) { sc.must(s.Delete(sc.given(obj))) }

func (sc *scene) list(s *stream, version int, objects ...runtime.Object) {
	list := make([]any, 0, len(objects))
	for _, obj := range objects {
		list = append(list, sc.given(obj))
	}
	sc.must(s.Replace(list, strconv.Itoa(version)))
}

// listNothing gives each stream an empty first list.
func (sc *scene) listNothing() {
	for _, s := range sc.all() {
		sc.list(s, 1)
	}
	sc.after(0)
}

// after lets time pass, and does what is then due.
func (sc *scene) after(d time.Duration) {
	sc.clock.SetTime(sc.clock.Now().Add(d))
	if sc.join.advance().synced {
		sc.receiver.Synced()
	}
}

// until lets time pass as advance asks for it, until the condition holds.
func (sc *scene) until(what string, holds func() bool) {
	sc.t.Helper()
	for !holds() {
		next := sc.join.advance().next
		if next.IsZero() {
			sc.t.Fatalf("%s did not come about, and nothing more is due", what)
		}
		sc.clock.SetTime(next)
		sc.after(0)
	}
}

// idle does what advance was woken for.
func (sc *scene) idle() {
	for {
		select {
		case <-sc.join.wake:
			sc.after(0)
		default:
			return
		}
	}
}

func (sc *scene) must(err error) {
	sc.t.Helper()
	if err != nil {
		sc.t.Fatal(err)
	}
}

func (sc *scene) want(state string) {
	sc.t.Helper()
	if got := sc.receiver.state(); got != state {
		sc.t.Errorf("the state is %q, want %q", got, state)
	}
}

// end holds the inputs against their copies.
func (sc *scene) end() {
	sc.t.Helper()
	sc.receiver.check(sc.t)
	for _, in := range sc.inputs {
		if !equality.Semantic.DeepEqual(in.given, in.copied) {
			sc.t.Errorf("the object that was handed in has changed:\n%v\nwas\n%v", in.given, in.copied)
		}
	}
}

func TestJoin(t *testing.T) {
	tests := []struct {
		name   string
		events func(sc *scene)
		want   string
	}{
		{"a new headless Service is reported", func(sc *scene) {
			sc.add(sc.headless, headless("a", 2))
		}, "n/a headless"},
		{"a new ExternalName Service is reported", func(sc *scene) {
			sc.add(sc.external, externalName("a", 2))
		}, "n/a -> example.org."},
		{"a deleted Service is still there before the settle time is over", func(sc *scene) {
			sc.add(sc.headless, headless("a", 2))
			sc.delete(sc.headless, headless("a", 3))
			sc.after(settleTime - 1)
		}, "n/a headless"},
		{"a deleted Service is gone after the settle time", func(sc *scene) {
			sc.add(sc.headless, headless("a", 2))
			sc.delete(sc.headless, headless("a", 3))
			sc.after(settleTime)
		}, ""},
		{"a Service that left a stream stays while one is away that it may have entered", func(sc *scene) {
			sc.add(sc.external, externalName("a", 2))
			sc.join.lose(sc.headless)
			sc.delete(sc.external, externalName("a", 3))
			sc.after(maxHold - 1)
		}, "n/a -> example.org."},
		{"it becomes what that stream shows", func(sc *scene) {
			sc.add(sc.external, externalName("a", 2))
			sc.join.lose(sc.headless)
			sc.delete(sc.external, externalName("a", 3))
			sc.after(time.Second)
			sc.join.regain(sc.headless)
			sc.after(catchUpTime - 1)
			sc.add(sc.headless, headless("a", 3))
			sc.after(maxHold)
		}, "n/a headless"},
		{"it goes where that stream does not show it", func(sc *scene) {
			sc.add(sc.external, externalName("a", 2))
			sc.join.lose(sc.headless)
			sc.delete(sc.external, externalName("a", 3))
			sc.after(time.Second)
			sc.join.regain(sc.headless)
			sc.after(catchUpTime)
		}, ""},
		{"it goes where that stream stays away", func(sc *scene) {
			sc.add(sc.external, externalName("a", 2))
			sc.join.lose(sc.headless)
			sc.delete(sc.external, externalName("a", 3))
			sc.after(time.Second)
			sc.after(maxHold - time.Second)
		}, ""},
		{"a Service goes though a stream of slices is away", func(sc *scene) {
			sc.add(sc.headless, headless("a", 2))
			sc.join.lose(sc.main)
			sc.delete(sc.headless, headless("a", 3))
			sc.after(settleTime)
		}, ""},
		{"a deleted Service that is made again within the settle time stays", func(sc *scene) {
			sc.add(sc.headless, headless("a", 2))
			sc.delete(sc.headless, headless("a", 3))
			sc.after(settleTime / 2)
			sc.add(sc.headless, headless("a", 4))
			sc.after(settleTime)
		}, "n/a headless"},
		{"the settle time begins anew with a second delete", func(sc *scene) {
			sc.add(sc.headless, headless("a", 2))
			sc.delete(sc.headless, headless("a", 3))
			sc.after(settleTime / 2)
			sc.add(sc.headless, headless("a", 4))
			sc.delete(sc.headless, headless("a", 5))
			sc.after(settleTime / 2)
		}, "n/a headless"},
		{"a modified Service that is no longer of the stream counts as deleted", func(sc *scene) {
			sc.add(sc.headless, headless("a", 2))
			sc.update(sc.headless, clusterIP("a", 3))
			sc.after(settleTime)
		}, ""},
		{"an added Service that is not of the stream is not there", func(sc *scene) {
			sc.add(sc.headless, clusterIP("a", 3))
		}, ""},
		{"a late event of one stream does not undo a newer one of another", func(sc *scene) {
			sc.add(sc.external, externalName("a", 3))
			sc.add(sc.headless, headless("a", 2))
			sc.after(settleTime)
		}, "n/a -> example.org."},
		{"a slice that two streams hold stays while one holds it", func(sc *scene) {
			sc.add(sc.main, slice("s", "a", 2))
			sc.add(sc.other, handMade("s", "a", 3))
			sc.delete(sc.main, slice("s", "a", 3))
			sc.after(settleTime)
		}, "slice n/s of a at 3"},
		{"a slice that both streams have dropped is gone", func(sc *scene) {
			sc.add(sc.main, slice("s", "a", 2))
			sc.add(sc.other, handMade("s", "a", 3))
			sc.delete(sc.main, slice("s", "a", 3))
			sc.delete(sc.other, handMade("s", "a", 4))
			sc.after(settleTime)
		}, ""},
		{"a slice that changes its Service belongs to the new one", func(sc *scene) {
			sc.add(sc.main, slice("s", "a", 2))
			sc.update(sc.main, slice("s", "b", 3))
		}, "slice n/s of b at 3"},
		{"a slice that becomes unusable is removed at once", func(sc *scene) {
			sc.add(sc.main, slice("s", "a", 2))
			sc.update(sc.main, unusable("s", "a", 3))
		}, ""},
		{"an unusable slice that becomes usable is reported", func(sc *scene) {
			sc.add(sc.main, unusable("s", "a", 2))
			sc.update(sc.main, slice("s", "a", 3))
		}, "slice n/s of a at 3"},
		{"an unusable slice does not take a usable one with it", func(sc *scene) {
			sc.list(sc.main, 3, unusable("s", "a", 2), slice("t", "a", 3))
		}, "slice n/t of a at 3"},
		{"a delete of what never was changes nothing", func(sc *scene) {
			sc.delete(sc.main, slice("s", "a", 2))
			sc.after(settleTime)
		}, ""},
		{"a Service whose resource version is no number is reported each time", func(sc *scene) {
			a := headless("a", 0)
			a.ResourceVersion = "x"
			sc.add(sc.headless, a)
			b := externalName("a", 0)
			b.ResourceVersion = "y"
			sc.add(sc.external, b)
		}, "n/a -> example.org."},
		{"a Namespace with the label is reported", func(sc *scene) {
			sc.add(sc.namespaces, namespace("m", 2, "yes"))
		}, "namespace m"},
		{"a Namespace that loses the label is removed at once", func(sc *scene) {
			sc.add(sc.namespaces, namespace("m", 2, "yes"))
			sc.update(sc.namespaces, namespace("m", 3, "no"))
		}, ""},
		{"a Namespace that is deleted is removed at once", func(sc *scene) {
			sc.add(sc.namespaces, namespace("m", 2, "yes"))
			sc.delete(sc.namespaces, namespace("m", 3, "yes"))
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sc := newScene(t)
			sc.listNothing()
			tt.events(sc)
			sc.want(tt.want)
			sc.end()
		})
	}
}

// event is one event of one stream in a test of orders.
type event struct {
	name string
	do   func(sc *scene)
}

// orders returns all orders of the events that keep the order of each stream.
func orders(streams ...[]event) [][]event {
	var all [][]event
	done := true
	for i, events := range streams {
		if len(events) == 0 {
			continue
		}
		done = false
		rest := append([][]event(nil), streams...)
		rest[i] = events[1:]
		for _, order := range orders(rest...) {
			all = append(all, append([]event{events[0]}, order...))
		}
	}
	if done {
		return [][]event{nil}
	}
	return all
}

func names(events []event) string {
	var list []string
	for _, e := range events {
		list = append(list, e.name)
	}
	return strings.Join(list, ", ")
}

func TestTypeChangeInAnyOrder(t *testing.T) {
	at := func(name string, do func(sc *scene)) event { return event{name, do} }
	tests := []struct {
		name             string
		before           func(sc *scene)
		headless, extern []event
		want             string
	}{
		{"from headless to ExternalName",
			func(sc *scene) { sc.add(sc.headless, headless("a", 2)) },
			[]event{at("headless delete 3", func(sc *scene) { sc.delete(sc.headless, headless("a", 3)) })},
			[]event{at("external add 3", func(sc *scene) { sc.add(sc.external, externalName("a", 3)) })},
			"n/a -> example.org."},
		{"from ExternalName to headless",
			func(sc *scene) { sc.add(sc.external, externalName("a", 2)) },
			[]event{at("headless add 3", func(sc *scene) { sc.add(sc.headless, byHand("a", 3)) })},
			[]event{at("external delete 3", func(sc *scene) { sc.delete(sc.external, externalName("a", 3)) })},
			"n/a headless"},
		{"from headless to ExternalName and back",
			func(sc *scene) { sc.add(sc.headless, headless("a", 2)) },
			[]event{
				at("headless delete 3", func(sc *scene) { sc.delete(sc.headless, headless("a", 3)) }),
				at("headless add 4", func(sc *scene) { sc.add(sc.headless, byHand("a", 4)) }),
			},
			[]event{
				at("external add 3", func(sc *scene) { sc.add(sc.external, externalName("a", 3)) }),
				at("external delete 4", func(sc *scene) { sc.delete(sc.external, externalName("a", 4)) }),
			},
			"n/a headless"},
		{"from ExternalName to headless and back, twice",
			func(sc *scene) { sc.add(sc.external, externalName("a", 2)) },
			[]event{
				at("headless add 3", func(sc *scene) { sc.add(sc.headless, byHand("a", 3)) }),
				at("headless delete 4", func(sc *scene) { sc.delete(sc.headless, byHand("a", 4)) }),
				at("headless add 5", func(sc *scene) { sc.add(sc.headless, byHand("a", 5)) }),
				at("headless delete 6", func(sc *scene) { sc.delete(sc.headless, byHand("a", 6)) }),
			},
			[]event{
				at("external delete 3", func(sc *scene) { sc.delete(sc.external, externalName("a", 3)) }),
				at("external add 4", func(sc *scene) { sc.add(sc.external, externalName("a", 4)) }),
				at("external delete 5", func(sc *scene) { sc.delete(sc.external, externalName("a", 5)) }),
				at("external add 6", func(sc *scene) { sc.add(sc.external, externalName("a", 6)) }),
			},
			"n/a -> example.org."},
	}
	for _, tt := range tests {
		for _, order := range orders(tt.headless, tt.extern) {
			t.Run(tt.name+": "+names(order), func(t *testing.T) {
				sc := newScene(t)
				sc.listNothing()
				tt.before(sc)
				sc.receiver.afterApply = func(r *receiver) {
					if len(r.services) != 1 {
						t.Error("the Service was not there for a moment")
					}
				}
				for _, e := range order {
					e.do(sc)
					sc.after(settleTime/time.Duration(len(order)) - 1)
				}
				sc.after(settleTime)
				sc.want(tt.want)
				sc.end()
			})
		}
	}
}

func TestServiceThatLeavesAllStreamsIsRemovedInAnyOrder(t *testing.T) {
	inHeadless := []event{{"headless delete 3", func(sc *scene) { sc.delete(sc.headless, headless("a", 3)) }}}
	inExternal := []event{
		{"external add 3", func(sc *scene) { sc.add(sc.external, externalName("a", 3)) }},
		{"external delete 4", func(sc *scene) { sc.delete(sc.external, externalName("a", 4)) }},
	}
	for _, order := range orders(inHeadless, inExternal) {
		t.Run(names(order), func(t *testing.T) {
			sc := newScene(t)
			sc.listNothing()
			sc.add(sc.headless, headless("a", 2))
			for _, e := range order {
				e.do(sc)
			}
			sc.after(settleTime)
			sc.want("")
			sc.end()
		})
	}
}

func TestRelist(t *testing.T) {
	tests := []struct {
		name  string
		again func(sc *scene)
		calls int
		want  string
	}{
		{"the same objects again change nothing", func(sc *scene) {
			sc.list(sc.main, 9, slice("s", "a", 2), slice("t", "a", 3), slice("u", "b", 4))
		}, 0, "slice n/s of a at 2, slice n/t of a at 3, slice n/u of b at 4"},
		{"changes, new objects and a new owner come in one call", func(sc *scene) {
			sc.list(sc.main, 9, slice("s", "a", 5), slice("t", "b", 6), slice("u", "b", 4), slice("v", "b", 7))
		}, 1, "slice n/s of a at 5, slice n/t of b at 6, slice n/u of b at 4, slice n/v of b at 7"},
		{"vanished objects are held back", func(sc *scene) {
			sc.list(sc.main, 9, slice("s", "a", 2))
			sc.after(settleTime - 1)
		}, 0, "slice n/s of a at 2, slice n/t of a at 3, slice n/u of b at 4"},
		{"vanished objects go in one call", func(sc *scene) {
			sc.list(sc.main, 9, slice("s", "a", 2))
			sc.after(settleTime)
		}, 1, "slice n/s of a at 2"},
		{"a vanished object that another stream lists stays", func(sc *scene) {
			sc.list(sc.main, 9, slice("s", "a", 2), slice("t", "a", 3))
			sc.list(sc.other, 9, handMade("u", "b", 8))
			sc.after(settleTime)
		}, 1, "slice n/s of a at 2, slice n/t of a at 3, slice n/u of b at 8"},
		{"an object of another stream is not touched", func(sc *scene) {
			sc.add(sc.other, handMade("w", "b", 6))
			sc.list(sc.main, 9)
			sc.after(settleTime)
		}, 2, "slice n/w of b at 6"},
		{"what no longer matches counts as vanished", func(sc *scene) {
			sc.list(sc.main, 9, slice("s", "a", 2), slice("t", "a", 3), trapped("u", "b", 8))
			sc.after(settleTime)
		}, 1, "slice n/s of a at 2, slice n/t of a at 3"},
		{"a server whose store was put back is believed", func(sc *scene) {
			sc.must(sc.main.Bookmark("50"))
			sc.list(sc.main, 3, slice("s", "a", 1), slice("t", "a", 3))
			sc.after(settleTime)
		}, 2, "slice n/s of a at 1, slice n/t of a at 3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sc := newScene(t)
			sc.listNothing()
			sc.list(sc.main, 4, slice("s", "a", 2), slice("t", "a", 3), slice("u", "b", 4))
			before := sc.receiver.calls()
			tt.again(sc)
			sc.want(tt.want)
			if calls := sc.receiver.calls() - before; calls != tt.calls {
				t.Errorf("the relist made %d calls of Apply, want %d", calls, tt.calls)
			}
			sc.end()
		})
	}
}

func TestVersionOfAStoreThatWasPutBackGoesOn(t *testing.T) {
	sc := newScene(t)
	sc.listNothing()
	sc.list(sc.headless, 90, headless("a", 90))
	sc.list(sc.headless, 10, headless("a", 10))
	sc.list(sc.external, 10)
	sc.update(sc.headless, byHand("a", 11))
	sc.delete(sc.headless, byHand("a", 12))
	sc.add(sc.external, externalName("a", 12))
	sc.after(settleTime)
	sc.want("n/a -> example.org.")
	sc.end()
}

func TestChangeOfOwnerComesInOneCall(t *testing.T) {
	sc := newScene(t)
	sc.listNothing()
	sc.add(sc.main, slice("s", "a", 2))
	before := sc.receiver.calls()
	sc.update(sc.main, slice("s", "b", 3))
	if calls := sc.receiver.calls() - before; calls != 1 {
		t.Errorf("the change took %d calls, want 1", calls)
	}
	last := sc.receiver.applied[before]
	if len(last) != 2 || !last[0].Removed || last[0].Slice.Service != "a" || last[1].Removed || last[1].Slice.Service != "b" {
		t.Errorf("the change was reported as %+v, want the removal from a and the set for b", last)
	}
	sc.end()
}

func TestRelistInOneNamespaceLeavesTheOthersAlone(t *testing.T) {
	sc := newScene(t)
	sc.listNothing()
	inM := newStream(sc.join, sc.main.query, "m")
	inN := newStream(sc.join, sc.main.query, "n")
	elsewhere := slice("s", "a", 2)
	elsewhere.Namespace = "m"
	sc.add(inM, elsewhere)
	sc.add(inN, slice("s", "a", 3))
	sc.list(inN, 9)
	sc.after(settleTime)
	sc.want("slice m/s of a at 2")
	sc.end()
}

func TestSyncedComesOnceAfterAllFirstLists(t *testing.T) {
	sc := newScene(t)
	for _, s := range sc.all() {
		sc.after(time.Hour)
		if n := sc.receiver.syncs(); n != 0 {
			t.Fatalf("Synced was called %d times before the list of %s", n, s.query.name)
		}
		sc.list(s, 1)
	}
	sc.after(0)
	sc.list(sc.main, 2)
	sc.after(time.Hour)
	if n := sc.receiver.syncs(); n != 1 {
		t.Errorf("Synced was called %d times, want once", n)
	}
	sc.end()
}

func TestTransformerMakesSmallObjectsThatCountTheSame(t *testing.T) {
	sc := newScene(t)
	sc.listNothing()
	tests := []struct {
		name   string
		stream *stream
		given  runtime.Object
		want   string
	}{
		{"a Service", sc.headless, headless("a", 2), "n/a headless"},
		{"a slice", sc.main, slice("s", "a", 3), "n/a headless, slice n/s of a at 3"},
		{"a slice of another stream", sc.main, handMade("t", "a", 4), "n/a headless, slice n/s of a at 3"},
		{"a Namespace", sc.namespaces, namespace("m", 5, "yes"), "n/a headless, namespace m, slice n/s of a at 3"},
	}
	for _, tt := range tests {
		transform := tt.stream.Transformer()
		small, err := transform(sc.given(tt.given))
		sc.must(err)
		if _, ok := small.(*object); !ok {
			t.Fatalf("%s: the transformer made a %T", tt.name, small)
		}
		if again, err := transform(small); err != nil || again != small {
			t.Errorf("%s: a second transformation made %v, %v", tt.name, again, err)
		}
		given, _ := tt.given.(interface {
			GetName() string
			GetNamespace() string
			GetResourceVersion() string
		})
		meta := small.(*object).GetObjectMeta()
		if meta.GetName() != given.GetName() || meta.GetNamespace() != given.GetNamespace() || meta.GetResourceVersion() != given.GetResourceVersion() {
			t.Errorf("%s: the small object is %s/%s at %s", tt.name, meta.GetNamespace(), meta.GetName(), meta.GetResourceVersion())
		}
		sc.must(tt.stream.Add(small))
		sc.want(tt.want)
	}
	sc.end()
}

func TestARelistReadsOnlyWhatHasChanged(t *testing.T) {
	sc := newScene(t)
	sc.list(sc.main, 5, slice("same", "a", 2), slice("changes", "a", 3), slice("unversioned", "a", 0))
	sc.list(sc.other, 5, handMade("theirs", "a", 4))
	transform := sc.main.Transformer()
	for name, want := range map[string]struct {
		given *discoveryv1.EndpointSlice
		read  bool
	}{
		"a slice in the same version is not":   {slice("same", "a", 2), false},
		"a slice in another version is":        {slice("changes", "a", 6), true},
		"a new slice is":                       {slice("new", "a", 7), true},
		"a slice without a version is":         {slice("unversioned", "a", 0), true},
		"a slice that another stream holds is": {slice("theirs", "a", 4), true},
		"a slice of another namespace is":      {inNamespaceOf(slice("same", "a", 2), "other"), true},
	} {
		small, err := transform(sc.given(want.given))
		sc.must(err)
		if o := small.(*object); !o.matches || (o.slice != nil) != want.read {
			t.Errorf("%s read: got %+v", name, o)
		}
	}
	sc.end()
}

// While a list is read that shows a store which was put back, another stream may
// have gone on with that store.
func TestARelistLeavesAloneWhatAnotherStreamHasTakenMeanwhile(t *testing.T) {
	sc := newScene(t)
	sc.listNothing()
	sc.list(sc.main, 5, slice("s", "a", 2), slice("t", "a", 3))
	sc.must(sc.main.Bookmark("50"))
	small, err := sc.main.Transformer()(sc.given(slice("s", "a", 2)))
	sc.must(err)
	sc.add(sc.other, handMade("s", "a", 6))
	sc.must(sc.main.Replace([]any{small, sc.given(slice("t", "a", 1))}, "5"))
	sc.want("slice n/s of a at 6, slice n/t of a at 1")
	sc.end()
}

func inNamespaceOf(s *discoveryv1.EndpointSlice, namespace string) *discoveryv1.EndpointSlice {
	s.Namespace = namespace
	return s
}

func TestObjectsOfAnotherTypeAreLeftOut(t *testing.T) {
	sc := newScene(t)
	sc.listNothing()
	sc.add(sc.main, headless("a", 2))
	sc.add(sc.headless, slice("a", "a", 2))
	sc.add(sc.namespaces, slice("a", "a", 2))
	sc.list(sc.other, 3, headless("a", 2))
	sc.delete(sc.headless, slice("a", "a", 3))
	sc.want("")
	sc.end()
}

func TestBadObjectIsLoggedOnce(t *testing.T) {
	logged := captureLog(t)
	sc := newScene(t)
	sc.listNothing()
	sc.add(sc.main, unusable("s", "a", 2))
	sc.update(sc.main, unusable("s", "a", 3))
	sc.list(sc.main, 4, unusable("s", "a", 3))
	if lines := logged.lines("n/s"); len(lines) != 1 || !strings.Contains(lines[0], "EndpointSlice") {
		t.Errorf("the bad slice was logged as %q, want one line", lines)
	}
	sc.delete(sc.main, unusable("s", "a", 5))
	sc.add(sc.main, unusable("s", "a", 6))
	if lines := logged.lines("n/s"); len(lines) != 2 {
		t.Errorf("the bad slice that was made again was logged as %q, want a second line", lines)
	}
	sc.end()
}

func TestListIsLoggedInOneLine(t *testing.T) {
	sc := newScene(t)
	sc.listNothing()
	sc.list(sc.main, 4, slice("s", "a", 2), slice("t", "a", 3))
	logged := captureLog(t)
	sc.list(sc.main, 9, slice("s", "a", 5), slice("u", "a", 6), slice("v", "a", 7))
	lines := logged.lines("")
	if len(lines) != 1 || !strings.Contains(lines[0], "endpointslices_headless") ||
		!strings.Contains(lines[0], "resource version 9: 2 added, 1 changed, 1 removed") {
		t.Errorf("the list was logged as %q", lines)
	}
	sc.end()
}
