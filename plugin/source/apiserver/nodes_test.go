package apiserver

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/cache"
)

// nodesOf returns the stream of Nodes of a scene.
func (sc *scene) nodesOf() *stream {
	return newStream(sc.join, sc.join.enterNodes(), nodeQuery(), "")
}

// beat is a heartbeat of a Node: its version and what nobody reads have changed.
func beat(n *corev1.Node, version int) *corev1.Node {
	n = versioned(n, version).(*corev1.Node)
	n.Status.Images = append(n.Status.Images, corev1.ContainerImage{Names: []string{fmt.Sprint(version)}})
	return n
}

func TestNodesInTheJoin(t *testing.T) {
	n1 := node("n1", 2, "z1")
	const is = "node n1 in z1 [10.1.2.0/24] [192.0.2.1]"
	badCIDR := func(version int) *corev1.Node {
		n := node("n1", version, "z1")
		n.Spec.PodCIDRs = []string{"10.1.2.0/24", "10.1.3.0/24"}
		return n
	}
	tests := []struct {
		name   string
		events func(sc *scene, nodes *stream)
		want   string
		// calls are those of Apply.
		calls int
	}{
		{"a new Node is reported", func(sc *scene, nodes *stream) { sc.add(nodes, n1) }, is, 1},
		{"a heartbeat is not", func(sc *scene, nodes *stream) {
			sc.add(nodes, n1)
			for version := range 50 {
				sc.update(nodes, beat(n1, 3+version))
			}
		}, is, 1},
		{"a zone that comes late is", func(sc *scene, nodes *stream) {
			sc.add(nodes, node("n1", 2, ""))
			sc.update(nodes, node("n1", 3, "z1"))
		}, is, 2},
		{"a Node that goes is", func(sc *scene, nodes *stream) {
			sc.add(nodes, n1)
			sc.delete(nodes, beat(n1, 3))
		}, "", 2},
		{"and one that comes back as it was", func(sc *scene, nodes *stream) {
			sc.add(nodes, n1)
			sc.delete(nodes, beat(n1, 3))
			sc.add(nodes, beat(n1, 4))
		}, is, 3},
		{"a list of the same says nothing", func(sc *scene, nodes *stream) {
			sc.list(nodes, 2, n1)
			sc.list(nodes, 2, n1)
			sc.list(nodes, 5, beat(n1, 4))
		}, is, 1},
		{"a list tells what has gone", func(sc *scene, nodes *stream) {
			sc.list(nodes, 2, n1, node("n2", 2, ""))
			sc.list(nodes, 5, beat(n1, 4))
		}, is, 2},
		{"an old state does not come back", func(sc *scene, nodes *stream) {
			sc.add(nodes, node("n1", 5, "z1"))
			sc.update(nodes, node("n1", 3, "z9"))
		}, is, 1},
		{"a bad part does not hide the rest", func(sc *scene, nodes *stream) { sc.add(nodes, badCIDR(2)) }, is, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sc := newScene(t)
			nodes := sc.nodesOf()
			tt.events(sc, nodes)
			sc.want(tt.want)
			if n := sc.receiver.calls(); n != tt.calls {
				t.Errorf("Apply was called %d times, want %d", n, tt.calls)
			}
			sc.end()
		})
	}
}

func TestNothingWaitsForNodes(t *testing.T) {
	sc := newScene(t)
	sc.nodesOf()
	sc.listNothing()
	if n := sc.receiver.syncs(); n != 1 {
		t.Errorf("Synced was called %d times without a list of Nodes, want once", n)
	}
	sc = newScene(t)
	sc.list(sc.nodesOf(), 1)
	for _, s := range sc.all()[1:] {
		sc.list(s, 1)
	}
	sc.after(time.Hour)
	if n := sc.receiver.syncs(); n != 0 {
		t.Error("the list of Nodes counts for one that Synced waits for")
	}
}

func TestABadPartOfANodeIsCountedAndLoggedOnce(t *testing.T) {
	logged := captureLog(t)
	before := badNodes(t)
	sc := newScene(t)
	nodes := sc.nodesOf()
	bad := node("n1", 2, "z1")
	bad.Spec.PodCIDRs = append(bad.Spec.PodCIDRs, "10.1.3.0/24")
	sc.add(nodes, bad)
	for version := range 20 {
		sc.update(nodes, beat(bad, 3+version))
	}
	const line = `Left out of the Node n1: podCIDR "10.1.3.0/24" is the second one of its address family`
	if lines := logged.lines("Left out"); len(lines) != 1 || !strings.Contains(lines[0], line) {
		t.Errorf("logged %q, want once %q", lines, line)
	}
	if n := badNodes(t) - before; n != 1 {
		t.Errorf("%v bad Nodes were counted, want 1", n)
	}
	sc.update(nodes, beat(node("n1", 0, "z1"), 30))
	if lines := logged.lines("The Node n1 counts again"); len(lines) != 1 {
		t.Errorf("that it is over was logged as %q", lines)
	}
	if n := sc.receiver.calls(); n != 1 {
		t.Errorf("Apply was called %d times, want once: what is read of the Node has not changed", n)
	}
	sc.end()
}

