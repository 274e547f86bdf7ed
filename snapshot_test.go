package endpoints

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/snapshot"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/source"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// toldSource reports what the test tells it to.
type toldSource struct{ steps chan func(source.Receiver) }

func newToldSource() toldSource { return toldSource{make(chan func(source.Receiver))} }

func (s toldSource) Run(ctx context.Context, r source.Receiver) {
	for {
		select {
		case <-ctx.Done():
			return
		case step := <-s.steps:
			step(r)
		}
	}
}

// apply and sync return when the source has begun to report.
func (s toldSource) apply(changes ...model.Change) {
	s.steps <- func(r source.Receiver) { r.Apply(changes) }
}

func (s toldSource) sync() { s.steps <- func(r source.Receiver) { r.Synced() } }

// kept is a stanza with a snapshot that reads an API server.
func kept(file string) *stanza {
	s := testStanza()
	s.api.Endpoint = "http://127.0.0.1:1"
	s.snapshot = snapshotOption{file: file, maxAge: time.Hour}
	return s
}

// startFeed starts a feed for a stanza.
func startFeed(t *testing.T, s *stanza) (*feed, *subscription, toldSource) {
	t.Helper()
	return startAs(t, &subscription{stanza: s})
}

func startAs(t *testing.T, sub *subscription) (*feed, *subscription, toldSource) {
	t.Helper()
	from := newToldSource()
	sub.opened = from
	f, err := sub.start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sub.stop)
	return f, sub, from
}

// deadline is what a busy machine may need.
const deadline = time.Minute

