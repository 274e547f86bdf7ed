package endpoints

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/snapshot"

	"github.com/miekg/dns"
)

// kept is a stanza with a snapshot that reads an API server.
func kept(file string) *corefile.Stanza {
	s := testStanza()
	s.API.Endpoint = "http://127.0.0.1:1"
	s.Snapshot = snapshot.Option{File: file, MaxAge: time.Hour}
	return s
}

// services returns the names of the Services in a snapshot.
func services(file string) (names []string, err error) {
	content, err := snapshot.Load(file, func(snapshot.Header) error { return nil })
	for _, object := range content.Objects {
		if object.Kind == model.KindService {
			names = append(names, object.Service.Name)
		}
	}
	slices.Sort(names)
	return names, err
}

func untilServices(t *testing.T, file string, want ...string) {
	t.Helper()
	eventually(t, func() error {
		got, err := services(file)
		if err != nil || !slices.Equal(got, want) {
			return fmt.Errorf("the snapshot has %q, %w, want %q", got, err, want)
		}
		return nil
	})
}

// saved writes a snapshot of db, as the stanza would.
func saved(t *testing.T, s *corefile.Stanza, age time.Duration) {
	t.Helper()
	objects := []model.Change{headlessService("default", "db"), readySlice("default", "db", "db-1", "10.0.0.1")}
	saveAs(t, s, age, snapshot.Content{Objects: objects})
}

// saveAs writes a snapshot, as the stanza would.
func saveAs(t *testing.T, s *corefile.Stanza, age time.Duration, c snapshot.Content) {
	t.Helper()
	origin, err := s.API.Origin()
	if err != nil {
		t.Fatal(err)
	}
	if err := snapshot.Save(s.Snapshot.File, snapshot.Header{Origin: origin, Current: time.Now().Add(-age)}, slices.Values(c.Objects), c.Memory); err != nil {
		t.Fatal(err)
	}
}

func TestAStartWithASnapshotServesAtOnce(t *testing.T) {
	s := kept(filepath.Join(t.TempDir(), "snapshot"))
	saved(t, s, time.Minute)
	f, _, from := startFeed(t, s)
	// This would outlast the test.
	f.wait(time.Hour)
	h := newHandler(s)
	h.cache.Store(f.cache)
	if !h.Ready() {
		t.Error("not ready")
	}
	question := new(dns.Msg).SetQuestion("db.default.svc.cluster.local.", dns.TypeA)
	if got, want := text(serve(t, h, question)), "NOERROR aa\ndb.default.svc.cluster.local. 5 IN A 10.0.0.1"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	from.sync()
	eventually(t, func() error {
		if got := text(serve(t, h, question)); !strings.HasPrefix(got, "NXDOMAIN") {
			return errors.New("still got\n" + got)
		}
		return nil
	})
}

func TestAnEmptySnapshotIsOne(t *testing.T) {
	file := filepath.Join(t.TempDir(), "snapshot")
	f, sub, from := startFeed(t, kept(file))
	from.sync()
	untilServices(t, file)
	f.wait(time.Hour)
	sub.Stop()
	again, _, _ := startFeed(t, kept(file))
	again.wait(time.Hour)
	if !again.cache.isStale() {
		t.Error("the snapshot is not served")
	}
}

func TestAStartGoesOnWithoutASnapshotThatItCannotUse(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(t *testing.T, s *corefile.Stanza)
	}{
		{"no file", func(*testing.T, *corefile.Stanza) {}},
		{"a damaged file", func(t *testing.T, s *corefile.Stanza) {
			saved(t, s, 0)
			if err := os.Truncate(s.Snapshot.File, 100); err != nil {
				t.Fatal(err)
			}
		}},
		{"a file of another API server", func(t *testing.T, s *corefile.Stanza) {
			other := *s
			other.API.Endpoint = "http://127.0.0.1:2"
			saved(t, &other, 0)
		}},
		{"a file of other labels", func(t *testing.T, s *corefile.Stanza) {
			other := *s
			other.API.Labels = "a=b"
			saved(t, &other, 0)
		}},
		{"a file too old", func(t *testing.T, s *corefile.Stanza) { saved(t, s, s.Snapshot.MaxAge+time.Minute) }},
		{"a directory", func(t *testing.T, s *corefile.Stanza) {
			if err := os.Mkdir(s.Snapshot.File, 0o700); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := kept(filepath.Join(t.TempDir(), "snapshot"))
			c.make(t, s)
			f, _, _ := startFeed(t, s)
			if f.cache.isSynced() || f.cache.isStale() || len(f.cache.services) > 0 {
				t.Error("it is served")
			}
		})
	}
}

