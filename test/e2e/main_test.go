// Package e2e tests the built CoreDNS with dig against a real control plane:
// slices come from the real controllers, as in a cluster.
//
// The tests share one control plane and, where they can, one CoreDNS. Each has a
// namespace and addresses of its own.
//
// Read main_test.go first, then corefile_test.go and want_test.go: the places,
// servers and answers that all tests use. The other files are a topic each.
package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"
	"github.com/k8s-endpoints/k8s_endpoints/test/documents"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

var (
	must   = polltest.Must
	within = polltest.Within
	until  = polltest.Until
)

func TestMain(m *testing.M) {
	flag.Parse()
	var err error
	if leastRights, err = documents.Rights(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := stopShared(code != 0); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// started has the cluster and the server that tests share, once one of them has
// asked for it.
var started struct {
	sync.Mutex
	cluster *cluster.Cluster
	server  *server.Server
	err     error
}

// sharedCluster returns the control plane of the tests that do not stop it. The
// user coredns has the least rights that docs/operations.md names.
func sharedCluster(t *testing.T) *cluster.Cluster {
	t.Helper()
	started.Lock()
	defer started.Unlock()
	if started.cluster == nil && started.err == nil {
		// It outlives the test that asks for it first.
		started.cluster, started.err = cluster.Start(context.Background())
		if started.err == nil {
			started.err = started.cluster.Grant(context.Background(), cluster.CoreDNSUser, leastRights...)
		}
	}
	must(t, started.err)
	return started.cluster
}

// sharedServer returns the CoreDNS of the tests that need no other Corefile
// than sharedCorefile.
func sharedServer(t *testing.T) *server.Server {
	t.Helper()
	c := sharedCluster(t)
	started.Lock()
	defer started.Unlock()
	if started.server == nil && started.err == nil {
		started.server, started.err = server.Start(context.Background(), sharedCorefile(t, c))
	}
	must(t, started.err)
	return started.server
}

func stopShared(failed bool) error {
	started.Lock()
	defer started.Unlock()
	var err error
	if started.server != nil {
		err = started.server.Stop()
		if failed {
			fmt.Fprintf(os.Stderr, "the log of the shared CoreDNS:\n%s", tail(started.server.Log()))
		}
	}
	if started.cluster != nil {
		err = errors.Join(err, started.cluster.Stop())
	}
	return err
}

func tail(log string) string {
	const shown = 40
	lines := strings.SplitAfter(log, "\n")
	return strings.Join(lines[max(0, len(lines)-shown):], "")
}

// leastRights are those of docs/operations.md.
var leastRights []rbacv1.PolicyRule

// Options that set the default.
var (
	createOptions metav1.CreateOptions
	deleteOptions metav1.DeleteOptions
	getOptions    metav1.GetOptions
	patchOptions  metav1.PatchOptions
)

const mergePatch = types.MergePatchType

// A place is where a test puts its objects: a namespace of the shared cluster,
// and addresses that no other test publishes.
type place struct {
	*cluster.Cluster
	namespace string
	network   int64
}

var networks atomic.Int64

func newPlace(t *testing.T) *place {
	t.Helper()
	c := sharedCluster(t)
	return &place{Cluster: c, namespace: c.Namespace(t), network: networks.Add(1)}
}

func (p *place) v4(host int) string { return fmt.Sprintf("10.1.%d.%d", p.network, host) }

func (p *place) v6(host int) string { return fmt.Sprintf("fd00:1:%x::%x", p.network, host) }

// name returns the name of a Service of the place, or one below it, in the zone
// cluster.local.
func (p *place) name(labels string) string {
	return labels + "." + p.namespace + ".svc.cluster.local."
}
