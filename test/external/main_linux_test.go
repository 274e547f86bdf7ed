package external

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"
	"github.com/k8s-endpoints/k8s_endpoints/test/documents"
	"github.com/k8s-endpoints/k8s_endpoints/test/network"
	"github.com/k8s-endpoints/k8s_endpoints/test/network/networktest"
	"github.com/k8s-endpoints/k8s_endpoints/test/targets"
)

var must = polltest.Must

// networks are those that are this machine's besides 10.0.0.0/8: of addresses that are
// never checked.
var networks = []string{
	"169.254.0.0/16", "168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32",
	"fd00:ec2::/32", "fd20:ce::254/128", "64:ff9b::/96", "2002::/16",
}

// own is the network of these tests.
var own = networktest.Network{
	Variable: "EXTERNAL_TEST_INSIDE",
	Needs:    []func(context.Context) error{networktest.Server, networktest.ControlPlane, targets.BuildHealth},
	Furnish: func() error {
		// Loopback addresses are never checked.
		targets.Listen(netip.MustParseAddr("10.16.0.5"))
		// They wait most of the time.
		return errors.Join(flag.Set("test.parallel", "8"), network.Up(networks...))
	},
}

func TestMain(m *testing.M) {
	flag.Parse()
	var err error
	if shared.Rights, err = documents.Rights(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(own.Main(func() int { return shared.Main(m) }))
}

// inside skips a test that is not in a network of its own.
func inside(t *testing.T) { t.Helper(); own.Inside(t) }
