// Command bench measures k8s_endpoints against the stock plugin kubernetes, and
// against a ceiling: a plugin that sends the same records without a look-up.
// All runs on one machine, with a real control plane, on the loopback
// interface. What it measures goes to docs/performance.json, and from there
// into docs/performance.md, docs/performance.svg and README.md.
//
//	go run ./test/bench               everything, about a quarter of an hour
//	go run ./test/bench -short        less of everything, in under 3 minutes
//	go run ./test/bench -only queries,scale
//	go run ./test/bench -render       the documents and the plot again, from the file
//	go run ./test/bench -profiles build/profiles -only queries
//	                                  also saves CPU profiles, for go tool pprof
//
// With -only, the other sections stay in the file as they are. The figures of
// -short, and of any other file than docs/performance.json, are printed and
// leave the documents alone. It needs Linux, two cores, taskset (util-linux) and
// dnsperf. The working folder must be that of the repository.
//
// Read main.go and bench.go first (a run), then servers.go (the servers that are
// compared, with ceiling.go and images.go). queries.go, changes.go, scale.go,
// servedns.go and history.go, with status.go, are a section each; show.go writes the
// documents.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// section is a part of a run that can run alone.
type section struct {
	name string
	run  func(context.Context, *bench) error
}

var sections = []section{
	{"servedns", measureServeDNS},
	{"history", measureHistory},
	{"queries", measureQueries},
	{"changes", measureChanges},
	{"scale", measureScale},
}

func main() {
	var o options
	flag.StringVar(&o.file, "file", "", "keep the figures in `FILE` (default "+published+", with -short "+unpublished+")")
	flag.StringVar(&o.only, "only", "", "run only the `SECTIONS`, separated by commas: "+names())
	flag.BoolVar(&o.short, "short", false, "run less of everything")
	flag.BoolVar(&o.render, "render", false, "measure nothing; write the documents and the plot from the file")
	flag.StringVar(&o.profiles, "profiles", "", "save CPU profiles of the servers in `FOLDER`")
	flag.Parse()
	if o.file == "" {
		o.file = published
		if o.short {
			o.file = unpublished
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if !o.render {
		if err := measure(ctx, o); err != nil {
			return err
		}
	}
	return show(ctx, o.file)
}

// measure runs the sections, and saves the report after each.
func measure(ctx context.Context, o options) error {
	chosen, err := choose(o.only)
	if err != nil {
		return err
	}
	b, err := newBench(ctx, o)
	if err != nil {
		return err
	}
	for _, dir := range []string{filepath.Dir(o.file), o.profiles} {
		if err := os.MkdirAll(cmp.Or(dir, "."), 0o755); err != nil {
			return err
		}
	}
	for _, s := range chosen {
		b.say("%s", s.name)
		if err := s.run(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		b.report.Runs[s.name] = b.this
		if err := b.report.Save(o.file); err != nil {
			return err
		}
	}
	return nil
}

func choose(only string) ([]section, error) {
	if only == "" {
		return sections, nil
	}
	var chosen []section
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(sections, func(s section) bool { return s.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no section %q; there are %s", name, names())
		}
		chosen = append(chosen, sections[i])
	}
	return chosen, nil
}

func names() string {
	var all []string
	for _, s := range sections {
		all = append(all, s.name)
	}
	return strings.Join(all, ", ")
}
