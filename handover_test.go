package endpoints

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unique"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/place"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/snapshot"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"pgregory.net/rapid"
)

func restoredFrom(objects ...model.Change) (*cache, *handover) {
	c := newTestCache()
	s := newHandover(c)
	s.restore(snapshot.Content{Objects: objects})
	return c, s
}

func TestASnapshotIsServedUntilTheFirstListIsWhole(t *testing.T) {
	before := testutil.ToFloat64(staleSources)
	db, one := headlessService("default", "db"), readySlice("default", "db", "db-1", "10.0.0.1")
	c, s := restoredFrom(db, one, headlessService("default", "old"), readySlice("default", "old", "old-1", "10.0.0.9"))
	expect := func(what, db, old, late string, stale bool) {
		t.Helper()
		c.publish()
		got := fmt.Sprint(published(c, "db.default"), published(c, "old.default"), published(c, "late.default"))
		if want := fmt.Sprint(db, old, late); got != want {
			t.Errorf("%s: got %s, want %s", what, got, want)
		}
		if !c.isSynced() || c.isStale() != stale || c.isCurrent() == stale {
			t.Errorf("%s: synced %t, stale %t, current %t", what, c.isSynced(), c.isStale(), c.isCurrent())
		}
		if got := testutil.ToFloat64(staleSources) - before; got != map[bool]float64{true: 1}[stale] {
			t.Errorf("%s: the metric counts %v stale sources", what, got)
		}
	}
	expect("restored", "[10.0.0.1]", "[10.0.0.9]", "not served", true)
	s.Apply([]model.Change{db, headlessService("default", "late")})
	expect("the Services are listed", "[10.0.0.1]", "[10.0.0.9]", "not served", true)
	s.Apply([]model.Change{readySlice("default", "db", "db-1", "10.0.0.2"), readySlice("default", "late", "late-1", "10.0.0.3")})
	expect("some slices are listed", "[10.0.0.1]", "[10.0.0.9]", "not served", true)
	s.Synced()
	expect("all is listed", "[10.0.0.2]", "not served", "[10.0.0.3]", false)
	s.Apply([]model.Change{readySlice("default", "db", "db-1", "10.0.0.4")})
	expect("a change afterwards", "[10.0.0.4]", "not served", "[10.0.0.3]", false)
	c.close()
}

func TestWhatTheFirstListLeavesTheSameIsNotTouched(t *testing.T) {
	objects := func() []model.Change {
		return []model.Change{headlessService("default", "db"), readySlice("default", "db", "db-1", "10.0.0.1")}
	}
	c, s := restoredFrom(objects()...)
	before := c.set("db.default")
	s.Apply(objects())
	s.Synced()
	c.mu.Lock()
	if len(c.dirty) > 0 {
		t.Errorf("%v would be compiled again", c.dirty)
	}
	c.mu.Unlock()
	c.publish()
	if c.set("db.default") != before {
		t.Error("the record set was swapped")
	}
	c.close()
}

func TestAFeedThatEndsWhileItIsStaleLeavesTheMetrics(t *testing.T) {
	before := testutil.ToFloat64(staleSources)
	c, _ := restoredFrom(headlessService("default", "db"))
	c.close()
	if got := testutil.ToFloat64(staleSources) - before; got != 0 {
		t.Errorf("%v stale sources are left", got)
	}
}

