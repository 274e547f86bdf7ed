package apiserver

import (
	"strconv"
	"strings"
	"testing"
	"time"

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
	queries  *queries
	// One stream for each query.
	services, main, other, namespaces *stream
	fallback                          *fallback
	// opened are the streams of the fallback.
	opened []*opening
	inputs []given
}

// opening is a stream of the fallback.
type opening struct {
	*stream
	services []string
	// cancelled is true once it is to end, ended once it has.
	cancelled, ended bool
}

// sceneStart is when the clock of each scene stands at first.
var sceneStart = time.Unix(1_000_000, 0)

type given struct{ given, copied runtime.Object }

func newScene(t tester) *scene {
	queries, err := Config{NamespaceLabels: "dns=yes"}.queries()
	if err != nil {
		t.Fatal(err)
	}
	sc := &scene{
		t:        t,
		clock:    clocktesting.NewFakePassiveClock(sceneStart),
		receiver: newReceiver(),
		queries:  queries,
	}
	sc.join = newJoin(sc.clock, sc.receiver)
	sc.services = sc.enter(queries.services, "")
	sc.main = sc.enter(queries.labelled, "")
	sc.other = sc.enter(queries.other, "")
	sc.namespaces = sc.enter(queries.namespaces, "")
	sc.fallback = sc.join.addFallback("", sc.main.input)
	sc.fallback.open = sc.openFallback
	return sc
}

func (sc *scene) enter(q *query, namespace string) *stream {
	return newStream(sc.join, sc.join.enter(q.kind), q, namespace)
}

func (sc *scene) all() []*stream {
	return []*stream{sc.services, sc.main, sc.other, sc.namespaces}
}

func (sc *scene) openFallback(services []string) *follower {
	query := sc.queries.fallback(services, sc.join.isInNeed)
	o := &opening{stream: newStream(sc.join, sc.fallback.input, query, ""), services: services}
	sc.opened = append(sc.opened, o)
	return &follower{cancel: func() { o.cancelled = true }}
}

// last is the stream of the fallback that was opened last.
func (sc *scene) last() *opening { return sc.opened[len(sc.opened)-1] }

