package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/process"
)

// demoAddress is where README.md says that `make run` serves.
const demoAddress = "127.0.0.1:1053"

// demo has the commands that `make run` prints, and the answers to them.
var demo = []struct {
	line string
	want []string
}{
	{"dig @127.0.0.1 -p 1053 +noall +answer db.default.svc.cluster.local", []string{
		"db.default.svc.cluster.local. 5 IN A 10.244.0.10",
		"db.default.svc.cluster.local. 5 IN A 10.244.1.10",
	}},
	{"dig @127.0.0.1 -p 1053 +noall +answer +additional SRV _sql._tcp.db.default.svc.cluster.local", []string{
		"_sql._tcp.db.default.svc.cluster.local. 5 IN SRV 0 100 5432 db-0.db.default.svc.cluster.local.",
		"_sql._tcp.db.default.svc.cluster.local. 5 IN SRV 0 100 5432 db-1.db.default.svc.cluster.local.",
		"db-0.db.default.svc.cluster.local. 5 IN A 10.244.0.10",
		"db-1.db.default.svc.cluster.local. 5 IN A 10.244.1.10",
	}},
	{"dig @127.0.0.1 -p 1053 +noall +answer website.default.svc.cluster.local", []string{
		"example.org. 3600 IN A 192.0.2.80",
		"website.default.svc.cluster.local. 5 IN CNAME example.org.",
	}},
}

func TestMakeRunServesTheDemo(t *testing.T) {
	make, err := exec.LookPath("make")
	must(t, err)
	// The port of the demo is fixed, and somebody may be looking at the demo.
	until(t, demoPortFree)
	log := filepath.Join(t.TempDir(), "log")
	p, err := process.Start(make, log, "-C", "../..", "run")
	must(t, err)
	t.Cleanup(func() {
		const grace = 15 * time.Second
		// make passes SIGTERM on to the programs that it runs.
		must(t, p.Stop(grace))
		if t.Failed() {
			t.Log(p.Log())
		}
		// The context of the test is over.
		ctx, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		must(t, poll.Until(ctx, demoPortFree))
	})
	untilServing(t, p)

	var printed []string
	for line := range strings.Lines(p.Log()) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "dig ") {
			printed = append(printed, line)
		}
	}
	if len(printed) != len(demo) {
		t.Fatalf("got the lines %q, want %d", printed, len(demo))
	}
	for i, line := range printed {
		if line != demo[i].line {
			t.Errorf("got the line %q, want %q", line, demo[i].line)
		}
		out, err := exec.CommandContext(within(t), "sh", "-c", line).CombinedOutput()
		must(t, err)
		if got := recordLines(string(out)); !slices.Equal(got, demo[i].want) {
			t.Errorf("%s: got\n%s\nwant\n%s", line, out, strings.Join(demo[i].want, "\n"))
		}
	}
}

// untilServing waits until CoreDNS, which make builds first, has opened its
// ports.
func untilServing(t *testing.T, p *process.Process) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	must(t, poll.Until(ctx, func(context.Context) error {
		select {
		case <-p.Done():
			t.Fatal(p.Failure())
		default:
		}
		if !strings.Contains(p.Log(), "\nCoreDNS-") {
			return errors.New("it has not opened its ports")
		}
		return nil
	}))
}

func demoPortFree(ctx context.Context) error {
	var any net.ListenConfig
	tcp, err := any.Listen(ctx, "tcp", demoAddress)
	if err != nil {
		return fmt.Errorf("the demo's port is in use: %w", err)
	}
	defer tcp.Close()
	udp, err := any.ListenPacket(ctx, "udp", demoAddress)
	if err != nil {
		return fmt.Errorf("the demo's port is in use: %w", err)
	}
	return udp.Close()
}

// recordLines returns the records that dig printed, with single spaces, sorted.
func recordLines(out string) []string {
	var records []string
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); len(fields) > 0 {
			records = append(records, strings.Join(fields, " "))
		}
	}
	slices.Sort(records)
	return records
}