func TestAnotherOptionOfAnswersReadsTheSameSnapshot(t *testing.T) {
	s := kept(filepath.Join(t.TempDir(), "snapshot"))
	saved(t, s, 0)
	s.Settings.Explain = true
	s.API.QPS = 10
	f, _, _ := startFeed(t, s)
	if published(f.cache, "db.default") != "[10.0.0.1]" {
		t.Error("it is not served")
	}
}

func TestASnapshotIsWrittenAfterTheFirstListAndAtTheEnd(t *testing.T) {
	file := filepath.Join(t.TempDir(), "snapshot")
	_, sub, from := startFeed(t, kept(file))
	from.apply(headlessService("default", "db"))
	// The source takes this only after it has reported what went before.
	from.apply(headlessService("default", "web"))
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("half of the first list was written: %v", err)
	}
	from.sync()
	untilServices(t, file, "db", "web")
	written, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	from.apply(headlessService("default", "late"))
	from.apply()
	// What changes now waits for its turn, which does not come in this test.
	if now, err := os.Stat(file); err != nil || !os.SameFile(written, now) {
		t.Errorf("written again at once: %v", err)
	}
	sub.Stop()
	untilServices(t, file, "db", "late", "web")
}

func TestASnapshotIsNotWrittenWhileItIsServed(t *testing.T) {
	s := kept(filepath.Join(t.TempDir(), "snapshot"))
	saved(t, s, time.Minute)
	before, err := os.Stat(s.Snapshot.File)
	if err != nil {
		t.Fatal(err)
	}
	_, sub, from := startFeed(t, s)
	from.apply(headlessService("default", "late"))
	from.apply()
	sub.Stop()
	if after, err := os.Stat(s.Snapshot.File); err != nil || !os.SameFile(before, after) {
		t.Errorf("it was written: %v", err)
	}
}

func TestStanzasOfOneFeedShareItsSnapshot(t *testing.T) {
	file := filepath.Join(t.TempDir(), "snapshot")
	s := kept(file)
	f, first, from := startFeed(t, s)
	same := *s
	again, second, _ := startFeed(t, &same)
	if f != again || !f.writers.Runs(file) {
		t.Fatal("there are two feeds, or there is no writer")
	}
	from.apply(headlessService("default", "db"))
	from.sync()
	untilServices(t, file, "db")
	first.Stop()
	if !f.writers.Runs(file) {
		t.Error("the snapshot ended while a stanza wanted it")
	}
	from.apply(headlessService("default", "late"))
	from.apply()
	second.Stop()
	untilServices(t, file, "db", "late")
	if f.writers.Runs(file) {
		t.Error("the snapshot did not end")
	}
}

// startTwo starts a server with two stanzas that share a feed, and returns that.
func startTwo(t *testing.T, s *corefile.Stanza, options ...string) *feed {
	t.Helper()
	var text strings.Builder
	for i, option := range options {
		fmt.Fprintf(&text, "z%d.test:0 {\nbind 127.0.0.1\nk8s_endpoints {\nendpoint %s\nstartup_timeout 1ms\n%s\n}\n}\n",
			i, s.API.Endpoint, option)
	}
	startInstance(t, text.String())
	own, err := corefile.Parse(controller("k8s_endpoints {\nendpoint " + s.API.Endpoint + "\n}"))
	if err != nil {
		t.Fatal(err)
	}
	f := runningFeed(own.Key())
	if f == nil {
		t.Fatal("no feed runs, or they do not share one")
	}
	return f
}

