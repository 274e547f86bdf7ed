// Package reload tests, against a real control plane and under load, that
// neither a reload nor a shutdown makes CoreDNS answer wrongly or not at all.
//
// The flag -soak DURATION makes the tests go on with random faults until that
// time is over.
//
// Read main_test.go first, then queries_test.go; reload_test.go and
// shutdown_test.go are the two topics.
package reload

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/gate"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"
	"github.com/k8s-endpoints/k8s_endpoints/test/load"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	corev1 "k8s.io/api/core/v1"
)

var (
	must   = polltest.Must
	within = polltest.Within
	until  = polltest.Until
)

const (
	// rate is in queries per second.
	rate = 20000
	// limit is long: a busy machine may need it for a step of milliseconds.
	limit = time.Minute
)

var soak = flag.Duration("soak", 0, "go on with random faults for this time")

// shared is the control plane of all tests.
var shared cluster.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

// A world is what CoreDNS serves in a test: three namespaces, behind a gate
// that counts the streams.
type world struct {
	*cluster.Cluster
	t          *testing.T
	gate       *gate.Gate
	namespaces []string
	kubeconfig string
	snapshot   string
	// streams is how many are open at the gate.
	streams atomic.Int64
}

// streamsPerNamespace are those of Services and of EndpointSlices.
const streamsPerNamespace = 3

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Cluster: shared.Get(t), t: t}
	var err error
	w.gate, err = gate.New(w.Cluster, w.count)
	must(t, err)
	t.Cleanup(w.gate.Close)
	dir := t.TempDir()
	w.kubeconfig, w.snapshot = filepath.Join(dir, "kubeconfig"), filepath.Join(dir, "snapshot")
	must(t, w.gate.WriteKubeconfig(w.kubeconfig, w.Config(cluster.AdminUser).BearerToken))
	for range 3 {
		w.namespaces = append(w.namespaces, w.Namespace(t))
	}
	w.fill()
	return w
}

func (w *world) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("watch") == "true" {
			w.streams.Add(1)
			defer w.streams.Add(-1)
		}
		next.ServeHTTP(rw, r)
	})
}

// wantStreams waits until as many streams are open.
func (w *world) wantStreams(n int) {
	w.t.Helper()
	until(w.t, func(context.Context) error {
		if got := int(w.streams.Load()); got != n {
			return fmt.Errorf("%d streams are open, want %d", got, n)
		}
		return nil
	})
}

// fill makes in each namespace a Service of two addresses and an alias of it.
func (w *world) fill() {
	w.t.Helper()
	ctx := within(w.t)
	for i, namespace := range w.namespaces {
		must(w.t,
			w.CreateService(ctx, cluster.HeadlessService(namespace, "db", nil, cluster.Port("sql", corev1.ProtocolTCP, 5432))),
			w.CreateSlice(ctx, cluster.HandmadeSlice(namespace, "db-1", "db", nil, w.address(i, 1), w.address(i, 2))),
			w.CreateService(ctx, cluster.ExternalNameService(namespace, "web", w.name("db", i))),
		)
	}
}

func (w *world) address(namespace, host int) string {
	return fmt.Sprintf("10.9.%d.%d", namespace, host)
}

// name is that of a Service without the last dot.
func (w *world) name(service string, namespace int) string {
	return service + "." + w.namespaces[namespace] + ".svc.cluster.local"
}

// block is the server block of the plugin.
const block = `cluster.local:{{.DNS}} in-addr.arpa:{{.DNS}} {
    bind 127.0.0.1
    ready 127.0.0.1:{{.Ready}}
    prometheus 127.0.0.1:{{.Metrics}}
    errors
    PLUGINS
    k8s_endpoints {
        kubeconfig KUBECONFIG
        namespaces NAMESPACES
        snapshot SNAPSHOT
        OPTIONS
    }
}
`

// corefile has further plugins and options, of one line each.
func (w *world) corefile(plugins string, options ...string) string {
	return strings.NewReplacer(
		"PLUGINS", plugins, "KUBECONFIG", w.kubeconfig, "NAMESPACES", strings.Join(w.namespaces, " "), "SNAPSHOT", w.snapshot,
		"OPTIONS", strings.Join(options, "\n        "),
	).Replace(block)
}

// serve starts CoreDNS, and returns when it answers all the queries.
func (w *world) serve(corefile string) *server.Server {
	w.t.Helper()
	s := server.New(w.t, corefile)
	w.wantStreams(streamsPerNamespace * len(w.namespaces))
	l := w.ask(s, 100)
	until(w.t, func(context.Context) error {
		if l.Checked() < 2*len(w.queries()) {
			return fmt.Errorf("%d answers were checked", l.Checked())
		}
		return nil
	})
	must(w.t, l.Stop().Err())
	return s
}

// ask puts a load on CoreDNS.
func (w *world) ask(s *server.Server, rate int) *load.Load {
	w.t.Helper()
	l, err := load.Start(s.Address(), rate, w.queries()...)
	must(w.t, err)
	w.t.Cleanup(func() { l.Stop() })
	return l
}

// checked waits until n more answers were checked.
func (w *world) checked(l *load.Load, n int) {
	w.t.Helper()
	want := l.Checked() + n
	until(w.t, func(context.Context) error {
		if got := l.Checked(); got < want {
			return fmt.Errorf("%d answers were checked, want %d", got, want)
		}
		return nil
	})
}