// badNodes is what the counter of bad objects has for Nodes.
func badNodes(t *testing.T) (n float64) {
	t.Helper()
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "coredns_k8s_endpoints_bad_objects_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			if metric.GetLabel()[0].GetValue() == "Node" {
				n += metric.GetCounter().GetValue()
			}
		}
	}
	return n
}

// untilNodes waits until the receiver has so many Nodes.
func untilNodes(t *testing.T, r *receiver, n int) {
	t.Helper()
	r.until(t, fmt.Sprintf("%d Nodes", n), func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.nodes) == n
	})
}

func aboutNodes(r request) bool { return r.resource() == "nodes" }

func TestNodesAreAskedForOnlyWhereTheyAreWanted(t *testing.T) {
	a := newAPIServer(t)
	a.put(node("n1", 0, "z1"))
	untilSynced(t, run(t, Config{}, a))
	if asked := a.asked(aboutNodes); len(asked) > 0 {
		t.Errorf("the server was asked for %v", asked)
	}
	r := run(t, Config{Nodes: true, Namespaces: []string{"n"}, Labels: "a=b"}, a)
	r.untilState(t, "node n1 in z1 [10.1.2.0/24] [192.0.2.1]")
	asked := a.asked(aboutNodes)
	if len(asked) != 1 || asked[0].path != "/api/v1/nodes" || asked[0].query.Has("labelSelector") || !asked[0].streams {
		t.Errorf("the server was asked for %v, want one streaming list of all Nodes", asked)
	}
}

// Each of the servers shows 450 Nodes, of which one goes and one comes.
func TestNodesOfServers(t *testing.T) {
	const many = 450
	for _, tt := range []struct {
		name   string
		refuse func(r request) *apierrors.StatusError
		// pages are the lists that are no watches.
		pages int
	}{{"that streams lists", nil, 0}, {"without streaming lists", noStreaming, 3}} {
		t.Run(tt.name, func(t *testing.T) {
			a := newAPIServer(t)
			a.refuse = tt.refuse
			for i := range many {
				a.put(node(fmt.Sprintf("n%03d", i), 0, "z1"))
			}
			r := run(t, Config{Nodes: true}, a)
			untilSynced(t, r)
			untilNodes(t, r, many)
			lists := a.asked(func(r request) bool { return aboutNodes(r) && !r.watches })
			if len(lists) != tt.pages {
				t.Errorf("there were %d lists, want %d", len(lists), tt.pages)
			}
			for _, l := range lists {
				if l.query.Get("limit") != "200" || l.query.Get("resourceVersion") == "0" {
					t.Errorf("a list was asked for with %v", l.query)
				}
			}
			a.remove(node("n007", 0, ""))
			untilNodes(t, r, many-1)
			a.put(node("n008", 0, "z2"), node("new", 0, ""))
			untilNodes(t, r, many)
			if state := r.state(); !strings.Contains(state, "node n008 in z2 ") || !strings.Contains(state, "node new [") || strings.Contains(state, "n007") {
				t.Errorf("the state is %s", state)
			}
		})
	}
}

func TestAPageOfNodesIsTrimmed(t *testing.T) {
	full := node("n1", 2, "z1")
	full.Status.Images = []corev1.ContainerImage{{SizeBytes: 1}}
	page := &corev1.NodeList{ListMeta: metav1.ListMeta{ResourceVersion: "2"}, Items: []corev1.Node{*full}}
	lw := &cache.ListWatch{ListWithContextFunc: func(context.Context, metav1.ListOptions) (runtime.Object, error) { return page, nil }}
	if _, err := newRequests(newScene(t).nodesOf(), lw, noWait).ListWithContext(t.Context(), metav1.ListOptions{}); err != nil {
		t.Fatal(err)
	}
	got, want := readNodes(&page.Items[0]), readNodes(full)
	if page.Items[0].Status.Images != nil || got.key != want.key || got.version != want.version || !got.node.Equal(want.node) {
		t.Errorf("got %+v of %+v, want %+v", got, page.Items[0], want)
	}
}

