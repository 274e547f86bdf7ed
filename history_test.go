package endpoints

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/history"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"pgregory.net/rapid"

	corev1 "k8s.io/api/core/v1"
)

// recordedCache returns a cache that keeps a history, and whose clock is set by hand.
func recordedCache(t *testing.T) (c *cache, now *time.Time) {
	t.Helper()
	c, now = newCache(corefile.Settings{History: history.MinSize, Annotations: corefile.AllAnnotations}, false), new(time.Now())
	c.now = func() time.Time { return *now }
	c.recording.open(c.settings.History, c.now)
	t.Cleanup(c.close)
	return c, now
}

// decisions returns what is known of a Service, the last first.
func decisions(t *testing.T, c *cache, key string) []history.Decision {
	t.Helper()
	s, err := c.recording.tape.Read(key, c.set(key).State(), c.recording.instant())
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.Decisions(c.now().Add(-time.Hour), c.now(), 100)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestWhatIsSwappedInIsRecorded(t *testing.T) {
	c, now := recordedCache(t)
	service, one := headlessService("default", "db"), readySlice("default", "db", "db-1", "10.0.0.1", "10.0.0.2")
	c.Apply([]model.Change{service, one})
	c.Synced()
	c.publish()
	if all := decisions(t, c, "db.default"); len(all) > 0 {
		t.Errorf("the first list is %+v", all)
	}
	down := readySlice("default", "db", "db-1", "10.0.0.1", "10.0.0.2")
	down.Slice.Endpoints[0].Conditions = 0
	down.Slice.Triggered = model.MomentOf(now.Add(time.Second))
	serving := headlessService("default", "db")
	serving.Service.Annotations = model.NewAnnotations(map[string]string{"publish": "serving", "nonsense": ""})
	for _, changes := range [][]model.Change{{down}, {serving}, {serving.Removal(), down.Removal()}} {
		*now = now.Add(1200 * time.Millisecond)
		c.Apply(changes)
		c.publish()
	}
	all := decisions(t, c, "db.default")
	if len(all) != 3 {
		t.Fatalf("%d decisions: %+v", len(all), all)
	}
	if gone := all[0]; gone.Cause != history.ByService || !gone.Before.Served || gone.After.Served || len(gone.Changes) != 2 {
		t.Errorf("the end is %+v", gone)
	}
	if annotated := all[1]; annotated.Cause != history.ByService || annotated.Before.About == annotated.After.About || len(annotated.Changes) != 0 {
		t.Errorf("the annotation is %+v", annotated)
	}
	if sick := all[2]; sick.Cause != history.BySlice || sick.Lag != 200*time.Millisecond || sick.Before.Carried != 2 || sick.After.Carried != 1 || len(sick.Changes) != 1 {
		t.Errorf("the change is %+v", sick)
	}
}

func TestACacheWithoutHistoryHasNoTape(t *testing.T) {
	c := newTestCache()
	r := &c.recording
	r.open(c.settings.History, c.now)
	r.begin(history.Started, "")
	r.event(history.Lost, "")
	r.record(nil)
	if r.tape != nil || r.writes() {
		t.Error("it has a tape")
	}
	r.end()
	if n := testutil.CollectAndCount(newTapeCollector()); n != 0 {
		t.Errorf("%d metrics tell of nothing", n)
	}
}

// recorded is a stanza with a history that reads an API server.
func recorded(t *testing.T) *corefile.Stanza {
	s := kept(filepath.Join(t.TempDir(), "snapshot"))
	s.Settings.History = history.MinSize
	return s
}

func TestAReloadHandsTheHistoryOn(t *testing.T) {
	s := recorded(t)
	f, sub, from := startFeed(t, s)
	from.apply(headlessService("default", "db"), readySlice("default", "db", "db-1", "10.0.0.1"), headlessService("default", "web"))
	from.sync()
	f.wait(time.Hour)
	other := *s
	other.Settings.Policy.FailOpen = 50
	g, next, _ := startFeed(t, &other)
	old, fresh := &f.cache.recording, &g.cache.recording
	if fresh.tape != old.tape || !fresh.writes() || old.writes() {
		t.Fatal("the new feed does not record where the old one did")
	}
	all := decisions(t, g.cache, "db.default")
	if len(all) != 1 || all[0].Cause != history.ByCorefile || all[0].Before.About == all[0].After.About {
		t.Errorf("the reload is %+v", all)
	}
	// A reload that fails leaves the old one as it was.
	next.Stop()
	from.apply(headlessService("default", "other"))
	eventually(t, func() error {
		all := decisions(t, f.cache, "db.default")
		if len(all) != 2 || all[0].After.About != all[1].Before.About {
			return fmt.Errorf("after the reload that failed it is %+v", all)
		}
		return nil
	})
	sub.Stop()
	if n := testutil.CollectAndCount(tapes); n != 0 {
		t.Errorf("%d metrics are left", n)
	}
}

// Two stanzas that read the same with other options have a history each.
func TestOneStanzaDoesNotTakeTheHistoryOfAnother(t *testing.T) {
	s := recorded(t)
	f, sub, from := startFeed(t, s)
	from.apply(headlessService("default", "db"))
	from.sync()
	f.wait(time.Hour)
	other := *s
	other.Settings.Policy.FailOpen = 50
	beside := newSubscription(&other)
	beside.generation.Add(sub)
	g, _, _ := startAs(t, beside)
	if f.cache.recording.tape == g.cache.recording.tape || !f.cache.recording.writes() || !g.cache.recording.writes() {
		t.Error("both record in one place")
	}
}

func TestAStartFromASnapshotIsRecorded(t *testing.T) {
	s := recorded(t)
	saved(t, s, time.Minute)
	f, _, from := startFeed(t, s)
	f.wait(time.Hour)
	from.apply(headlessService("default", "db"), readySlice("default", "db", "db-1", "10.0.0.2"))
	from.sync()
	<-f.cache.current
	eventually(t, func() error {
		all := decisions(t, f.cache, "db.default")
		if len(all) != 1 || all[0].Cause != history.ByRestart || len(all[0].Changes) != 2 {
			return fmt.Errorf("the first list is %+v", all)
		}
		return nil
	})
	events, _, err := f.cache.recording.tape.Events(time.Now().Add(-time.Hour), time.Now(), 10, f.cache.recording.instant())
	if err != nil || len(events) != 1 || events[0].Kind != history.Restored {
		t.Errorf("the events are %+v, %v", events, err)
	}
}

// What the process before recorded is known to the next one, and so is that nobody looked.
func TestARestartGoesOnWithTheHistory(t *testing.T) {
	s := recorded(t)
	f, sub, from := startFeed(t, s)
	from.apply(headlessService("default", "db"), readySlice("default", "db", "db-1", "10.0.0.1"), headlessService("default", "web"))
	from.sync()
	f.wait(time.Hour)
	from.apply(readySlice("default", "db", "db-1", "10.0.0.1", "10.0.0.2"))
	eventually(t, func() error {
		if all := decisions(t, f.cache, "db.default"); len(all) != 1 {
			return fmt.Errorf("before the restart it is %+v", all)
		}
		return nil
	})
	known := f.cache.recording.tape.Size().Reaches
	sub.Stop()
	g, again, _ := startFeed(t, s)
	g.wait(time.Hour)
	all := decisions(t, g.cache, "db.default")
	if len(all) != 1 || all[0].Cause != history.BySlice || all[0].Before.Carried != 1 || all[0].After.Carried != 2 {
		t.Errorf("after the restart it is %+v", all)
	}
	if reaches := g.cache.recording.tape.Size().Reaches; reaches.Sub(known).Abs() > time.Second {
		t.Errorf("it is known since %v, and was since %v", reaches, known)
	}
	events, _, err := g.cache.recording.tape.Events(time.Now().Add(-time.Hour), time.Now(), 10, g.cache.recording.instant())
	if err != nil || len(events) != 2 || events[0].Kind != history.Restored || !strings.Contains(why.Event(events[0]), "nobody looked") || events[1].Kind != history.Started {
		t.Errorf("the events are %+v, %v", events, err)
	}
	again.Stop()
	if err := os.WriteFile(s.Snapshot.File+".history", []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	h, _, _ := startFeed(t, s)
	h.wait(time.Hour)
	if all := decisions(t, h.cache, "db.default"); len(all) != 0 || h.cache.set("db.default") == nil {
		t.Errorf("after a start with a damaged file it is %+v", all)
	}
}

func TestOfSeveralCausesTheOneCountsThatSaysMost(t *testing.T) {
	d, key := make(dirt), model.ServiceKey{Namespace: "default", Name: "db"}
	for _, cause := range []history.Cause{history.ByTime, history.BySlice, history.ByCheck, history.ByTime} {
		d.mark(key, cause)
	}
	if !reflect.DeepEqual(d, dirt{key: history.BySlice}) {
		t.Errorf("got %v", d)
	}
}

// carried is whom the name of each Service has by the model, by "S.N", and nothing of one that
// is not served.
func (n *naive) carried() map[string]string {
	all := make(map[string]string)
	for _, service := range n.services {
		if !naiveServes(service) {
			continue
		}
		var addresses []string
		if service.Spec.Type != corev1.ServiceTypeExternalName {
			for _, e := range naiveInName((&naiveQuestion{naive: n}).endpoints(service)) {
				addresses = append(addresses, e.address.String())
			}
		}
		slices.Sort(addresses)
		all[service.Name+"."+service.Namespace] = "served " + strings.Join(addresses, " ")
	}
	return all
}

// carriedAt is the same by the history.
func carriedAt(t *rapid.T, c *cache, key string, at time.Time) string {
	s, err := c.recording.tape.Read(key, c.set(key).State(), c.recording.instant())
	if err != nil {
		t.Fatal(err)
	}
	m, known, err := s.At(at)
	if err != nil || !known {
		t.Fatalf("%s is not known at %v, but since %v: %v", key, at, s.Known(), err)
	}
	if !m.Served {
		return ""
	}
	var addresses []string
	for _, e := range m.Endpoints {
		if e.InName {
			addresses = append(addresses, e.Address.String())
		}
	}
	slices.Sort(addresses)
	return "served " + strings.Join(addresses, " ")
}

// At each time since the first list, the history has what the model has of the objects of then.
func TestTheHistoryIsThatOfTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawStanza(t)
		s.Settings.History = history.MinSize
		c, now := newCache(s.Settings, false), epochOfHistory
		c.now = func() time.Time { return now }
		c.recording.open(c.settings.History, c.now)
		defer c.close()
		var times []time.Time
		var models []map[string]string
		objects := make(drawnCluster)
		for i, versions := range poolVersions {
			state := drawCluster(t, versions)
			for _, key := range slices.Sorted(maps.Keys(state)) {
				objects[key] = state[key]
				c.Apply([]model.Change{change(key, state[key])})
				if i == 0 || !rapid.Bool().Draw(t, "publish") {
					continue
				}
				now = now.Add(time.Second)
				c.publish()
				times, models = append(times, now), append(models, objects.model(s).carried())
			}
			now = now.Add(time.Second)
			c.Synced()
			c.publish()
			times, models = append(times, now), append(models, objects.model(s).carried())
		}
		for i, at := range times {
			for _, namespace := range poolNamespaces {
				for _, service := range poolServices {
					key := service + "." + namespace
					if got, want := carriedAt(t, c, key, at), models[i][key]; got != want {
						t.Errorf("%s, %v after the first list: %q, want %q", key, at.Sub(times[0]), got, want)
					}
				}
			}
		}
	})
}

var epochOfHistory = time.Date(2026, 11, 28, 3, 7, 42, 0, time.UTC)

// What is said of a Service is kept by the goroutine that compiles, while the source tells of
// others: what is wrong with annotations comes from the one to the other.
func TestAHistoryIsKeptWhileAnnotationsChange(t *testing.T) {
	c, _ := recordedCache(t)
	c.Synced()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { c.run(ctx) })
	annotated := func(name, annotation, text string) {
		change := headlessService("default", name)
		change.Service.Annotations = model.NewAnnotations(map[string]string{annotation: text})
		c.Apply([]model.Change{change})
	}
	for i := range 300 {
		annotated(fmt.Sprintf("db-%d", i%7), "txt", fmt.Sprint(i))
	}
	annotated("bad", "ttl", "soon")
	cancel()
	running.Wait()
	c.publish()
	for name, wrong := range map[string]bool{"db-0": false, "bad": true} {
		if about := c.set(name + ".default").State().About; strings.Contains(about, "soon") != wrong {
			t.Errorf("of %s it is kept %q", name, about)
		}
	}
}
