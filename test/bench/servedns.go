package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/test/bench/figures"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/gobuild"

	"golang.org/x/perf/benchfmt"
)

// measureServeDNS runs the Go benchmarks of the plugin.
func measureServeDNS(ctx context.Context, b *bench) error {
	root, err := gobuild.ModuleRoot(ctx)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "ServeDNS", "-benchmem", "-benchtime", b.benchtime.String(), ".")
	cmd.Dir = root
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s%s", strings.Join(cmd.Args, " "), err, out, complaints.Bytes())
	}
	if b.report.ServeDNS, err = parseServeDNS(bytes.NewReader(out)); err != nil {
		return err
	}
	b.say("%d Go benchmarks", len(b.report.ServeDNS))
	return nil
}

// parseServeDNS reads the output of `go test -bench`: whatever benchmarks it
// names.
func parseServeDNS(out io.Reader) ([]figures.ServeDNS, error) {
	var all []figures.ServeDNS
	var err error
	reader := benchfmt.NewReader(out, "go test")
	for reader.Scan() {
		switch record := reader.Result().(type) {
		case *benchfmt.Result:
			all = append(all, servedNS(record))
		case *benchfmt.SyntaxError:
			err = errors.Join(err, record)
		}
	}
	return all, errors.Join(err, reader.Err())
}

func servedNS(r *benchfmt.Result) figures.ServeDNS {
	s := figures.ServeDNS{Runs: r.Iters}
	_, parts := r.Name.Parts()
	for _, part := range parts {
		key, value, _ := strings.Cut(strings.TrimPrefix(string(part), "/"), "=")
		switch key {
		case "case":
			s.Case = value
		case "endpoints":
			s.Endpoints, _ = strconv.Atoi(value)
		case "client":
			s.Client = value
		case "plugin":
			s.Plugin = value
		}
	}
	seconds, _ := r.Value("sec/op")
	s.Nanos = seconds * 1e9
	cpu, _ := r.Value("cpu-sec/op")
	s.CPUNanos = cpu * 1e9
	s.Bytes, _ = r.Value("B/op")
	s.Allocs, _ = r.Value("allocs/op")
	return s
}
