//go:build linux

// Command checks measures what own checks of endpoints cost, and how soon they see what
// happens: the built CoreDNS, and targets in a network of their own, in which each address
// of 10.0.0.0/8 is this machine. It needs root for that network, two cores, iptables,
// taskset and dnsperf, and the repository as its working folder.
//
//	go run ./test/bench/checks            everything, half an hour
//	go run ./test/bench/checks -short     less of everything, in some minutes; only prints
//	go run ./test/bench/checks -only cpu,detection
//
// Figures go to docs/performance.json; `go run ./test/bench -render` writes them into the
// documents.
//
// Read main.go and bench.go first, then world.go (CoreDNS and its targets); detection.go, load.go and
// engine.go have the measures.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/bench/coredns"
	"github.com/k8s-endpoints/k8s_endpoints/test/network"
)

// insideVariable has the path of CoreDNS for the process in the network of its own.
const insideVariable = "CHECKS_BENCH_COREDNS"

// measure is a part of a run.
type measure struct {
	name string
	run  func(context.Context, *bench) error
}

var measures = []measure{
	{"engine", measureEngine},
	{"detection", measureDetection},
	{"one", measureOne},
	{"crowd", measureCrowd},
	{"cpu", measureCPU},
	{"queries", measureQueries},
	{"memory", measureMemory},
	{"stopped", measureStopped},
	{"false", measureFalse},
}

func main() {
	short := flag.Bool("short", false, "measure less of everything, and only print")
	only := flag.String("only", "", "run only these `MEASURES`, separated by commas")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *short, *only); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, short bool, only string) error {
	program := os.Getenv(insideVariable)
	if program == "" {
		return enter(ctx)
	}
	if err := network.Up(); err != nil {
		return err
	}
	b := &bench{program: program, short: short, began: time.Now()}
	for _, m := range measures {
		if only != "" && !slices.Contains(strings.Split(only, ","), m.name) {
			continue
		}
		b.say("%s", m.name)
		if err := m.run(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	if short {
		return nil
	}
	return b.save()
}

// enter runs this program again in a network of its own. What needs the module proxy is
// built before.
func enter(ctx context.Context) error {
	program, err := coredns.Build(ctx, "./cmd/coredns")
	if err != nil {
		return err
	}
	code, err := network.Enter(0, insideVariable+"="+program)
	if err == nil && code != 0 {
		os.Exit(code)
	}
	return err
}
