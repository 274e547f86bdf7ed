package systems

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/gobuild"
	"github.com/k8s-endpoints/k8s_endpoints/test/network/networktest"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/drivers"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/node"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/plan"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/pod"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/results"

	"golang.org/x/sys/unix"
)

var (
	whole   = flag.Bool("whole", false, "all lives in the rounds of package plan, and nothing left out")
	servers = flag.String("servers", "", "the servers, of "+strings.Join(node.Names, ",")+"; without -whole it is "+node.Ours)
	repeat  = flag.Int("repeat", 0, "how often each life is lived; 0 is 1 without -whole")
	write   = flag.String("write", "", "the file into which results are written, beside those that it has")
)

// inNetwork is where the tests run.
var inNetwork = networktest.Network{
	Variable: "SYSTEMS_TEST_INSIDE", Flags: unix.CLONE_NEWNS,
	Needs: []func(context.Context) error{networktest.Server, networktest.ControlPlane, func(ctx context.Context) error {
		_, err := programs(ctx)
		return err
	}},
	Furnish: furnish,
}

// world is the node of all tests; unfit says why there is none. before is what came of the lives
// when they were written down last, or empty.
var (
	world  *node.Node
	unfit  error
	before results.File
)

const (
	// atOnce is how many systems live at the same time: most of it they wait. In whole, where
	// times are measured, they are fewer.
	atOnce = 4
	// limit is that of the form that make test runs.
	limit = 300 * time.Second
)

func TestMain(m *testing.M) {
	flag.Parse()
	begin := time.Now()
	code := inNetwork.Main(func() int {
		code := m.Run()
		if world == nil {
			return code
		}
		return max(code, finish(time.Since(begin)))
	})
	os.Exit(code)
}

// finish says what was left out, and returns the exit status of what failed at the end.
func finish(took time.Duration) int {
	err := world.Stop()
	if !*whole && *repeat == 0 && took > limit {
		err = errors.Join(err, fmt.Errorf("these tests took %s, and may take %s", took.Round(time.Second), limit))
	}
	fmt.Print(found.summary())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// inside skips a test that has no node. In whole nothing may be left out.
func inside(t *testing.T) {
	t.Helper()
	if *whole && os.Getuid() != 0 {
		t.Fatal("systems are run as root only")
	}
	inNetwork.Inside(t)
	if unfit != nil && *whole {
		t.Fatal(unfit)
	}
	if unfit != nil {
		t.Skip(unfit)
	}
}

// furnish starts the node.
func furnish() error {
	for _, each := range []string{"ip", "nsenter"} {
		if _, err := exec.LookPath(each); err != nil {
			return fmt.Errorf("%w: make test installs it", err)
		}
	}
	// Those that wait for a lane are Parallel, too.
	if err := flag.Set("test.parallel", strconv.Itoa(len(drivers.All))); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return os.NewSyscallError("mount private", err)
	}
	if unfit = pod.TryOverlay(); unfit != nil {
		return nil
	}
	if file, err := results.Read(*write); err == nil {
		before = *file
	} else if *write != "" && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	p, err := programs(ctx)
	if err != nil {
		return err
	}
	if world, err = node.Start(ctx, p, append(serverNames(), node.Patient)...); err != nil {
		return err
	}
	return found.describe()
}

func serverNames() []string {
	switch {
	case *servers != "":
		return strings.Split(*servers, ",")
	case *whole:
		return node.Names
	}
	return []string{node.Ours}
}

// together is how many systems live at the same time.
func together() int {
	if *whole {
		return plan.AtOnce
	}
	return atOnce
}

// unpacked is where `make software` puts Debian's packages.
const unpacked = "build/systems"

// programs builds what is not there yet, and says where all is.
func programs(ctx context.Context) (p node.Programs, err error) {
	root, err := gobuild.ModuleRoot(ctx)
	if err != nil {
		return p, err
	}
	dir, err := gobuild.CacheOf(root, "systems")
	if err != nil {
		return p, err
	}
	unlock, err := gobuild.Lock(ctx, filepath.Join(dir, "lock"))
	if err != nil {
		return p, err
	}
	defer unlock()
	p = node.Programs{
		Init: filepath.Join(dir, "node", "init"), Get: filepath.Join(dir, "node", "get"),
		Apps: filepath.Join(dir, "apps"), Software: filepath.Join(root, unpacked),
	}
	static := []string{"CGO_ENABLED=0", "GOWORK=off"}
	if err := errors.Join(os.MkdirAll(filepath.Dir(p.Init), 0o755), os.MkdirAll(p.Apps, 0o755)); err != nil {
		return p, err
	}
	if err := gobuild.Build(ctx, root, static, "-o", filepath.Dir(p.Init)+"/", "./test/systems/pod/init", "./test/systems/load/get"); err != nil {
		return p, err
	}
	if err := gobuild.Build(ctx, filepath.Join(root, "test", "systems", "apps"), static, "-o", p.Apps+"/", "./..."); err != nil {
		return p, err
	}
	if p.CoreDNS, err = server.Binary(ctx); err != nil {
		return p, err
	}
	p.Control, err = cluster.Binaries(ctx)
	return p, err
}
