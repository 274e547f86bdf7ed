package apiserver

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	clocktesting "k8s.io/utils/clock/testing"
)

// run runs a Source against a server and ends it with the test.
func run(t testing.TB, c Config, a *apiServer) *receiver {
	c.Endpoint = a.URL
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	s.backoff = &wait.Backoff{Duration: time.Millisecond}
	r, stop := start(s)
	t.Cleanup(func() {
		stop(t)
		r.check(t)
	})
	return r
}

// start returns a function that ends the Run and fails if it does not end.
func start(s *Source) (*receiver, func(t testing.TB)) {
	r := newReceiver()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx, r)
	}()
	return r, func(t testing.TB) {
		t.Helper()
		cancel()
		select {
		case <-done:
		case <-time.After(deadline):
			t.Fatal("Run did not return")
		}
	}
}

func untilSynced(t testing.TB, r *receiver) {
	t.Helper()
	r.until(t, "Synced", func() bool { return r.syncs() == 1 })
}

// selectors returns what was asked for, one line for each path and selector.
func selectors(a *apiServer) []string {
	lines := make(map[string]bool)
	for _, r := range a.asked(func(request) bool { return true }) {
		line := r.path
		if s := r.query.Get("labelSelector"); s != "" {
			line += " labels " + s
		}
		lines[line] = true
	}
	return slices.Sorted(maps.Keys(lines))
}