func TestASnapshotIsForAllStanzasThatShareTheFeed(t *testing.T) {
	dir := t.TempDir()
	s := kept(filepath.Join(dir, "snapshot"))
	saved(t, s, 0)
	ours, missing := "snapshot "+s.Snapshot.File, "snapshot "+filepath.Join(dir, "missing")
	for _, tc := range []struct {
		name    string
		options []string
	}{
		{"the first stanza has it", []string{ours, ""}},
		{"the second stanza has it", []string{"", ours}},
		{"the first stanza has a file that is not there", []string{missing, ours}},
		{"both have it", []string{ours, ours}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if f := startTwo(t, s, tc.options...); !f.cache.isStale() || len(f.cache.served()) != 2 {
				t.Errorf("%d objects are served, want the 2 of the snapshot", len(f.cache.served()))
			}
		})
	}
}

func TestAReloadWaitsForTheFirstListInsteadOfServingASnapshot(t *testing.T) {
	dir := t.TempDir()
	old, _, from := startFeed(t, kept(filepath.Join(dir, "old")))
	from.sync()
	old.wait(time.Hour)
	s := kept(filepath.Join(dir, "new"))
	s.Settings.Explain = true
	saved(t, s, 0)
	f, _, newer := startFeed(t, s)
	waited := make(chan bool)
	go func() {
		f.wait(time.Hour)
		waited <- f.cache.isStale()
	}()
	newer.apply()
	select {
	case <-waited:
		t.Fatal("the reload did not wait")
	default:
	}
	newer.sync()
	if <-waited {
		t.Error("the reload ended with a snapshot")
	}
	f.wait(0)
}

func TestAReloadWithoutTheAPIServerServesWhatWasKnown(t *testing.T) {
	s := kept("")
	old, _, from := startFeed(t, s)
	from.apply(headlessService("default", "db"), readySlice("default", "db", "db-1", "10.0.0.1"))
	from.sync()
	old.wait(time.Hour)
	known := len(old.cache.served())
	for _, tc := range []struct {
		name   string
		change func(*corefile.Stanza)
		served int
	}{
		{"another option", func(s *corefile.Stanza) { s.Settings.Explain = true }, known},
		{"other credentials", func(s *corefile.Stanza) { s.API.QPS = 7 }, known},
		{"another API server", func(s *corefile.Stanza) { s.API.Endpoint = "http://127.0.0.1:2" }, 0},
		{"other namespaces", func(s *corefile.Stanza) { s.API.Namespaces = []string{"other"} }, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			changed := *s
			tc.change(&changed)
			f, _, newer := startFeed(t, &changed)
			f.wait(time.Millisecond)
			if got := len(f.cache.served()); got != tc.served || f.cache.isStale() != (got > 0) || known == 0 {
				t.Errorf("%d objects are served, want %d of %d, and stale", got, tc.served, known)
			}
			again := changed
			again.Settings.Policy.FailOpen = 50
			if f, _, _ := startFeed(t, &again); len(f.cache.served()) != tc.served {
				t.Errorf("one more reload serves %d objects, want %d", len(f.cache.served()), tc.served)
			}
			// The new source has none of them.
			newer.sync()
			f.wait(time.Hour)
			if f.cache.isStale() || len(f.cache.served()) != 0 {
				t.Error("the first list does not replace what was known")
			}
		})
	}
}

func TestTheStartOfTheProcessDoesNotWaitForTheSecondOfTwoSources(t *testing.T) {
	dir := t.TempDir()
	one, _, from := startFeed(t, kept(filepath.Join(dir, "one")))
	from.sync()
	one.wait(time.Hour)
	s := kept(filepath.Join(dir, "two"))
	s.API.Endpoint = "http://127.0.0.1:2"
	saved(t, s, 0)
	sub := newSubscription(s)
	sub.first = true
	two, _, _ := startAs(t, sub)
	two.wait(time.Hour)
	if !two.cache.isStale() {
		t.Error("the snapshot is not served")
	}
}
