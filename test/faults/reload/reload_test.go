package reload

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/load"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"
)

// A reload is one that an operator may make.
type reload struct {
	name, corefile string
	// done is a part of the line that CoreDNS logs when it is over.
	done string
	// relists is set where it may list anew.
	relists bool
}

const (
	succeeded = "Reloading complete"
	failed    = "Restart failed"
)

// reloads are those with further plugins.
func (w *world) reloads(plugins string) []reload {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(w.t, err)
	w.t.Cleanup(func() { taken.Close() })
	_, port, err := net.SplitHostPort(taken.Addr().String())
	must(w.t, err)
	late := fmt.Sprintf("late.test:%s {\n    bind 127.0.0.1\n    whoami\n}\n", port)
	return []reload{
		{"changed", w.corefile(plugins, "ttl 30"), succeeded, false},
		{"unchanged", w.corefile(plugins, "ttl 30"), succeeded, false},
		{"with a mistake in the stanza", w.corefile(plugins, "ttl nonsense"), failed, false},
		{"changed back", w.corefile(plugins, "ttl 5"), succeeded, false},
		{"with a port that is taken", w.corefile(plugins, "ttl 30") + late, failed, false},
		{"that is no Corefile", "bind 127.0.0.1 {", failed, false},
	}
}

// newSources are reloads to a cache and streams of their own, and back.
func (w *world) newSources(plugins string) []reload {
	r := w.reloads(plugins)
	late := strings.TrimPrefix(r[4].corefile, w.corefile(plugins, "ttl 30"))
	return []reload{
		{"to another source", w.corefile(plugins, "explain"), succeeded, true},
		{"back to the first one", w.corefile(plugins, "ttl 5"), succeeded, true},
		{"to another source with a port that is taken", w.corefile(plugins, "explain") + late, failed, true},
	}
}

// do reloads by a signal, and returns when that is over.
func (w *world) do(s *server.Server, r reload) {
	w.t.Helper()
	passed, before := len(w.gate.Passed()), strings.Count(s.Log(), r.done)
	must(w.t, s.Reload(within(w.t), r.corefile))
	until(w.t, func(context.Context) error {
		if strings.Count(s.Log(), r.done) == before {
			return fmt.Errorf("a reload %s: the log has no %q", r.name, r.done)
		}
		return nil
	})
	if all := w.gate.Passed(); !r.relists && len(all) != passed {
		w.t.Errorf("a reload %s asked the API server for %+v", r.name, all[passed:])
	}
}

// report fails the test where an answer was wrong or a query was lost.
func report(t *testing.T, l *load.Load, faults string) {
	t.Helper()
	r := l.Stop()
	if err := r.Err(); err != nil {
		t.Error(err)
	}
	t.Logf("%s: %v", faults, r)
}

// TestAHundredReloads compares the goroutines and open files of the process
// after ten reloads and after a hundred.
func TestAHundredReloads(t *testing.T) {
	w := newWorld(t)
	s := w.serve(w.corefile("", "ttl 5"))
	all := append(w.reloads(""), w.newSources("")...)
	streams := int(w.streams.Load())

	rounds := func(from, to int) {
		l := w.ask(s, rate)
		for i := from; i < to; i++ {
			w.checked(l, rate/20)
			w.do(s, all[i%len(all)])
		}
		// The next rounds begin with the same Corefile.
		w.do(s, all[3])
		w.checked(l, rate/10)
		report(t, l, fmt.Sprintf("%d reloads", to-from+1))
		w.wantStreams(streams)
	}
	rounds(0, 9)
	before := w.least(s)
	rounds(9, 99)
	after := w.falls(s, before)
	t.Logf("after 10 reloads %v, after 100 %v", before, after)
}

// usage is a part of the resources of a process.
type usage struct{ goroutines, files int }

func (u usage) String() string {
	return fmt.Sprintf("%d goroutines and %d open files", u.goroutines, u.files)
}

const (
	// garbage is how many queries per second make CoreDNS collect its garbage:
	// that closes connections which starts that failed have left.
	garbage = 2000
	// slack is by how much the usage varies while nothing happens. Ninety
	// reloads with a leak add more.
	slack = 3
)

// least waits until the usage no longer falls, and returns it.
func (w *world) least(s *server.Server) usage {
	w.t.Helper()
	defer w.ask(s, garbage).Stop()
	const steady = 25
	least, same := usage{1 << 30, 1 << 30}, 0
	until(w.t, func(ctx context.Context) error {
		now, err := measured(ctx, s)
		if err != nil {
			return err
		}
		if same++; now.goroutines < least.goroutines || now.files < least.files {
			least, same = usage{min(now.goroutines, least.goroutines), min(now.files, least.files)}, 0
		}
		if same < steady {
			return fmt.Errorf("%v, and still falling", now)
		}
		return nil
	})
	return least
}

