package apiserver

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestAgeOfTheLastEvent(t *testing.T) {
	const help = "# HELP coredns_k8s_endpoints_last_event_age_seconds Seconds since the last event or bookmark, by stream.\n" +
		"# TYPE coredns_k8s_endpoints_last_event_age_seconds gauge\n"
	streams := newStreamCollector()
	check := func(what string, lines ...string) {
		t.Helper()
		want := ""
		for _, line := range lines {
			stream, age, _ := strings.Cut(line, " ")
			want += "coredns_k8s_endpoints_last_event_age_seconds{stream=\"" + stream + "\"} " + age + "\n"
		}
		if want != "" {
			want = help + want
		}
		if err := testutil.CollectAndCompare(streams, strings.NewReader(want), "coredns_k8s_endpoints_last_event_age_seconds"); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	check("no source")
	one, two := newScene(t), newScene(t)
	streams.enter(one.main)
	streams.enter(one.services)
	one.after(3 * time.Second)
	check("before anything came in", "endpointslices_headless 3", "services 3")
	one.list(one.main, 2)
	one.after(time.Second)
	check("a list", "endpointslices_headless 1", "services 4")
	one.must(one.services.Bookmark("3"))
	check("a bookmark", "endpointslices_headless 1", "services 0")
	one.add(one.main, slice("s", "a", 4))
	check("a new object", "endpointslices_headless 0", "services 0")
	one.after(time.Second)
	one.update(one.main, slice("s", "a", 5))
	check("a change", "endpointslices_headless 0", "services 1")
	one.after(time.Second)
	one.delete(one.main, slice("s", "a", 6))
	check("a delete", "endpointslices_headless 0", "services 2")
	streams.enter(two.main)
	two.after(time.Minute)
	check("the oldest of two sources", "endpointslices_headless 60", "services 2")
	streams.leave(two.main)
	check("a source that left", "endpointslices_headless 0", "services 2")
}

func TestFirstListIsNoRelist(t *testing.T) {
	sc := newScene(t)
	count := func() float64 { return testutil.ToFloat64(relists.WithLabelValues(slicesHeadless)) }
	before := count()
	sc.list(sc.main, 2)
	if n := count() - before; n != 0 {
		t.Errorf("the first list counts as %v relists", n)
	}
	sc.list(sc.main, 3)
	if n := count() - before; n != 1 {
		t.Errorf("the second list counts as %v relists", n)
	}
}

func TestAStreamIsUpOnlyWhereItIsWatched(t *testing.T) {
	failure := errors.New("forbidden")
	list := func(r *requests) { _, _ = r.ListWithContext(t.Context(), metav1.ListOptions{}) }
	replace := func(r *requests) { _ = r.stream.Replace(nil, "7") }
	watch := func(r *requests) { _, _ = r.WatchWithContext(t.Context(), metav1.ListOptions{}) }
	for _, row := range []struct {
		name    string
		answers answers
		events  []func(r *requests)
		up      bool
	}{
		{"before its list", answers{}, nil, false},
		{"a list and a watch", answers{}, []func(*requests){list, replace, watch}, true},
		{"a list and a watch that is refused", answers{plain: failure}, []func(*requests){list, replace, watch}, false},
		{"a list and a watch that is closed before the answer", answers{empty: true}, []func(*requests){list, replace, watch}, false},
		{"a list again after a watch that is refused", answers{plain: failure}, []func(*requests){list, replace, watch, list, replace}, false},
	} {
		sc := newScene(t)
		r := newRequests(sc.services, row.answers.listWatch(), noWait)
		for _, do := range row.events {
			do(r)
		}
		streams := newStreamCollector()
		streams.enter(sc.services)
		if got := streams.worst()[servicesAll].up; got != row.up {
			t.Errorf("%s: it is up: %v, want %v", row.name, got, row.up)
		}
	}
}

func TestStreamsLeaveTheMetricsWithTheirRun(t *testing.T) {
	a := newAPIServer(t)
	s, err := New(Config{Endpoint: a.URL})
	if err != nil {
		t.Fatal(err)
	}
	r, stop := start(s)
	untilSynced(t, r)
	if n := len(streams.worst()); n != 3 {
		t.Errorf("%d streams have an age, want 3", n)
	}
	stop(t)
	if n := len(streams.worst()); n != 0 {
		t.Errorf("%d streams have an age after the Run", n)
	}
}