// held writes what a cache holds, so that two can be compared.
func held(t reporter, c *cache) string {
	t.Helper()
	c.publish()
	var lines []string
	for key, s := range c.services {
		line := fmt.Sprintf("%v: %+v", key, s.object)
		for _, slice := range s.slices {
			line += fmt.Sprintf(" %+v", slice)
		}
		set := c.set(key.Name + "." + key.Namespace)
		if (set != nil) != (s.object != nil && s.object.Refused == "") {
			t.Fatalf("%v: the record set is there: %t", key, set != nil)
		}
		line += c.whyLeftOut(key.Name + "." + key.Namespace)
		if set != nil {
			line += fmt.Sprint(withNames(set))
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestAfterTheFirstListNothingOfTheSnapshotIsLeft(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, after := drawCluster(t, poolVersions[0]), drawCluster(t, poolVersions[1])
		for key := range before {
			if rapid.Bool().Draw(t, "stays "+key) {
				after[key] = before[key]
			}
		}
		old := synced(0, before.changes())
		snapshot := old.served()
		old.close()
		c, s := restoredFrom(snapshot...)
		defer c.close()
		stale := held(t, c)
		for _, change := range rapid.Permutation(after.changes()).Draw(t, "list") {
			s.Apply([]model.Change{change})
			if held(t, c) != stale {
				t.Fatalf("a part of the list is served:\n%s\nbefore\n%s", held(t, c), stale)
			}
		}
		s.Synced()
		plain := synced(0, after.changes())
		defer plain.close()
		if got, want := held(t, c), held(t, plain); got != want {
			t.Fatalf("got\n%s\nwant\n%s", got, want)
		}
	})
}

func TestWhatIsServedGoesIntoASnapshot(t *testing.T) {
	c := newCache(corefile.Settings{}, true)
	defer c.close()
	web := model.ServiceChange(&model.Service{ServiceKey: model.ServiceKey{Namespace: "default", Name: "web"}, Kind: model.ExternalName, Target: "example.org."})
	db, one := headlessService("default", "db"), readySlice("default", "db", "db-1", "10.0.0.1")
	bad, names := leftOutService("default", "bad", "no name"), leftOutSlice("default", "db", "db-2", "type FQDN")
	c.Apply([]model.Change{
		model.NamespaceChange("default"), db, one, bad, names,
		web, readySlice("default", "web", "web-1", "10.0.0.2"), // of no use: the Service was of another type
		readySlice("default", "none", "none-1", "10.0.0.3"), // of no Service
		headlessService("hidden", "db"), readySlice("hidden", "db", "db-1", "10.0.0.4"),
	})
	got := new(model.State)
	for _, object := range c.served() {
		got.Apply(object)
	}
	want := new(model.State)
	for _, object := range []model.Change{model.NamespaceChange("default"), db, one, bad, names, web} {
		want.Apply(object)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// A Node belongs to nothing that a snapshot has: it need not wait for the first list,
// and no new snapshot is due.
func TestNodesPassWhileASnapshotIsServed(t *testing.T) {
	db, one := headlessService("default", "db"), readySlice("default", "db", "db-1", "10.0.0.1")
	c, s := restoredFrom(db, one)
	defer c.close()
	c.whereabouts = newWhereabouts(place.Wanted{Addresses: true})
	nodes := func() int { return c.known.Counts().Nodes }
	n1, n2 := model.NodeChange(&model.Node{Name: unique.Make("n1")}), model.NodeChange(&model.Node{Name: unique.Make("n2")})
	s.Apply([]model.Change{n1, headlessService("default", "late"), n2})
	if nodes() != 2 || c.isCurrent() {
		t.Errorf("%d Nodes have passed, want 2", nodes())
	}
	c.publish()
	if got := published(c, "late.default"); got != "not served" {
		t.Errorf("half of the list is served: %s", got)
	}
	before := s.changes.Load()
	s.Apply([]model.Change{db, one})
	s.Synced()
	if nodes() != 2 {
		t.Errorf("after the first list there are %d Nodes, want 2", nodes())
	}
	synced := s.changes.Load()
	if synced == before {
		t.Error("the first list is no change")
	}
	s.Apply([]model.Change{n2.Removal()})
	if nodes() != 1 || s.changes.Load() != synced {
		t.Errorf("there are %d Nodes, want 1, and %d changes for a snapshot, want none", nodes(), s.changes.Load()-synced)
	}
	s.Apply([]model.Change{n1, db})
	if s.changes.Load() == synced {
		t.Error("a Service beside a Node is no change")
	}
	for _, object := range c.served() {
		if object.Kind == model.KindNode {
			t.Errorf("%v would go into a snapshot", object)
		}
	}
}
