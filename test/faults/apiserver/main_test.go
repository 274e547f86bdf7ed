// Package apiserver tests what clients see while the API server is away, hangs,
// or answers with nonsense: the same as before. A real control plane is watched
// by the built CoreDNS, which answers a constant load, and every answer is
// checked as a whole.
//
// The short form has each fault once. With -soak DURATION faults follow each
// other at random until the duration is over.
//
// Read site_test.go first (a CoreDNS under load), then fault_test.go (the
// course of every fault), and page_test.go, which reads the status page meanwhile. The faults are in process_test.go (the API server
// itself), answers_test.go (its answers), wire_test.go (the connection),
// identity_test.go (certificates and tokens) and silence_test.go.
package apiserver

import (
	"context"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"
)

var must = polltest.Must

var (
	soak = flag.Duration("soak", 0, "how long to repeat the faults at random; 0 is each once")
	seed = flag.Uint64("seed", uint64(time.Now().UnixNano()), "what the random order of -soak begins with")
)

func TestMain(m *testing.M) {
	flag.Parse()
	// Most tests wait most of the time.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	// client-go takes these from the environment. A connection that is dead is
	// noticed after 10 seconds instead of 45.
	for _, name := range []string{"HTTP2_READ_IDLE_TIMEOUT_SECONDS", "HTTP2_PING_TIMEOUT_SECONDS"} {
		if err := os.Setenv(name, "5"); err != nil {
			panic(err)
		}
	}
	os.Exit(shared.Main(m))
}

// shared is the control plane of the tests that put their faults in front of
// it.
var shared = cluster.Shared{Rights: leastRights}

// limit is long: a busy machine may need it for a step of seconds.
const limit = 2 * time.Minute

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

func until(t *testing.T, what string, condition func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if err := poll.Until(ctx, condition); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}