func (sc *scene) given(obj runtime.Object) any {
	sc.inputs = append(sc.inputs, given{given: obj, copied: obj.DeepCopyObject()})
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

// after lets time pass, and does what is then due. A stream that is to end does
// so at once.
func (sc *scene) after(d time.Duration) {
	sc.clock.SetTime(sc.clock.Now().Add(d))
	for more := true; more; {
		if sc.join.advance().synced {
			sc.receiver.Synced()
		}
		more = false
		for _, o := range sc.opened {
			if o.cancelled && !o.ended {
				o.ended, more = true, true
				sc.join.noteEnd(sc.fallback)
			}
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
			sc.add(sc.services, headless("a", 2))
		}, "n/a headless"},
		{"a new ExternalName Service is reported", func(sc *scene) {
			sc.add(sc.services, externalName("a", 2))
		}, "n/a -> example.org."},
		{"a Service with a ClusterIP is not", func(sc *scene) {
			sc.add(sc.services, clusterIP("a", 3))
		}, ""},
		{"a deleted Service is gone at once", func(sc *scene) {
			sc.add(sc.services, headless("a", 2))
			sc.delete(sc.services, headless("a", 3))
		}, ""},
		{"a Service that gets a ClusterIP is gone at once", func(sc *scene) {
			sc.add(sc.services, headless("a", 2))
			sc.update(sc.services, clusterIP("a", 3))
		}, ""},
		{"a Service that changes its type is what it became", func(sc *scene) {
			sc.add(sc.services, headless("a", 2))
			sc.update(sc.services, externalName("a", 3))
		}, "n/a -> example.org."},
		{"a deleted slice is gone at once, while the other streams are away", func(sc *scene) {
			sc.add(sc.main, slice("s", "a", 2))
			sc.other.lost()
			sc.services.lost()
			sc.delete(sc.main, slice("s", "a", 3))
		}, ""},
		{"a slice that came into another stream stays when the first lets go of it", func(sc *scene) {
			sc.add(sc.main, slice("s", "a", 2))
			sc.add(sc.other, handMade("s", "a", 3))
			sc.delete(sc.main, slice("s", "a", 3))
		}, "slice n/s of a at 3"},
		{"also where that comes first", func(sc *scene) {
			sc.add(sc.main, slice("s", "a", 2))
			sc.delete(sc.main, slice("s", "a", 3))
			sc.add(sc.other, handMade("s", "a", 3))
		}, "slice n/s of a at 3"},
		{"a slice that was deleted in another stream is gone, while the first is away", func(sc *scene) {
			sc.add(sc.main, slice("s", "a", 2))
			sc.main.lost()
			sc.add(sc.other, handMade("s", "a", 3))
			sc.delete(sc.other, handMade("s", "a", 4))
		}, ""},
		{"what a stream says late of a slice does not undo what another says", func(sc *scene) {
			sc.add(sc.other, handMade("s", "a", 5))
			sc.add(sc.main, slice("s", "b", 3))
			sc.delete(sc.main, slice("s", "b", 5))
		}, "slice n/s of a at 5"},
		{"a slice that changes its Service belongs to the new one", func(sc *scene) {
			sc.add(sc.main, slice("s", "a", 2))
			sc.update(sc.main, slice("s", "b", 3))
		}, "slice n/s of b at 3"},
		{"a slice that becomes unusable is left out at once", func(sc *scene) {
			sc.add(sc.main, slice("s", "a", 2))
			sc.update(sc.main, unusable("s", "a", 3))
		}, "slice n/s of a at 3 left out (type FQDN)"},
		{"a slice that is left out and goes to another Service", func(sc *scene) {
			sc.add(sc.main, unusable("s", "a", 2))
			sc.update(sc.main, unusable("s", "b", 3))
		}, "slice n/s of b at 3 left out (type FQDN)"},
		{"a slice that is left out and deleted is gone at once", func(sc *scene) {
			sc.add(sc.main, unusable("s", "a", 2))
			sc.delete(sc.main, unusable("s", "a", 3))
		}, ""},
		{"a slice that becomes unusable and nobody's is removed at once", func(sc *scene) {
			sc.add(sc.main, slice("s", "a", 2))
			sc.update(sc.main, unusable("s", "", 3))
		}, ""},
		{"a Service that becomes unusable is left out at once", func(sc *scene) {
			sc.add(sc.services, headless("a", 2))
			sc.update(sc.services, badName("a", 3))
		}, `n/a left out (externalName "a b")`},
		{"a Service that becomes usable is reported", func(sc *scene) {
			sc.add(sc.services, badName("a", 2))
			sc.update(sc.services, externalName("a", 3))
		}, "n/a -> example.org."},
		{"a Service that is left out and gets a ClusterIP is gone at once", func(sc *scene) {
			sc.add(sc.services, badName("a", 2))
			sc.update(sc.services, clusterIP("a", 3))
		}, ""},
		{"an unusable slice that becomes usable is reported", func(sc *scene) {
			sc.add(sc.main, unusable("s", "a", 2))
			sc.update(sc.main, slice("s", "a", 3))
		}, "slice n/s of a at 3"},
		{"an unusable slice does not take a usable one with it", func(sc *scene) {
			sc.list(sc.main, 3, unusable("s", "a", 2), slice("t", "a", 3))
		}, "slice n/s of a at 2 left out (type FQDN), slice n/t of a at 3"},
		{"a delete of what never was changes nothing", func(sc *scene) {
			sc.delete(sc.main, slice("s", "a", 2))
		}, ""},
		{"a Service whose resource version is no number is reported each time", func(sc *scene) {
			a := headless("a", 0)
			a.ResourceVersion = "x"
			sc.add(sc.services, a)
			b := externalName("a", 0)
			b.ResourceVersion = "y"
			sc.update(sc.services, b)
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

func TestAServiceThatChangesItsTypeIsAlwaysThere(t *testing.T) {
	sc := newScene(t)
	sc.listNothing()
	sc.add(sc.services, headless("a", 2))
	sc.receiver.afterApply = func(r *receiver) {
		if len(r.services) != 1 {
			t.Error("the Service was not there for a moment")
		}
	}
	for version := 3; version < 20; version += 2 {
		sc.update(sc.services, externalName("a", version))
		sc.want("n/a -> example.org.")
		sc.update(sc.services, headless("a", version+1))
		sc.want("n/a headless")
	}
	sc.end()
}

// A slice that goes from one manager to another and is deleted there.
func TestASliceThatLeavesAllStreamsIsRemovedInAnyOrder(t *testing.T) {
	inMain := []event{{"main delete 3", func(sc *scene) { sc.delete(sc.main, slice("s", "a", 3)) }}}
	inOther := []event{
		{"other add 3", func(sc *scene) { sc.add(sc.other, handMade("s", "a", 3)) }},
		{"other delete 4", func(sc *scene) { sc.delete(sc.other, handMade("s", "a", 4)) }},
	}
	for _, order := range orders(inMain, inOther) {
		t.Run(names(order), func(t *testing.T) {
			sc := newScene(t)
			sc.listNothing()
			sc.add(sc.main, slice("s", "a", 2))
			for _, e := range order {
				e.do(sc)
			}
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
		{"vanished objects go in one call", func(sc *scene) {
			sc.list(sc.main, 9, slice("s", "a", 2))
		}, 1, "slice n/s of a at 2"},
		{"a vanished object that another stream lists stays", func(sc *scene) {
			sc.list(sc.other, 9, handMade("u", "b", 8))
			sc.list(sc.main, 9, slice("s", "a", 2), slice("t", "a", 3))
		}, 1, "slice n/s of a at 2, slice n/t of a at 3, slice n/u of b at 8"},
		{"an object of another stream is not touched", func(sc *scene) {
			sc.add(sc.other, handMade("w", "b", 6))
			sc.list(sc.main, 9)
		}, 2, "slice n/w of b at 6"},
		{"what no longer matches counts as vanished", func(sc *scene) {
			sc.list(sc.main, 9, slice("s", "a", 2), slice("t", "a", 3), trapped("u", "b", 8))
		}, 1, "slice n/s of a at 2, slice n/t of a at 3"},
		{"a server whose store was put back is believed", func(sc *scene) {
			sc.must(sc.main.Bookmark("50"))
			sc.list(sc.main, 3, slice("s", "a", 1), slice("t", "a", 3))
		}, 1, "slice n/s of a at 1, slice n/t of a at 3"},
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
	sc.list(sc.main, 90, slice("s", "a", 90))
	sc.list(sc.main, 10, slice("s", "a", 10))
	sc.list(sc.other, 10)
	sc.update(sc.main, slice("s", "b", 11))
	sc.want("slice n/s of b at 11")
	sc.delete(sc.main, slice("s", "b", 12))
	sc.add(sc.other, handMade("s", "b", 12))
	sc.want("slice n/s of b at 12")
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
	inM, inN := sc.enter(sc.main.query, "m"), sc.enter(sc.main.query, "n")
	elsewhere := slice("s", "a", 2)
	elsewhere.Namespace = "m"
	sc.add(inM, elsewhere)
	sc.add(inN, slice("s", "a", 3))
	sc.list(inN, 9)
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
		{"a Service", sc.services, headless("a", 2), "n/a headless"},
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
	sc.add(sc.services, slice("a", "a", 2))
	sc.add(sc.namespaces, slice("a", "a", 2))
	sc.list(sc.other, 3, headless("a", 2))
	sc.delete(sc.services, slice("a", "a", 3))
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
	sc.update(sc.main, slice("s", "a", 7))
	if lines := logged.lines("The EndpointSlice n/s counts again"); len(lines) != 1 {
		t.Errorf("the slice that became good was logged as %q, want one line", lines)
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