func TestSelectors(t *testing.T) {
	const (
		discovery   = "/apis/discovery.k8s.io/v1/"
		mainLabels  = "endpointslice.kubernetes.io/managed-by=endpointslice-controller.k8s.io,service.kubernetes.io/headless"
		unlabelled  = "endpointslice.kubernetes.io/managed-by=endpointslice-controller.k8s.io,!service.kubernetes.io/headless"
		otherLabels = "endpointslice.kubernetes.io/managed-by!=endpointslice-controller.k8s.io,kubernetes.io/service-name"
	)
	tests := []struct {
		name   string
		config Config
		want   []string
	}{
		{"three streams and a search over all namespaces", Config{}, []string{
			"/api/v1/services",
			discovery + "endpointslices labels " + otherLabels,
			discovery + "endpointslices labels " + mainLabels,
			discovery + "endpointslices labels " + unlabelled,
		}},
		{"three streams and a search in each namespace, and nothing across them", Config{Namespaces: []string{"n", "m", "n"}}, []string{
			"/api/v1/namespaces/m/services",
			"/api/v1/namespaces/n/services",
			discovery + "namespaces/m/endpointslices labels " + otherLabels,
			discovery + "namespaces/m/endpointslices labels " + mainLabels,
			discovery + "namespaces/m/endpointslices labels " + unlabelled,
			discovery + "namespaces/n/endpointslices labels " + otherLabels,
			discovery + "namespaces/n/endpointslices labels " + mainLabels,
			discovery + "namespaces/n/endpointslices labels " + unlabelled,
		}},
		{"labels of Services, which the controller copies to its slices", Config{Labels: "tier in (a, b),dns"}, []string{
			"/api/v1/services labels dns,tier in (a,b)",
			discovery + "endpointslices labels dns," + mainLabels + ",tier in (a,b)",
			discovery + "endpointslices labels dns," + unlabelled + ",tier in (a,b)",
			discovery + "endpointslices labels " + otherLabels,
		}},
		{"labels that the controller reserves are not asked of slices", Config{Labels: "service.kubernetes.io/headless"}, []string{
			"/api/v1/services labels service.kubernetes.io/headless",
			discovery + "endpointslices labels " + otherLabels,
			discovery + "endpointslices labels " + mainLabels,
			discovery + "endpointslices labels " + unlabelled,
		}},
		{"Namespaces by label", Config{NamespaceLabels: "dns=yes"}, []string{
			"/api/v1/namespaces labels dns=yes",
			"/api/v1/services",
			discovery + "endpointslices labels " + otherLabels,
			discovery + "endpointslices labels " + mainLabels,
			discovery + "endpointslices labels " + unlabelled,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newAPIServer(t)
			untilSynced(t, run(t, tt.config, a))
			slices.Sort(tt.want)
			if got := selectors(a); !slices.Equal(got, tt.want) {
				t.Errorf("the server was asked for\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

func TestRequestsSayWhoAsksAndPreferProtobuf(t *testing.T) {
	a := newAPIServer(t)
	untilSynced(t, run(t, Config{}, a))
	for _, r := range a.asked(func(request) bool { return true }) {
		if agent := r.header.Get("User-Agent"); !strings.HasPrefix(agent, "coredns-k8s_endpoints/") {
			t.Errorf("the user agent is %q", agent)
		}
		if accept := r.header.Get("Accept"); !strings.HasPrefix(accept, "application/vnd.kubernetes.protobuf") {
			t.Errorf("the client accepts %q", accept)
		}
		if !r.streams && !r.metadata() {
			t.Errorf("%s was not asked for as a streaming list: %v", r.path, r.query)
		}
	}
}

// cluster puts what all streams have and what none has.
func cluster(a *apiServer) (state string) {
	a.put(headless("a", 0), externalName("b", 0), clusterIP("c", 0),
		slice("s", "a", 0), handMade("t", "a", 0), trapped("u", "c", 0), namespace("m", 0, "yes"), namespace("o", 0, "no"))
	return "n/a headless, n/b -> example.org., namespace m, slice n/s of a at 5, slice n/t of a at 6"
}

func TestServers(t *testing.T) {
	tests := []struct {
		name   string
		refuse func(r request) *apierrors.StatusError
	}{
		{"that streams lists", nil},
		{"without streaming lists", noStreaming},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newAPIServer(t)
			a.refuse = tt.refuse
			want := cluster(a)
			r := run(t, Config{NamespaceLabels: "dns=yes"}, a)
			untilSynced(t, r)
			r.untilState(t, want)
			a.put(clusterIP("a", 0), headless("d", 0), slice("v", "d", 0))
			r.untilState(t, "n/b -> example.org., n/d headless, namespace m, slice n/s of a at 5, slice n/t of a at 6, slice n/v of d at 12")
			a.remove(slice("s", "a", 0))
			a.put(headless("b", 0), slice("w", "b", 0))
			r.untilState(t, "n/b headless, n/d headless, namespace m, slice n/t of a at 6, slice n/v of d at 12, slice n/w of b at 15")
		})
	}
}

func TestExpiredVersionLeadsToAListThatRemovesWhatVanished(t *testing.T) {
	for _, tt := range []struct {
		name   string
		refuse func(r request) *apierrors.StatusError
	}{{"streaming lists", nil}, {"plain lists", noStreaming}} {
		t.Run(tt.name, func(t *testing.T) {
			a := newAPIServer(t)
			a.refuse = tt.refuse
			a.put(headless("a", 0), slice("s", "a", 0), slice("t", "a", 0))
			r := run(t, Config{}, a)
			untilSynced(t, r)
			r.afterApply = func(r *receiver) {
				if r.services["n/a"] == nil || r.slices["n/s"] == nil {
					r.fault("a relist cleared what it should compare")
				}
			}
			before := testutil.ToFloat64(relists.WithLabelValues(slicesHeadless))
			a.with(func(a *apiServer) { a.silent = true })
			a.remove(slice("t", "a", 0))
			a.put(slice("u", "a", 0))
			a.with(func(a *apiServer) { a.oldest = a.version })
			a.breakWatches()
			r.untilState(t, "n/a headless, slice n/s of a at 3, slice n/u of a at 6")
			if n := testutil.ToFloat64(relists.WithLabelValues(slicesHeadless)) - before; n != 1 {
				t.Errorf("%v relists were counted, want 1", n)
			}
		})
	}
}

func TestLostServerIsLoggedOnceAndTheStateStays(t *testing.T) {
	perStream := []string{"Cannot watch " + servicesAll, "Cannot watch " + slicesHeadless,
		"Cannot watch " + slicesOther, "Cannot watch " + namespacesSelected}
	perServer := []string{"is lost, what is known is served on"}
	tests := []struct {
		name   string
		refuse func(r request) *apierrors.StatusError
		// lost are parts of lines that are logged once at the loss, and again is part
		// of as many lines at the return.
		lost  []string
		again string
	}{
		{"forbidden", forbidden, perStream, "again"},
		{"too many requests", func(request) *apierrors.StatusError {
			return apierrors.NewTooManyRequestsError("slow down")
		}, perServer, "is back after"},
		{"internal error", func(request) *apierrors.StatusError {
			return apierrors.NewInternalError(fmt.Errorf("broken"))
		}, perServer, "is back after"},
		{"unauthorized", func(request) *apierrors.StatusError { return apierrors.NewUnauthorized("who are you") }, perServer, "is back after"},
		{"only watches forbidden", func(r request) *apierrors.StatusError {
			if r.watches {
				return forbidden(r)
			}
			return nil
		}, perStream, "again"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			logged := captureLog(t)
			a := newAPIServer(t)
			want := cluster(a)
			r := run(t, Config{NamespaceLabels: "dns=yes"}, a)
			untilSynced(t, r)
			errorsBefore := testutil.ToFloat64(watchErrors.WithLabelValues(servicesAll))
			a.with(func(a *apiServer) { a.refuse, a.requests = tt.refuse, nil })
			a.breakWatches()
			eventually(t, "many retries of each stream", func() bool {
				asked := make(map[string]int)
				for _, r := range a.asked(func(request) bool { return true }) {
					asked[r.path+r.query.Get("labelSelector")]++
				}
				return len(asked) == 4 && slices.Min(slices.Collect(maps.Values(asked))) >= 4
			})
			if got := r.state(); got != want {
				t.Errorf("the state is %q, want %q", got, want)
			}
			for _, part := range tt.lost {
				if lines := logged.lines(part); len(lines) != 1 {
					t.Errorf("%q was logged as %q, want one line", part, lines)
				}
			}
			if lines := logged.lines("[WARNING]"); len(lines) != len(tt.lost) {
				t.Errorf("the loss was logged as %q, want %d lines", lines, len(tt.lost))
			}
			for name, is := range streams.worst() {
				if is.up {
					t.Errorf("the stream %s is up", name)
				}
			}
			if n := testutil.ToFloat64(watchErrors.WithLabelValues(servicesAll)) - errorsBefore; n < 2 {
				t.Errorf("%v errors were counted", n)
			}
			a.with(func(a *apiServer) { a.refuse = nil })
			a.put(headless("z", 0), slice("y", "z", 0))
			r.untilState(t, strings.Replace(want, "namespace m, slice n/s of a at 5, slice n/t of a at 6",
				"n/z headless, namespace m, slice n/s of a at 5, slice n/t of a at 6, slice n/y of z at 11", 1))
			eventually(t, "the lines that it is back", func() bool { return len(logged.lines(tt.again)) == len(tt.lost) })
			eventually(t, "all streams", func() bool {
				return !slices.ContainsFunc(slices.Collect(maps.Values(streams.worst())), func(h health) bool { return !h.up })
			})
			if lines := logged.lines("[ERROR]"); len(lines) != 0 {
				t.Errorf("besides, this was logged: %q", lines)
			}
		})
	}
}

// byFallback tells the requests of a fallback.
func byFallback(r request) bool {
	return !r.metadata() && strings.Contains(r.query.Get("labelSelector"), controllerLabels) && !strings.Contains(r.query.Get("labelSelector"), headlessLabels)
}

func TestServiceInTheTrapHasItsSlicesBeforeSynced(t *testing.T) {
	a := newAPIServer(t)
	a.put(headless("a", 0), trapped("s", "a", 0))
	r := run(t, Config{}, a)
	untilSynced(t, r)
	if got := r.state(); got != "n/a headless, slice n/s of a at 3" {
		t.Errorf("the state at the sync is %q", got)
	}
	if asked := a.asked(byFallback); len(asked) != 1 || asked[0].path != "/apis/discovery.k8s.io/v1/endpointslices" {
		t.Errorf("the fallback asked %v", asked)
	}
	a.put(slice("s", "a", 0))
	r.untilState(t, "n/a headless, slice n/s of a at 4")
}

func TestServiceThatFallsIntoTheTrapGetsItsSlices(t *testing.T) {
	a := newAPIServer(t)
	a.put(clusterIP("a", 0), trapped("s", "a", 0))
	r := run(t, Config{}, a)
	untilSynced(t, r)
	a.put(externalName("a", 0))
	r.untilState(t, "n/a -> example.org.")
	a.put(headless("a", 0))
	r.untilState(t, "n/a headless, slice n/s of a at 3")
	a.put(externalName("a", 0))
	r.untilState(t, "n/a -> example.org.")
}

func TestSyncedComesThoughTheFallbackHangs(t *testing.T) {
	a := newAPIServer(t)
	a.hang = byFallback
	a.put(headless("a", 0), trapped("s", "a", 0))
	clock := clocktesting.NewFakeClock(time.Now())
	r := runWith(t, a, func(s *Source) { s.clock = clock })
	untilSyncedByTime(t, a, r, clock)
	if got := r.state(); got != "n/a headless" {
		t.Errorf("the state at the sync is %q", got)
	}
}

// untilSyncedByTime waits until the fallback hangs, and lets the time pass for
// which Synced waits.
func untilSyncedByTime(t *testing.T, a *apiServer, r *receiver, clock *clocktesting.FakeClock) {
	t.Helper()
	eventually(t, "the request of the fallback", func() bool { return len(a.asked(byFallback)) > 0 })
	if n := r.syncs(); n != 0 {
		t.Fatalf("Synced was called %d times too early", n)
	}
	clock.Step(syncTime)
	untilSynced(t, r)
}

// quiet ends the connections that earlier tests left, and returns how many
// goroutines there are.
func quiet() int {
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	return runtime.NumGoroutine()
}

func TestRunEndsPromptlyAndLeavesNothingBehind(t *testing.T) {
	tests := []struct {
		name string
		set  func(a *apiServer)
		// ready waits for the state in which the Run is ended.
		ready func(t *testing.T, a *apiServer, r *receiver, clock *clocktesting.FakeClock)
	}{
		{"while it watches", func(*apiServer) {}, func(t *testing.T, _ *apiServer, r *receiver, _ *clocktesting.FakeClock) { untilSynced(t, r) }},
		{"while all requests hang", func(a *apiServer) { a.hang = func(request) bool { return true } }, untilAsked},
		{"while plain lists hang", func(a *apiServer) {
			a.refuse = noStreaming
			a.hang = func(r request) bool { return !r.watches }
		}, func(t *testing.T, a *apiServer, r *receiver, _ *clocktesting.FakeClock) {
			eventually(t, "three lists", func() bool { return len(a.asked(func(r request) bool { return !r.watches })) == 3 })
		}},
		{"while all requests are refused", func(a *apiServer) { a.refuse = forbidden }, untilAsked},
		{"while the fallback hangs", func(a *apiServer) {
			a.put(headless("a", 0))
			a.hang = byFallback
		}, untilSyncedByTime},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newAPIServer(t)
			tt.set(a)
			before := quiet()
			s, err := New(Config{Endpoint: a.URL})
			if err != nil {
				t.Fatal(err)
			}
			s.backoff = &wait.Backoff{Duration: time.Hour}
			clock := clocktesting.NewFakeClock(time.Now())
			s.clock = clock
			r, stop := start(s)
			tt.ready(t, a, r, clock)
			stop(t)
			r.check(t)
			calls := r.calls()
			a.CloseClientConnections()
			eventually(t, "the end of all goroutines", func() bool { return quiet() <= before })
			if r.calls() != calls {
				t.Error("Apply was called after Run had returned")
			}
		})
	}
}

func untilAsked(t *testing.T, a *apiServer, _ *receiver, _ *clocktesting.FakeClock) {
	eventually(t, "three requests", func() bool { return len(a.asked(func(request) bool { return true })) >= 3 })
}

func TestRunEndsPromptlyWhereNobodyListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + listener.Addr().String()
	listener.Close()
	before := quiet()
	s, err := New(Config{Endpoint: url})
	if err != nil {
		t.Fatal(err)
	}
	s.backoff = &wait.Backoff{Duration: time.Hour}
	_, stop := start(s)
	eventually(t, "a failed request", s.outage.lasts)
	stop(t)
	eventually(t, "the end of all goroutines", func() bool { return quiet() <= before })
}