func eventually(t testing.TB, condition func() error) {
	t.Helper()
	for end := time.Now().Add(deadline); ; time.Sleep(time.Millisecond) {
		err := condition()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// services returns the names of the Services in a snapshot.
func services(file string) (names []string, err error) {
	objects, err := snapshot.Load(file, func(snapshot.Header) error { return nil })
	for _, object := range objects {
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
func saved(t *testing.T, s *stanza, age time.Duration) {
	t.Helper()
	origin, err := s.api.Origin()
	if err != nil {
		t.Fatal(err)
	}
	objects := []model.Change{headlessService("default", "db"), readySlice("default", "db", "db-1", "10.0.0.1")}
	if err := snapshot.Save(s.snapshot.file, snapshot.Header{Origin: origin, Current: time.Now().Add(-age)}, slices.Values(objects)); err != nil {
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
	sub.stop()
	again, _, _ := startFeed(t, kept(file))
	again.wait(time.Hour)
	if !again.cache.stale.Load() {
		t.Error("the snapshot is not served")
	}
}

func TestAStartGoesOnWithoutASnapshotThatItCannotUse(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(t *testing.T, s *stanza)
	}{
		{"no file", func(*testing.T, *stanza) {}},
		{"a damaged file", func(t *testing.T, s *stanza) {
			saved(t, s, 0)
			if err := os.Truncate(s.snapshot.file, 100); err != nil {
				t.Fatal(err)
			}
		}},
		{"a file of another API server", func(t *testing.T, s *stanza) {
			other := *s
			other.api.Endpoint = "http://127.0.0.1:2"
			saved(t, &other, 0)
		}},
		{"a file of other labels", func(t *testing.T, s *stanza) {
			other := *s
			other.api.Labels = "a=b"
			saved(t, &other, 0)
		}},
		{"a file too old", func(t *testing.T, s *stanza) { saved(t, s, s.snapshot.maxAge+time.Minute) }},
		{"a directory", func(t *testing.T, s *stanza) {
			if err := os.Mkdir(s.snapshot.file, 0o700); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := kept(filepath.Join(t.TempDir(), "snapshot"))
			c.make(t, s)
			f, _, _ := startFeed(t, s)
			if f.cache.synced.Load() || f.cache.stale.Load() || len(f.cache.services) > 0 {
				t.Error("it is served")
			}
		})
	}
}

func TestWhatTheOptionAccepts(t *testing.T) {
	o := snapshotOption{maxAge: time.Hour}
	for _, c := range []struct {
		name string
		h    snapshot.Header
		want string
	}{
		{"a young file", snapshot.Header{Origin: "here", Current: time.Now().Add(-59 * time.Minute)}, ""},
		{"a file of the future", snapshot.Header{Origin: "here", Current: time.Now().Add(time.Hour)}, ""},
		{"an old file", snapshot.Header{Origin: "here", Current: time.Now().Add(-61 * time.Minute)}, "it is too old"},
		{"a file of something else", snapshot.Header{Origin: "there", Current: time.Now()}, `it holds "there", and the stanza reads "here"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := o.accept(c.h, "here")
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestAnotherOptionOfAnswersReadsTheSameSnapshot(t *testing.T) {
	s := kept(filepath.Join(t.TempDir(), "snapshot"))
	saved(t, s, 0)
	s.settings.Explain = true
	s.api.QPS = 10
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
	sub.stop()
	untilServices(t, file, "db", "late", "web")
}

func TestASnapshotIsNotWrittenWhileItIsServed(t *testing.T) {
	s := kept(filepath.Join(t.TempDir(), "snapshot"))
	saved(t, s, time.Minute)
	before, err := os.Stat(s.snapshot.file)
	if err != nil {
		t.Fatal(err)
	}
	_, sub, from := startFeed(t, s)
	from.apply(headlessService("default", "late"))
	from.apply()
	sub.stop()
	if after, err := os.Stat(s.snapshot.file); err != nil || !os.SameFile(before, after) {
		t.Errorf("it was written: %v", err)
	}
}

// writerOf returns a writer that does not run, of a cache that is current.
func writerOf(t *testing.T, file string, from source.Source, changes ...model.Change) *snapshotWriter {
	t.Helper()
	c := newTestCache()
	f := &feed{cache: c, stage: newStage(c), source: from, origin: "here"}
	f.stage.Apply(changes)
	f.stage.Synced()
	c.publish()
	w := newSnapshotWriter(file, f)
	t.Cleanup(w.end)
	t.Cleanup(c.close)
	return w
}

// silentSource has heard of its objects at a time.
type silentSource struct {
	source.Source
	current *time.Time
}

func (s silentSource) Current() time.Time { return *s.current }

func TestASnapshotIsAsOldAsWhatIsKnown(t *testing.T) {
	file := filepath.Join(t.TempDir(), "snapshot")
	began := time.Now().Add(-time.Hour).Round(0)
	now := began
	w := writerOf(t, file, silentSource{current: &now}, headlessService("default", "db"))
	for _, c := range []struct {
		name  string
		heard time.Duration
		// change tells that something has changed.
		change bool
		want   time.Duration
	}{
		{"the first one", 0, false, 0},
		{"nothing changes and nothing is heard", 0, false, 0},
		{"nothing changes for a while", w.refresh - time.Second, false, 0},
		{"nothing changes for long", w.refresh, false, w.refresh},
		{"a change", w.refresh + time.Second, true, w.refresh + time.Second},
	} {
		now = began.Add(c.heard)
		if c.change {
			w.stage.Apply([]model.Change{headlessService("default", "late")})
		}
		w.write()
		var got time.Time
		if _, err := snapshot.Load(file, func(h snapshot.Header) error { got = h.Current; return nil }); err != nil {
			t.Fatal(err)
		}
		if want := began.Add(c.want); !got.Equal(want) {
			t.Errorf("%s: the file is of %v, want %v", c.name, got, want)
		}
	}
}

func TestAFailedSnapshotIsCountedAndTriedAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "snapshot")
	w := writerOf(t, file, newToldSource(), headlessService("default", "db"))
	failures := func(reason string) float64 { return testutil.ToFloat64(snapshotErrors.WithLabelValues(reason)) }
	before, tooLarge := failures("write"), failures("size")
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	w.write()
	w.write()
	if got := failures("write") - before; got != 2 || w.failed == nil {
		t.Errorf("%v failures were counted, want 2; the state is %v", got, w.failed)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	w.write()
	if got, err := services(file); err != nil || !slices.Equal(got, []string{"db"}) || w.failed != nil {
		t.Errorf("the file has %q, %v; the state is %v", got, err, w.failed)
	}
	large := headlessService("default", "large")
	large.Service.Annotations = map[string]string{"drain": strings.Repeat("a", snapshot.MaxObject)}
	w.stage.Apply([]model.Change{large})
	w.write()
	w.write()
	if got := failures("size") - tooLarge; got != 1 {
		t.Errorf("what is too large was tried %v times, want once", got)
	}
	if got, err := services(file); err != nil || !slices.Equal(got, []string{"db"}) {
		t.Errorf("the old file has %q, %v", got, err)
	}
}

func TestTheFeedThatAReloadReplacesLeavesTheFileAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "snapshot")
	older := writerOf(t, file, newToldSource(), headlessService("default", "older"))
	newer := writerOf(t, file, newToldSource(), headlessService("default", "newer"))
	older.write()
	untilServices(t, file, "older")
	newer.write()
	older.stage.Apply([]model.Change{headlessService("default", "late")})
	older.write()
	untilServices(t, file, "newer")
}

func TestTheFeedThatAFailedReloadLeavesWritesItsFileAgain(t *testing.T) {
	s := kept(filepath.Join(t.TempDir(), "snapshot"))
	older := writerOf(t, s.snapshot.file, newToldSource(), headlessService("default", "older"))
	older.write()
	_, failed, from := startFeed(t, s)
	from.apply(headlessService("default", "newer"))
	from.sync()
	untilServices(t, s.snapshot.file, "newer")
	failed.stop()
	older.write()
	untilServices(t, s.snapshot.file, "older")
}

func TestStanzasOfOneFeedShareItsSnapshot(t *testing.T) {
	file := filepath.Join(t.TempDir(), "snapshot")
	s := kept(file)
	f, first, from := startFeed(t, s)
	same := *s
	again, second, _ := startFeed(t, &same)
	if f != again || len(f.snapshots) != 1 {
		t.Fatalf("there are %d writers", len(f.snapshots))
	}
	from.apply(headlessService("default", "db"))
	from.sync()
	untilServices(t, file, "db")
	first.stop()
	if len(f.snapshots) != 1 {
		t.Error("the snapshot ended while a stanza wanted it")
	}
	from.apply(headlessService("default", "late"))
	from.apply()
	second.stop()
	untilServices(t, file, "db", "late")
	if len(f.snapshots) != 0 {
		t.Error("the snapshot did not end")
	}
}

// startTwo starts a server with two stanzas that share a feed, and returns that.
func startTwo(t *testing.T, s *stanza, options ...string) *feed {
	t.Helper()
	var corefile strings.Builder
	for i, option := range options {
		fmt.Fprintf(&corefile, "z%d.test:0 {\nbind 127.0.0.1\nk8s_endpoints {\nendpoint %s\nstartup_timeout 1ms\n%s\n}\n}\n",
			i, s.api.Endpoint, option)
	}
	startInstance(t, corefile.String())
	feeds.mu.Lock()
	defer feeds.mu.Unlock()
	if len(feeds.running) != 1 {
		t.Fatalf("%d feeds run", len(feeds.running))
	}
	return slices.Collect(maps.Values(feeds.running))[0]
}

func TestASnapshotIsForAllStanzasThatShareTheFeed(t *testing.T) {
	dir := t.TempDir()
	s := kept(filepath.Join(dir, "snapshot"))
	saved(t, s, 0)
	ours, missing := "snapshot "+s.snapshot.file, "snapshot "+filepath.Join(dir, "missing")
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
			if f := startTwo(t, s, tc.options...); !f.cache.stale.Load() || len(f.cache.served()) != 2 {
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
	s.settings.Explain = true
	saved(t, s, 0)
	f, _, newer := startFeed(t, s)
	waited := make(chan bool)
	go func() {
		f.wait(time.Hour)
		waited <- f.cache.stale.Load()
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
		change func(*stanza)
		served int
	}{
		{"another option", func(s *stanza) { s.settings.Explain = true }, known},
		{"other credentials", func(s *stanza) { s.api.QPS = 7 }, known},
		{"another API server", func(s *stanza) { s.api.Endpoint = "http://127.0.0.1:2" }, 0},
		{"other namespaces", func(s *stanza) { s.api.Namespaces = []string{"other"} }, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			changed := *s
			tc.change(&changed)
			f, _, newer := startFeed(t, &changed)
			f.wait(time.Millisecond)
			if got := len(f.cache.served()); got != tc.served || f.cache.stale.Load() != (got > 0) || known == 0 {
				t.Errorf("%d objects are served, want %d of %d, and stale", got, tc.served, known)
			}
			again := changed
			again.settings.Policy.FailOpen = 50
			if f, _, _ := startFeed(t, &again); len(f.cache.served()) != tc.served {
				t.Errorf("one more reload serves %d objects, want %d", len(f.cache.served()), tc.served)
			}
			// The new source has none of them.
			newer.sync()
			f.wait(time.Hour)
			if f.cache.stale.Load() || len(f.cache.served()) != 0 {
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
	s.api.Endpoint = "http://127.0.0.1:2"
	saved(t, s, 0)
	two, _, _ := startAs(t, &subscription{stanza: s, first: true})
	two.wait(time.Hour)
	if !two.cache.stale.Load() {
		t.Error("the snapshot is not served")
	}
}

func TestTwoFeedsCannotHaveOneFile(t *testing.T) {
	s := kept(filepath.Join(t.TempDir(), "snapshot"))
	same, older, other := *s, *s, *s
	older.snapshot.maxAge++
	other.settings.Explain = true
	c := controller("k8s_endpoints")
	for _, each := range []struct {
		name   string
		stanza *stanza
		wrong  bool
	}{
		{"the first stanza", s, false},
		{"the same again", &same, false},
		{"another max_age", &older, true},
		{"another feed", &other, true},
		{"no snapshot", testStanza(), false},
	} {
		if err := each.stanza.claimSnapshot(c); (err != nil) != each.wrong {
			t.Errorf("%s: got %v", each.name, err)
		}
	}
	// A reload is another Corefile.
	if err := other.claimSnapshot(controller("k8s_endpoints")); err != nil {
		t.Errorf("another Corefile: got %v", err)
	}
}

// staleHandler answers from the changes as from a snapshot.
func staleHandler(changes []model.Change) *handler {
	h := testHandler(testStanza(), changes)
	h.cache.Load().stale.Store(true)
	return h
}

// reasons returns the Extended DNS Errors of a reply.
func reasons(m *dns.Msg) (all []string) {
	if opt := m.IsEdns0(); opt != nil {
		for _, option := range opt.Option {
			ede := option.(*dns.EDNS0_EDE)
			all = append(all, fmt.Sprintf("%d %s", ede.InfoCode, ede.ExtraText))
		}
	}
	return all
}

func TestAnswersFromASnapshotSayThatTheyAreStale(t *testing.T) {
	h := staleHandler(append(testChanges(), headlessService("default", "empty")))
	h.upstream = itself{h}
	const stale = "3 " + staleNote
	for _, c := range []struct {
		question string
		qtype    uint16
		want     []string
	}{
		{"db.default.svc.cluster.local.", dns.TypeA, []string{stale}},
		{"db.default.svc.cluster.local.", dns.TypeAAAA, []string{"0 default/db has no endpoints of this address family", stale}},
		{"empty.default.svc.cluster.local.", dns.TypeA, []string{"0 default/empty has no endpoints", stale}},
		{"nowhere.default.svc.cluster.local.", dns.TypeA, []string{"0 no headless or ExternalName Service default/nowhere", stale}},
		{"1.0.0.10.in-addr.arpa.", dns.TypePTR, []string{stale}},
		{"99.0.0.10.in-addr.arpa.", dns.TypePTR, []string{"0 no endpoint with this address", stale}},
		{"default.svc.cluster.local.", dns.TypeA, []string{"0 no records here, only below", stale}},
		{"address.default.svc.cluster.local.", dns.TypeA, []string{stale}},
		{"web.default.svc.cluster.local.", dns.TypeCNAME, []string{stale}},
	} {
		t.Run(c.question+" "+dns.TypeToString[c.qtype], func(t *testing.T) {
			r := new(dns.Msg).SetQuestion(c.question, c.qtype)
			if got := serve(t, h, r); got.IsEdns0() != nil {
				t.Errorf("to a client without EDNS: got %v", got.IsEdns0())
			}
			if got := reasons(serve(t, h, r.SetEdns0(1232, false))); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestAnAliasOfAStaleAnswerSaysSoOnce(t *testing.T) {
	alias := model.ServiceChange(&model.Service{ServiceKey: model.ServiceKey{Namespace: "default", Name: "alias"}, Kind: model.ExternalName})
	for target, want := range map[string][]string{
		"db.default.svc.cluster.local.":       {"3 " + staleNote},
		"starting.default.svc.cluster.local.": {"0 no endpoint is ready: 1 starting", "3 " + staleNote},
	} {
		alias.Service.Target = target
		h := staleHandler(append(testChanges(), alias))
		h.upstream = itself{h}
		r := new(dns.Msg).SetQuestion("alias.default.svc.cluster.local.", dns.TypeA).SetEdns0(1232, false)
		if got := reasons(serve(t, h, r)); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", target, got, want)
		}
	}
}

func TestAStaleAnswerFitsWithItsReason(t *testing.T) {
	h := staleHandler(largeSlice(500))
	for _, c := range []struct {
		name  string
		qtype uint16
		size  uint16
	}{
		{"db.default.svc.cluster.local.", dns.TypeA, 512},
		{"db.default.svc.cluster.local.", dns.TypeA, 1232},
		{"db.default.svc.cluster.local.", dns.TypeSRV, 1232},
	} {
		r := new(dns.Msg).SetQuestion(c.name, c.qtype).SetEdns0(c.size, false)
		m := serve(t, h, r)
		m.Compress = true
		if len(m.Answer) == 0 || !m.Truncated || m.Len() > int(c.size) {
			t.Errorf("%s %d: %d records in %d bytes, truncated %t", dns.TypeToString[c.qtype], c.size, len(m.Answer), m.Len(), m.Truncated)
		}
		if got := reasons(m); len(got) != 1 {
			t.Errorf("%s %d: got %q", dns.TypeToString[c.qtype], c.size, got)
		}
	}
}

func TestAgesOfSnapshots(t *testing.T) {
	ages := newSnapshotAgeCollector()
	ages.set("read only", time.Now())
	ages.enter("a")
	ages.enter("a")
	if n := testutil.CollectAndCount(ages); n != 0 {
		t.Errorf("%d ages before a file is there", n)
	}
	ages.set("a", time.Now())
	ages.leave("a")
	if n := testutil.CollectAndCount(ages); n != 1 {
		t.Errorf("%d ages while somebody writes the file", n)
	}
	ages.leave("a")
	if n := testutil.CollectAndCount(ages); n != 0 {
		t.Errorf("%d ages after the end", n)
	}
}
