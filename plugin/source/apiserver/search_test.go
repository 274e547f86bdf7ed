package apiserver

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"github.com/prometheus/client_golang/prometheus/testutil"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// ownersOf are Services in the namespace n.
func ownersOf(names ...string) []model.ServiceKey {
	var owners []model.ServiceKey
	for _, name := range names {
		owners = append(owners, model.ServiceKey{Namespace: "n", Name: name})
	}
	return owners
}

// searching is a scene after the first lists: the Service and the slices of the
// main stream are there, and the search is under way.
func searching(t tester, services []runtime.Object, slices ...runtime.Object) *scene {
	sc := newScene(t)
	sc.join.unsearched = 1
	sc.list(sc.services, 5, services...)
	sc.list(sc.main, 5, slices...)
	sc.list(sc.other, 5)
	sc.list(sc.namespaces, 5)
	sc.after(0)
	return sc
}

func TestSearchAtTheStart(t *testing.T) {
	one := []runtime.Object{headless("a", 2)}
	tests := []struct {
		name     string
		services []runtime.Object
		slices   []runtime.Object
		events   func(sc *scene)
		opened   int
		syncs    int
	}{
		{"a Service with a slice is in order until the search says otherwise", one, []runtime.Object{slice("s", "a", 3)},
			func(*scene) {}, 0, 0},
		{"a Service with a labelled and an unlabelled slice gets a stream, and Synced waits for it", one, []runtime.Object{slice("s", "a", 3)},
			func(sc *scene) { sc.join.found(ownersOf("a")); sc.join.searched() }, 1, 0},
		{"two unlabelled slices make one stream", one, []runtime.Object{slice("s", "a", 3)},
			func(sc *scene) { sc.join.found(ownersOf("a", "a")); sc.join.found(ownersOf("a")); sc.join.searched() }, 1, 0},
		{"a stream that runs for want of a slice is the only one", one, nil,
			func(sc *scene) { sc.join.found(ownersOf("a")); sc.join.searched() }, 1, 0},
		{"a slice that comes at the same moment does not end the wait", one, []runtime.Object{slice("s", "a", 3)},
			func(sc *scene) {
				sc.join.found(ownersOf("a"))
				sc.add(sc.main, slice("t", "a", 6))
				sc.join.searched()
			}, 1, 0},
		{"a Service that is not held gets none", one, []runtime.Object{slice("s", "a", 3)},
			func(sc *scene) { sc.join.found(ownersOf("b")); sc.join.searched() }, 0, 1},
		{"a Service without a selector gets none", []runtime.Object{byHand("a", 2)}, nil,
			func(sc *scene) { sc.join.found(ownersOf("a")); sc.join.searched() }, 0, 1},
		{"a search that failed does not hold up Synced", one, []runtime.Object{slice("s", "a", 3)},
			func(sc *scene) { sc.join.searched() }, 0, 1},
		{"a search that succeeds long after Synced counts the same", one, []runtime.Object{slice("s", "a", 3)},
			func(sc *scene) { sc.join.searched(); sc.after(time.Hour); sc.join.found(ownersOf("a")) }, 1, 1},
		{"a search that hangs holds up Synced for so long and no longer", one, []runtime.Object{slice("s", "a", 3)},
			func(sc *scene) { sc.after(syncTime) }, 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sc := searching(t, tt.services, tt.slices...)
			tt.events(sc)
			sc.after(0)
			if len(sc.opened) != tt.opened {
				t.Errorf("%d streams were opened, want %d", len(sc.opened), tt.opened)
			}
			if n := sc.receiver.syncs(); n != tt.syncs {
				t.Errorf("Synced was called %d times, want %d", n, tt.syncs)
			}
			sc.end()
		})
	}
}

func TestMixedServiceHasAllSlicesUntilTheLastHasTheLabel(t *testing.T) {
	sc := searching(t, []runtime.Object{headless("a", 2)}, slice("s", "a", 3))
	sc.join.found(ownersOf("a"))
	sc.join.searched()
	sc.after(0)
	sc.list(sc.last().stream, 6, slice("s", "a", 3), trapped("t", "a", 1))
	sc.after(time.Hour)
	sc.want("n/a headless, slice n/s of a at 3, slice n/t of a at 1")
	if sc.last().ended {
		t.Error("the stream ended while a slice had no label")
	}
	sc.add(sc.main, slice("t", "a", 7))
	sc.after(time.Hour)
	sc.want("n/a headless, slice n/s of a at 3, slice n/t of a at 7")
	if !sc.last().ended || len(sc.opened) != 1 {
		t.Error("the stream did not end when all slices had the label")
	}
	sc.end()
}

