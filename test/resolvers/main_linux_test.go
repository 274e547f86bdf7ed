package resolvers

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"
	"github.com/k8s-endpoints/k8s_endpoints/test/network"
	"github.com/k8s-endpoints/k8s_endpoints/test/network/networktest"

	"golang.org/x/sys/unix"
)

var (
	must   = polltest.Must
	within = polltest.Within
	until  = polltest.Until
)

// shared is the control plane of the tests that need one.
var shared cluster.Shared

// own is the network of these tests, with mounts of its own.
var own = networktest.Network{
	Variable: "RESOLVERS_TEST_INSIDE", Flags: unix.CLONE_NEWNS,
	Needs: []func(context.Context) error{networktest.Server, networktest.ControlPlane},
	// They wait most of the time.
	Furnish: func() error { return errors.Join(flag.Set("test.parallel", "8"), furnish()) },
}

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(own.Main(func() int { return shared.Main(m) }))
}

// inside skips a test that is not in a network of its own.
func inside(t *testing.T) { t.Helper(); own.Inside(t) }

// unpacked is where `make resolvers` puts the packages.
const unpacked = "../../build/resolvers"

// furnish makes of new namespaces a place for resolvers: a network in which each
// address of 10.0.0.0/8 is this machine, and what is unpacked where it would be
// installed.
func furnish() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return os.NewSyscallError("mount private", err)
	}
	// Servers keep their sockets there.
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755"); err != nil {
		return &os.PathError{Op: "mount tmpfs", Path: "/run", Err: err}
	}
	// Knot Resolver has the paths of its modules, and of the root's keys, built in.
	for _, pattern := range []string{"usr/lib/*-linux-gnu*", "usr/share"} {
		folders, err := filepath.Glob(filepath.Join(unpacked, pattern))
		if err != nil {
			return err
		}
		for _, each := range folders {
			if err := overlay(each); err != nil {
				return err
			}
		}
	}
	return network.Up()
}

// overlay shows what is in an unpacked folder among what is installed.
func overlay(folder string) error {
	name, err := filepath.Rel(unpacked, folder)
	if err != nil {
		return err
	}
	over, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	under := filepath.Join("/", name)
	if err := unix.Mount("overlay", under, "overlay", unix.MS_RDONLY, "lowerdir="+over+":"+under); err != nil {
		return &os.PathError{Op: "mount overlay " + over, Path: under, Err: err}
	}
	return nil
}

// folder makes a folder that goes with the namespaces. Its path is short: that of a
// socket has at most 107 bytes. Programs that give up the rights of root may read it.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/run", "test-")
	must(t, err, os.Chmod(dir, 0o755))
	return dir
}
