package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/bench/coredns"
	"github.com/k8s-endpoints/k8s_endpoints/test/bench/figures"
	"github.com/k8s-endpoints/k8s_endpoints/test/bench/workload"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/gate"
)

// options are the values of the flags.
type options struct {
	file   string
	only   string
	short  bool
	render bool
	// profiles is a folder, or empty.
	profiles string
}

// bench is a run.
type bench struct {
	effort
	// program is the CoreDNS of this repository, with both plugins in it.
	program string
	report  *figures.Report
	this    figures.Run
	started time.Time
	// profiles is the folder for CPU profiles, or empty.
	profiles string
}

// effort is how long, and how often, is measured.
type effort struct {
	short bool
	// benchtime is for each Go benchmark.
	benchtime time.Duration
	// rounds of dnsperf, each of the duration round. Clients without EDNS, for
	// which there is no target, get half of the time.
	rounds, plainRounds int
	round               time.Duration
	// steadyEvents are changes one after the other, and stormFor how long those
	// at a high rate last.
	steadyEvents int
	stormFor     time.Duration
	// divisor makes large clusters smaller, and starts is how often a server is
	// started there.
	divisor, starts int
}

var (
	full  = effort{benchtime: 200 * time.Millisecond, rounds: 7, plainRounds: 3, round: 2 * time.Second, steadyEvents: 100, stormFor: 20 * time.Second, divisor: 1, starts: 3}
	short = effort{short: true, benchtime: 10 * time.Millisecond, rounds: 2, round: 500 * time.Millisecond, steadyEvents: 20, stormFor: 4 * time.Second, divisor: 10, starts: 1}
)

func newBench(ctx context.Context, o options) (*bench, error) {
	b := &bench{effort: full, started: time.Now(), profiles: o.profiles}
	if o.short {
		b.effort = short
	}
	var err error
	if b.report, err = earlier(o); err != nil {
		return nil, err
	}
	if b.report.Machine, err = machine(ctx); err != nil {
		return nil, err
	}
	b.this = figures.Run{
		Date:    time.Now().UTC().Format(time.DateOnly),
		Command: strings.TrimSpace("go run ./test/bench " + strings.Join(os.Args[1:], " ")),
		Commit:  commit(ctx),
	}
	b.program, err = coredns.Build(ctx, "./cmd/coredns")
	return b, err
}

// earlier returns the report that a run of some sections adds to.
func earlier(o options) (*figures.Report, error) {
	r, err := figures.Load(o.file)
	if o.only == "" || errors.Is(err, os.ErrNotExist) {
		r, err = new(figures.Report), nil
	}
	if r != nil && r.Runs == nil {
		r.Runs = make(map[string]figures.Run)
	}
	return r, err
}

// commit is empty outside of a git work tree.
func commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%6.1fs  %s\n", time.Since(b.started).Seconds(), fmt.Sprintf(format, args...))
}

// A scene is a control plane with objects that no controller touches.
type scene struct {
	*cluster.Cluster
	*workload.Writer
	kubeconfig string
	// dir holds further kubeconfig files.
	dir string
}

// gateKubeconfig returns a kubeconfig file for those who come through the gate.
func (sc *scene) gateKubeconfig(g *gate.Gate) (string, error) {
	file := filepath.Join(sc.dir, "gate.kubeconfig")
	return file, g.WriteKubeconfig(file, sc.Admin().BearerToken)
}

// with builds a scene without objects for the time that do takes.
func (b *bench) with(ctx context.Context, do func(context.Context, *scene) error) (err error) {
	c, err := cluster.Start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	s := &scene{Cluster: c}
	if s.dir, err = os.MkdirTemp("", "k8s_endpoints-scene-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	if err := c.StopControllers(); err != nil {
		return err
	}
	if s.kubeconfig, err = c.Kubeconfig(cluster.AdminUser); err != nil {
		return err
	}
	if s.Writer, err = workload.NewWriter(c.Admin()); err != nil {
		return err
	}
	return do(ctx, s)
}