// falls waits until the process holds as little as before.
func (w *world) falls(s *server.Server, before usage) (now usage) {
	w.t.Helper()
	defer w.ask(s, garbage).Stop()
	until(w.t, func(ctx context.Context) (err error) {
		if now, err = measured(ctx, s); err != nil {
			return err
		}
		if now.goroutines <= before.goroutines+slack && now.files <= before.files+slack {
			return nil
		}
		return fmt.Errorf("%v, before it were %v", now, before)
	})
	return now
}

func measured(ctx context.Context, s *server.Server) (u usage, err error) {
	samples, err := s.Samples(ctx)
	u = usage{goroutines: int(samples["go_goroutines"]), files: int(samples["process_open_fds"])}
	if err == nil && (u.goroutines == 0 || u.files == 0) {
		err = errors.New("the process does not tell its goroutines and open files")
	}
	return u, err
}

// TestReloadsByThePlugin lets the plugin reload find the changes.
func TestReloadsByThePlugin(t *testing.T) {
	w := newWorld(t)
	const plugin = "reload 2s 1s"
	s := w.serve(w.corefile(plugin, "ttl 5"))
	l := w.ask(s, rate)
	passed, n := len(w.gate.Passed()), 0
	for _, r := range w.reloads(plugin) {
		if r.name == "unchanged" || r.name == "that is no Corefile" {
			continue // It notices neither.
		}
		before := strings.Count(s.Log(), r.done)
		must(t, s.WriteCorefile(r.corefile))
		until(t, func(context.Context) error {
			if strings.Count(s.Log(), r.done) == before {
				return fmt.Errorf("a reload %s: the log has no %q", r.name, r.done)
			}
			return nil
		})
		n++
	}
	if all := w.gate.Passed(); len(all) != passed {
		t.Errorf("the reloads asked the API server for %+v", all[passed:])
	}
	w.checked(l, rate/10)
	report(t, l, strconv.Itoa(n)+" reloads by the plugin")
}

// TestReloadsWhileTheAPIServerHangs has some that need a cache of their own.
func TestReloadsWhileTheAPIServerHangs(t *testing.T) {
	w := newWorld(t)
	// The answers must not need the API server.
	forgetful := func(option string) string {
		return strings.Replace(w.corefile("", option, "startup_timeout 500ms"), "snapshot "+w.snapshot, "", 1)
	}
	s := w.serve(forgetful("ttl 5"))
	l := w.ask(s, rate)
	w.pause()
	for _, option := range []string{"explain", "publish serving", "ttl 5"} {
		w.do(s, reload{"with " + option, forgetful(option), succeeded, true})
		w.checked(l, rate/10)
	}
	must(t, w.ResumeAPIServer())
	until(t, func(ctx context.Context) error {
		samples, err := s.Samples(ctx)
		if stale, ok := samples["coredns_k8s_endpoints_stale_sources"]; err == nil && (!ok || stale != 0) {
			err = errors.New("the first list is not complete")
		}
		return err
	})
	w.checked(l, rate/10)
	report(t, l, "3 reloads while the API server hung, and its return")
}

// TestRandomReloads goes on for as long as -soak says. In a fifth of the time the
// API server hangs.
func TestRandomReloads(t *testing.T) {
	if *soak == 0 {
		t.Skip("without -soak")
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("the seed is %d", seed)
	random := rand.New(rand.NewPCG(seed, seed))
	w := newWorld(t)
	s := w.serve(w.corefile("", "ttl 5"))
	all := append(w.reloads(""), w.newSources("")...)
	w.t.Cleanup(func() { must(t, w.ResumeAPIServer()) })
	l, n, hangs, hung := w.ask(s, rate), 0, false, 0
	for end := time.Now().Add(*soak); time.Now().Before(end); n++ {
		switch dice := random.IntN(8); {
		case dice == 0 && !hangs:
			hangs, hung = true, hung+1
			must(t, w.PauseAPIServer())
		case dice > 3 && hangs:
			hangs = false
			must(t, w.ResumeAPIServer())
		}
		r := all[random.IntN(len(all))]
		// Whether a reload lists anew depends on the one before.
		r.relists = true
		w.do(s, r)
		w.checked(l, random.IntN(rate))
	}
	report(t, l, fmt.Sprintf("%d random reloads, the API server made to hang %d times", n, hung))
}
