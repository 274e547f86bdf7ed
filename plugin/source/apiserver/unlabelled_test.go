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
	sc.list(sc.headless, 5, services...)
	sc.list(sc.external, 5)
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
			func(sc *scene) { sc.after(extraListTime) }, 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sc := searching(t, tt.services, tt.slices...)
			tt.events(sc)
			sc.after(0)
			if len(sc.opened) != tt.opened {
				t.Errorf("%d extra streams were opened, want %d", len(sc.opened), tt.opened)
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
	sc.list(sc.opened[0].stream, 6, slice("s", "a", 3), trapped("t", "a", 1))
	sc.after(time.Hour)
	sc.want("n/a headless, slice n/s of a at 3, slice n/t of a at 1")
	if sc.ended[sc.opened[0]] {
		t.Error("the extra stream ended while a slice had no label")
	}
	sc.add(sc.main, slice("t", "a", 7))
	sc.after(time.Hour)
	sc.want("n/a headless, slice n/s of a at 3, slice n/t of a at 7")
	if !sc.ended[sc.opened[0]] || len(sc.opened) != 1 {
		t.Error("the extra stream did not end when all slices had the label")
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

func TestServiceThatBecomesHeadlessAfterTheStart(t *testing.T) {
	const old = creationTime + 1
	tests := []struct {
		name   string
		events func(sc *scene)
		opened int
	}{
		{"an old Service that enters gets a stream at once, whatever slice it has", func(sc *scene) {
			sc.add(sc.main, slice("s", "a", 2))
			sc.add(sc.headless, aged(headless("a", 3), old))
		}, 1},
		{"and a slice that comes next does not change that", func(sc *scene) {
			sc.add(sc.headless, aged(headless("a", 3), old))
			sc.add(sc.main, slice("s", "a", 4))
		}, 1},
		{"an ExternalName Service that changes its type gets one", func(sc *scene) {
			sc.add(sc.external, aged(externalName("a", 2), old))
			sc.add(sc.headless, aged(headless("a", 3), old))
			sc.delete(sc.external, aged(externalName("a", 3), old))
		}, 1},
		{"also one that was made just now", func(sc *scene) {
			sc.add(sc.external, aged(externalName("a", 2), 0))
			sc.add(sc.headless, aged(headless("a", 3), 0))
			sc.add(sc.main, slice("s", "a", 4))
		}, 1},
		{"a Service that changed its type during a lost connection gets one", func(sc *scene) {
			sc.add(sc.external, aged(externalName("a", 2), old))
			sc.list(sc.main, 9, slice("s", "a", 5))
			sc.list(sc.external, 9)
			sc.list(sc.headless, 9, aged(headless("a", 3), old))
		}, 1},
		{"also where the list of headless Services comes first", func(sc *scene) {
			sc.add(sc.external, aged(externalName("a", 2), old))
			sc.list(sc.headless, 9, aged(headless("a", 3), old))
			sc.list(sc.external, 9)
			sc.list(sc.main, 9, slice("s", "a", 5))
		}, 1},
		{"a headless Service that was another for a moment gets one", func(sc *scene) {
			sc.add(sc.main, slice("s", "a", 2))
			sc.add(sc.headless, aged(headless("a", 3), 0))
			sc.after(time.Hour)
			sc.delete(sc.headless, aged(headless("a", 4), 0))
			sc.add(sc.headless, aged(headless("a", 5), 0))
		}, 1},
		{"a Service that gets a selector gets one", func(sc *scene) {
			sc.add(sc.headless, aged(byHand("a", 3), old))
			sc.update(sc.headless, aged(headless("a", 4), old))
		}, 1},
		{"a headless Service that stays so gets none", func(sc *scene) {
			sc.add(sc.main, slice("s", "a", 2))
			sc.add(sc.headless, aged(headless("a", 3), 0))
			sc.after(time.Hour)
			sc.update(sc.headless, aged(headless("a", 4), 0))
			sc.list(sc.headless, 9, aged(headless("a", 5), 0))
		}, 0},
		{"a Service of just the age waits for its slices", func(sc *scene) {
			sc.add(sc.headless, aged(headless("a", 3), creationTime))
		}, 0},
		{"a Service from the future waits for its slices", func(sc *scene) {
			sc.add(sc.headless, aged(headless("a", 3), -time.Hour))
		}, 0},
		{"a Service of unknown age waits for its slices", func(sc *scene) {
			sc.add(sc.headless, headless("a", 3))
		}, 0},
		{"an old Service without a selector gets none", func(sc *scene) {
			sc.add(sc.headless, aged(byHand("a", 3), old))
		}, 0},
		{"an old Service that is ExternalName again gets none", func(sc *scene) {
			sc.add(sc.headless, aged(headless("a", 3), old))
			sc.add(sc.external, aged(externalName("a", 4), old))
		}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sc := newScene(t)
			sc.listNothing()
			tt.events(sc)
			sc.after(0)
			if len(sc.opened) != tt.opened {
				t.Errorf("%d extra streams were opened, want %d", len(sc.opened), tt.opened)
			}
			sc.end()
		})
	}
}

func TestTypeChangeWhileTheExtraStreamRunsStartsAnother(t *testing.T) {
	sc := withExtra(t, slice("s", "a", 1))
	sc.delete(sc.headless, headless("a", 4))
	sc.add(sc.headless, aged(headless("a", 5), time.Hour))
	sc.add(sc.main, slice("s", "a", 1))
	sc.after(0)
	if len(sc.opened) != 2 || !sc.ended[sc.opened[0]] {
		t.Fatalf("%d extra streams were opened and the first has ended: %v; want 2 and true", len(sc.opened), sc.ended[sc.opened[0]])
	}
	sc.list(sc.opened[1].stream, 6, trapped("s", "a", 3))
	sc.delete(sc.main, slice("s", "a", 3))
	sc.after(settleTime)
	sc.want("n/a headless, slice n/s of a at 3")
	sc.end()
}

func TestExtraStreamDoesNotEndWhileAFilteredStreamLags(t *testing.T) {
	sc := withExtra(t, trapped("s", "a", 3))
	sc.add(sc.main, slice("s", "a", 2))
	sc.delete(sc.main, slice("s", "a", 3))
	sc.add(sc.main, slice("t", "a", 4))
	sc.after(settleTime)
	sc.want("n/a headless, slice n/s of a at 3, slice n/t of a at 4")
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
