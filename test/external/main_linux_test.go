package external

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"
	"github.com/k8s-endpoints/k8s_endpoints/test/documents"
	"github.com/k8s-endpoints/k8s_endpoints/test/network"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"
	"github.com/k8s-endpoints/k8s_endpoints/test/targets"
)

var must = polltest.Must

// insideVariable is 1 for the test binary that runs in the network of its own.
const insideVariable = "EXTERNAL_TEST_INSIDE"

// outside says why the tests are not in a network of their own, and is nil where they are.
var outside error

// networks are those that are this machine's besides 10.0.0.0/8: of addresses that are
// never checked.
var networks = []string{
	"169.254.0.0/16", "168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32",
	"fd00:ec2::/32", "fd20:ce::254/128", "64:ff9b::/96", "2002::/16",
}

func TestMain(m *testing.M) {
	flag.Parse()
	var err error
	if shared.Rights, err = documents.Rights(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if os.Getenv(insideVariable) == "1" {
		if err := network.Up(networks...); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		// Loopback addresses are never checked.
		targets.Listen(netip.MustParseAddr("10.16.0.5"))
		os.Exit(shared.Main(m))
	}
	var code int
	if code, outside = enter(); outside != nil {
		code = m.Run()
	}
	os.Exit(code)
}

func enter() (code int, err error) {
	if os.Getuid() != 0 {
		return 0, errors.New("only root can make a network for these tests alone")
	}
	// Inside, no module could be fetched for a build.
	if _, err := server.Binary(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1, nil
	}
	if _, err := cluster.Binaries(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1, nil
	}
	return network.Enter(0, insideVariable+"=1")
}

// inside skips a test that is not in a network of its own.
func inside(t *testing.T) {
	t.Helper()
	if outside != nil {
		t.Skip(outside)
	}
}