func TestSearchBeginsOnceAfterTheFirstLists(t *testing.T) {
	sc := newScene(t)
	for _, s := range sc.all() {
		if sc.join.advance().search {
			t.Fatalf("the search began before the list of %s", s.query.name)
		}
		sc.list(s, 1)
	}
	if !sc.join.advance().search || sc.join.advance().search {
		t.Error("the search did not begin once after the first lists")
	}
	sc.end()
}

func bySearch(r request) bool { return r.metadata() }

func TestSearchAsksForMetadataOnly(t *testing.T) {
	a := newAPIServer(t)
	untilSynced(t, run(t, Config{}, a))
	asked := a.asked(bySearch)
	if len(asked) != 1 {
		t.Fatalf("the search made %d requests, want 1", len(asked))
	}
	if asked[0].path != "/apis/discovery.k8s.io/v1/endpointslices" {
		t.Errorf("the search asked for %s", asked[0].path)
	}
	want := url.Values{
		"labelSelector": {"endpointslice.kubernetes.io/managed-by=endpointslice-controller.k8s.io,!service.kubernetes.io/headless"},
		"limit":         {"500"},
	}
	if got := asked[0].query.Encode(); got != want.Encode() {
		t.Errorf("the query is %s, want %s", got, want.Encode())
	}
	const accept = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1," +
		"application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
	if got := asked[0].header.Values("Accept"); !slices.Equal(got, []string{accept}) {
		t.Errorf("the client accepts %q, want %q", got, accept)
	}
}

func TestSearchReadsAllPages(t *testing.T) {
	a := newAPIServer(t)
	for i := range searchPage {
		a.put(trapped(fmt.Sprintf("c-%03d", i), "c", 0))
	}
	a.put(headless("a", 0), slice("s", "a", 0), trapped("t", "a", 0))
	r := run(t, Config{}, a)
	untilSynced(t, r)
	if got, want := r.state(), "n/a headless, slice n/s of a at 503, slice n/t of a at 504"; got != want {
		t.Errorf("the state at the sync is %q, want %q", got, want)
	}
	asked := a.asked(bySearch)
	if len(asked) != 2 || asked[1].query.Get("continue") != "500" {
		t.Errorf("the search asked %v, want two pages", asked)
	}
}

func TestSearchThatFails(t *testing.T) {
	logged := captureLog(t)
	a := newAPIServer(t)
	a.refuse = func(r request) *apierrors.StatusError {
		if r.metadata() {
			return forbidden(r)
		}
		return nil
	}
	a.put(headless("a", 0), slice("s", "a", 0), trapped("t", "a", 0), headless("b", 0), trapped("u", "b", 0))
	before := testutil.ToFloat64(watchErrors.WithLabelValues(slicesUnlabelled))
	r := run(t, Config{}, a)
	untilSynced(t, r)
	if got, want := r.state(), "n/a headless, n/b headless, slice n/s of a at 3, slice n/u of b at 6"; got != want {
		t.Errorf("the state at the sync is %q, want %q", got, want)
	}
	eventually(t, "three tries", func() bool { return len(a.asked(bySearch)) >= 3 })
	if n := testutil.ToFloat64(watchErrors.WithLabelValues(slicesUnlabelled)) - before; n < 2 {
		t.Errorf("%v errors were counted", n)
	}
	a.with(func(a *apiServer) { a.refuse = nil })
	r.untilState(t, "n/a headless, n/b headless, slice n/s of a at 3, slice n/t of a at 4, slice n/u of b at 6")
	eventually(t, "the line that it is over", func() bool { return len(logged.lines("after all")) == 1 })
	if lines := logged.lines("Cannot list " + slicesUnlabelled); len(lines) != 1 || !strings.Contains(lines[0], "no right to do so") {
		t.Errorf("the failure was logged as %q, want one line", lines)
	}
}

func TestPauseOfTheSearchIsBounded(t *testing.T) {
	backoff := searchBackoff
	for range 100 {
		if d := backoff.Step(); d < time.Second || d > 6*time.Minute {
			t.Fatalf("the search would wait %v", d)
		}
	}
}

func TestOwnersLeavesOutWhatNamesNoService(t *testing.T) {
	page := &metav1.PartialObjectMetadataList{Items: []metav1.PartialObjectMetadata{
		{ObjectMeta: trapped("s", "a", 1).ObjectMeta},
		{ObjectMeta: trapped("t", "", 1).ObjectMeta},
		{ObjectMeta: trapped("u", "not a name", 1).ObjectMeta},
	}}
	if got := owners(page); !slices.Equal(got, ownersOf("a")) {
		t.Errorf("the owners are %v", got)
	}
}