func TestANodeWithoutRightsTakesNothingElseDown(t *testing.T) {
	logged := captureLog(t)
	a := newAPIServer(t)
	a.refuse = func(r request) *apierrors.StatusError {
		if aboutNodes(r) {
			return forbidden(r)
		}
		return nil
	}
	want := cluster(a)
	a.put(node("n1", 0, "z1"))
	c := Config{Nodes: true, NamespaceLabels: "dns=yes", Endpoint: a.URL}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	s.backoff = &wait.Backoff{Duration: time.Millisecond}
	r, stop := start(s)
	defer stop(t)
	untilSynced(t, r)
	r.untilState(t, want)
	eventually(t, "many retries", func() bool { return len(a.asked(aboutNodes)) > 10 })
	up := streams.worst()
	if is, known := up[nodesAll]; !known || is.up {
		t.Errorf("the stream of Nodes: known %t, up %t; want known and down", known, is.up)
	}
	for name, is := range up {
		if name != nodesAll && !is.up {
			t.Errorf("the stream %s is down", name)
		}
	}
	if lines := logged.lines("[WARNING]"); len(lines) != 1 || !strings.Contains(lines[0], "Cannot watch nodes") {
		t.Errorf("logged %q, want one line about nodes", lines)
	}
	a.put(headless("z", 0))
	r.until(t, "the new Service", func() bool { return r.has("service z") })
	if n := testutil.ToFloat64(watchErrors.WithLabelValues(nodesAll)); n < 10 {
		t.Errorf("%v errors were counted", n)
	}
	if age := time.Since(s.Current()); age > time.Minute {
		t.Errorf("what is served was current %v ago", age)
	}
	a.with(func(a *apiServer) { a.refuse = nil })
	untilNodes(t, r, 1)
	eventually(t, "the line that it is over", func() bool { return len(logged.lines("Watching nodes again")) == 1 })
	r.check(t)
}

// The stream of Nodes may be as old as it likes: no snapshot has Nodes.
func TestNodesDoNotCountInWhatIsCurrent(t *testing.T) {
	a := newAPIServer(t)
	a.hang = aboutNodes
	r := runWith(t, a, func(s *Source) { s.queries.nodes = nodeQuery() })
	untilSynced(t, r)
	eventually(t, "the request for Nodes", func() bool { return len(a.asked(aboutNodes)) > 0 })
	s, err := New(Config{Endpoint: a.URL, Nodes: true})
	if err != nil {
		t.Fatal(err)
	}
	watched := s.streams(t.Context(), newJoin(s.clock, newReceiver()))
	if slices.ContainsFunc(watched, func(s *stream) bool { return s.query.kind == model.KindNode }) {
		t.Error("the stream of Nodes is among those that Current looks at")
	}
}

func TestPlacesAreReadOnlyWhereTheyAreWanted(t *testing.T) {
	zone := "z1"
	for _, tt := range []struct {
		name   string
		config Config
		want   string
	}{
		{"not wanted", Config{}, ""},
		{"wanted", Config{Places: true}, "z1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newAPIServer(t)
			labelled, other, unlabelled := slice("s", "a", 0), handMade("t", "a", 0), trapped("u", "a", 0)
			labelled.Endpoints[0].Zone, other.Endpoints[0].Zone, unlabelled.Endpoints[0].Zone = &zone, &zone, &zone
			a.put(headless("a", 0), labelled, other, unlabelled)
			r := run(t, tt.config, a)
			untilSynced(t, r)
			r.until(t, "three slices", func() bool { return r.has("slice s") && r.has("slice t") && r.has("slice u") })
			r.mu.Lock()
			defer r.mu.Unlock()
			for name, s := range r.slices {
				if got := strings.TrimPrefix(inZone(s.ZoneOf(&s.Endpoints[0])), " in "); got != tt.want {
					t.Errorf("the endpoint of %s is in the zone %q, want %q", name, got, tt.want)
				}
			}
		})
	}
}

// BenchmarkHeartbeat takes the heartbeat of one of 5,000 Nodes, after client-go has
// decoded it.
func BenchmarkHeartbeat(b *testing.B) {
	sc := newScene(b)
	nodes := sc.nodesOf()
	for i := range 5000 {
		_ = nodes.Add(node(fmt.Sprintf("n%04d", i), 2, "z1"))
	}
	n := node("n2500", 3, "z1")
	calls := sc.receiver.calls()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		n.ResourceVersion = strconv.Itoa(3 + i)
		_ = nodes.Update(n)
	}
	if sc.receiver.calls() != calls {
		b.Error("a heartbeat was reported")
	}
}
