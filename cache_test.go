package endpoints

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"
	"unique"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/place"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"

	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
)

func headlessService(namespace, name string) model.Change {
	return model.ServiceChange(&model.Service{ServiceKey: model.ServiceKey{Namespace: namespace, Name: name}, Kind: model.Headless})
}

// readySlice is a slice of ready endpoints, each a Pod of its own.
func readySlice(namespace, service, name string, addresses ...string) model.Change {
	s := &model.Slice{SliceKey: model.SliceKey{Namespace: namespace, Name: name}, Service: service}
	for _, text := range addresses {
		addr := netip.MustParseAddr(text)
		s.Endpoints = append(s.Endpoints, model.Endpoint{Address: addr, ID: addr.As16(), Conditions: model.Ready | model.Serving})
	}
	return model.SliceChange(s)
}

func leftOutService(namespace, name, why string) model.Change {
	return model.ServiceChange(&model.Service{ServiceKey: model.ServiceKey{Namespace: namespace, Name: name}, Refused: why})
}

func leftOutSlice(namespace, service, name, why string) model.Change {
	return model.SliceChange(&model.Slice{SliceKey: model.SliceKey{Namespace: namespace, Name: name}, Service: service, Refused: why})
}

// What is left out is known, and counts as nothing that is held.
func TestWhatIsLeftOutIsKnown(t *testing.T) {
	held := func() (n float64) {
		for _, label := range []string{"headless", "external_name", "unknown", "endpointslice"} {
			n += testutil.ToFloat64(objects.WithLabelValues(label))
		}
		return n
	}
	before := held()
	c := newCache(corefile.Settings{}, true)
	c.Synced()
	for _, step := range []struct {
		name    string
		changes []model.Change
		held    float64
		served  string
		why     string
	}{
		{"of a Namespace that is not selected", []model.Change{leftOutService("default", "db", "bad"), leftOutSlice("default", "db", "db-1", "type FQDN")}, 0, "not served", ""},
		{"left out", []model.Change{model.NamespaceChange("default")}, 0, "not served", "bad"},
		{"for another reason", []model.Change{leftOutService("default", "db", "worse")}, 0, "not served", "worse"},
		{"good", []model.Change{headlessService("default", "db"), readySlice("default", "db", "db-1", "10.0.0.1")}, 2, "[10.0.0.1]", ""},
		{"its slice is left out", []model.Change{leftOutSlice("default", "db", "db-1", "type FQDN")}, 1, "[]", ""},
		{"left out again", []model.Change{leftOutService("default", "db", "bad")}, 0, "not served", "bad"},
		{"gone", []model.Change{leftOutService("default", "db", "").Removal(), leftOutSlice("default", "db", "db-1", "").Removal()}, 0, "not served", ""},
	} {
		c.Apply(step.changes)
		c.publish()
		if got := held() - before; got != step.held {
			t.Errorf("%s: %v objects are held, want %v", step.name, got, step.held)
		}
		if got := published(c, "db.default"); got != step.served {
			t.Errorf("%s: got %s, want %s", step.name, got, step.served)
		}
		if got := c.whyLeftOut("db.default"); got != step.why {
			t.Errorf("%s: it is left out for %q, want %q", step.name, got, step.why)
		}
	}
	if len(c.services) != 0 {
		t.Errorf("%v is left", c.services)
	}
	c.Apply([]model.Change{leftOutService("default", "db", "bad"), leftOutSlice("default", "db", "db-1", "type FQDN")})
	c.close()
	if got := held() - before; got != 0 {
		t.Errorf("%v objects are held after the end", got)
	}
}

func TestTheCacheTakesEachKindForItself(t *testing.T) {
	counts := map[model.Kind]string{model.KindService: "headless", model.KindSlice: "endpointslice", model.KindNamespace: "namespace", model.KindNode: "node"}
	changes := map[model.Kind]model.Change{
		model.KindService:   headlessService("default", "db"),
		model.KindSlice:     readySlice("default", "db", "db-1", "10.0.0.1"),
		model.KindNamespace: model.NamespaceChange("default"),
		model.KindNode:      model.NodeChange(&model.Node{Name: unique.Make("n1")}),
	}
	for _, k := range append(model.Kinds(), 0) {
		c := newTestCache()
		c.whereabouts = newWhereabouts(place.Wanted{Addresses: true})
		before := make(map[model.Kind]float64)
		for counted, label := range counts {
			before[counted] = testutil.ToFloat64(objects.WithLabelValues(label))
		}
		change, known := changes[k]
		if !known {
			change = model.Change{Kind: k, Namespace: "default"}
		}
		c.Apply([]model.Change{change})
		for counted, label := range counts {
			want := 0.0
			if counted == k {
				want = 1
			}
			if got := testutil.ToFloat64(objects.WithLabelValues(label)) - before[counted]; got != want {
				t.Errorf("a change of the kind %v counts %v of the kind %v, want %v", k, got, counted, want)
			}
		}
		if known {
			c.Apply([]model.Change{change, change.Removal(), change.Removal()})
			if got := testutil.ToFloat64(objects.WithLabelValues(counts[k])) - before[k]; got != 0 {
				t.Errorf("after its removal %v of the kind %v are counted", got, k)
			}
			c.Apply([]model.Change{change})
		}
		if _, counted := counts[k]; k != 0 && !counted {
			t.Errorf("the kind %v is not known to this test", k)
		}
		c.close()
		if known {
			if got := testutil.ToFloat64(objects.WithLabelValues(counts[k])) - before[k]; got != 0 {
				t.Errorf("after the end %v of the kind %v are counted", got, k)
			}
		}
	}
}

// withNames returns the addresses of a set that have a name, sorted.
func withNames(set *records.Set) (all []netip.Addr) {
	for addr := range set.Without(nil) {
		if _, ok := set.Reverse(addr); ok {
			all = append(all, addr)
		}
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return all
}

// published returns the addresses of a Service, sorted, or "not served".
func published(c *cache, key string) string {
	set := c.set(key)
	if set == nil {
		return "not served"
	}
	return fmt.Sprint(withNames(set))
}

func newTestCache() *cache { return newCache(corefile.Settings{}, false) }

func TestTheCacheServesWhatWasAppliedLast(t *testing.T) {
	service := headlessService("default", "db")
	one, two := readySlice("default", "db", "db-1", "10.0.0.1"), readySlice("default", "db", "db-2", "10.0.0.2")
	for _, c := range []struct {
		name    string
		changes []model.Change
		want    string
	}{
		{"a Service before its slices", []model.Change{service, one, two}, "[10.0.0.1 10.0.0.2]"},
		{"slices before their Service", []model.Change{one, two, service}, "[10.0.0.1 10.0.0.2]"},
		{"slices without a Service", []model.Change{one}, "not served"},
		{"a Service without slices", []model.Change{service}, "[]"},
		{"a slice that changes", []model.Change{service, one, readySlice("default", "db", "db-1", "10.0.0.3")}, "[10.0.0.3]"},
		{"a slice that goes", []model.Change{service, one, two, one.Removal()}, "[10.0.0.2]"},
		{"a slice that goes twice", []model.Change{service, one, one.Removal(), one.Removal()}, "[]"},
		{"a Service that goes", []model.Change{service, one, service.Removal()}, "not served"},
		{"a Service that comes back finds its slices", []model.Change{service, one, service.Removal(), service}, "[10.0.0.1]"},
		{"the slice of another namespace", []model.Change{service, readySlice("other", "db", "db-1", "10.0.0.1")}, "[]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			together, apart := newTestCache(), newTestCache()
			together.Apply(c.changes)
			together.publish()
			for _, change := range c.changes {
				apart.Apply([]model.Change{change})
				apart.publish()
			}
			if got := published(together, "db.default"); got != c.want {
				t.Errorf("applied together: got %s, want %s", got, c.want)
			}
			if got := published(apart, "db.default"); got != c.want {
				t.Errorf("applied apart: got %s, want %s", got, c.want)
			}
			if len(apart.dirty) > 0 {
				t.Errorf("%d Services are still to be compiled", len(apart.dirty))
			}
		})
	}
}

func TestTheCacheForgetsWhatIsGone(t *testing.T) {
	c := newTestCache()
	changes := []model.Change{headlessService("default", "db"), readySlice("default", "db", "db-1", "10.0.0.1")}
	c.Apply(changes)
	c.publish()
	c.Apply([]model.Change{changes[0].Removal(), changes[1].Removal()})
	c.publish()
	if len(c.services) > 0 || c.serves("default") || len(c.holders(netip.MustParseAddr("10.0.0.1"))) > 0 {
		t.Errorf("it still holds %d Services", len(c.services))
	}
}

func TestNothingIsRememberedOfAnExternalName(t *testing.T) {
	c := newCache(corefile.Settings{Policy: health.Policy{FailOpen: 100}}, false)
	c.Synced()
	addresses := make([]string, 1000)
	for i := range addresses {
		addresses[i] = fmt.Sprintf("10.0.%d.%d", i/250, i%250)
	}
	up, down := readySlice("default", "db", "db-1", addresses...), readySlice("default", "db", "db-1", addresses...)
	for i := range down.Slice.Endpoints {
		down.Slice.Endpoints[i].Conditions = 0
	}
	for _, change := range []model.Change{headlessService("default", "db"), up, down} {
		c.Apply([]model.Change{change})
		c.publish()
	}
	if len(c.memories) != 1 {
		t.Fatalf("there is nothing to forget")
	}
	external := headlessService("default", "db")
	external.Service.Kind, external.Service.Target = model.ExternalName, "example.org."
	c.Apply([]model.Change{external, down.Removal()})
	c.publish()
	if len(c.memories)+len(c.due) != 0 {
		t.Errorf("%d memories and %d times are left", len(c.memories), len(c.due))
	}
}

func TestABadAnnotationDoesNotTakeItsServiceWithIt(t *testing.T) {
	c := newCache(corefile.Settings{Annotations: corefile.AllAnnotations}, false)
	service := headlessService("default", "db")
	service.Service.Annotations = model.NewAnnotations(map[string]string{"ttl": "soon", "max-answers": "1"})
	c.Apply([]model.Change{service, readySlice("default", "db", "db-1", "10.0.0.1")})
	c.publish()
	set := c.set("db.default")
	if set == nil || set.Len() != 1 || set.Declared().TTL != nil || *set.Declared().MaxAnswers != 1 {
		t.Errorf("got %+v", set)
	}
}

func TestAnAddressLeadsToEveryServiceThatPublishesIt(t *testing.T) {
	c := newTestCache()
	addr := netip.MustParseAddr("10.0.0.1")
	holders := func() string {
		var names []string
		for _, key := range c.holders(addr) {
			names = append(names, c.set(key).Service.Name)
		}
		return fmt.Sprint(names)
	}
	for _, step := range []struct {
		change model.Change
		want   string
	}{
		{headlessService("default", "a"), "[]"},
		{readySlice("default", "a", "a-1", "10.0.0.1"), "[a]"},
		{headlessService("default", "b"), "[a]"},
		{readySlice("default", "b", "b-1", "10.0.0.1", "10.0.0.2"), "[a b]"},
		{readySlice("default", "a", "a-1", "10.0.0.3"), "[b]"},
		{headlessService("default", "b").Removal(), "[]"},
		{headlessService("default", "b"), "[b]"},
	} {
		c.Apply([]model.Change{step.change})
		c.publish()
		if got := holders(); got != step.want {
			t.Errorf("after %+v: got %s, want %s", step.change, got, step.want)
		}
	}
}

func TestOnlySelectedNamespacesAreExposed(t *testing.T) {
	c := newCache(corefile.Settings{}, true)
	c.Apply([]model.Change{headlessService("default", "db"), readySlice("default", "db", "db-1", "10.0.0.1"), headlessService("other", "db")})
	for _, step := range []struct {
		change model.Change
		want   string
	}{
		{model.NamespaceChange("third"), "not served"},
		{model.NamespaceChange("default"), "[10.0.0.1]"},
		{model.NamespaceChange("default").Removal(), "not served"},
		{model.NamespaceChange("default"), "[10.0.0.1]"},
	} {
		c.Apply([]model.Change{step.change})
		c.publish()
		if got := published(c, "db.default"); got != step.want {
			t.Errorf("after %+v: got %s, want %s", step.change, got, step.want)
		}
		if c.serves("default") != (step.want != "not served") || c.serves("other") {
			t.Errorf("after %+v: the namespaces do not agree", step.change)
		}
	}
}

func TestNamespacesThatChangeTogether(t *testing.T) {
	c := newCache(corefile.Settings{}, true)
	c.Apply([]model.Change{headlessService("a", "db"), headlessService("b", "db"), headlessService("c", "db"), model.NamespaceChange("a"), model.NamespaceChange("c")})
	c.publish()
	c.Apply([]model.Change{model.NamespaceChange("a").Removal(), headlessService("b", "web"), model.NamespaceChange("b"), model.NamespaceChange("a"), model.NamespaceChange("c").Removal()})
	c.publish()
	for key, want := range map[string]bool{"db.a": true, "db.b": true, "web.b": true, "db.c": false} {
		if served := c.set(key) != nil; served != want {
			t.Errorf("%s is served: %v, want %v", key, served, want)
		}
	}
}

func TestSyncedComesAfterTheStateIsPublished(t *testing.T) {
	c := newTestCache()
	c.Apply([]model.Change{headlessService("default", "db"), readySlice("default", "db", "db-1", "10.0.0.1")})
	c.Synced()
	if c.isSynced() {
		t.Fatal("synced before anything is published")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	go c.run(ctx)
	select {
	case <-c.synced:
	case <-ctx.Done():
		t.Fatal("never synced")
	}
	if got := published(c, "db.default"); !c.isSynced() || got != "[10.0.0.1]" {
		t.Errorf("synced with %s", got)
	}
}

func TestWhatChangesNoAnswerChangesNoSerial(t *testing.T) {
	c := newTestCache()
	c.Apply([]model.Change{headlessService("default", "db"), readySlice("default", "db", "db-1", "10.0.0.1")})
	c.publish()
	c.modified.Store(1)

	again := readySlice("default", "db", "db-1", "10.0.0.1", "10.0.0.2")
	again.Slice.Endpoints[1].Conditions = 0
	c.Apply([]model.Change{again})
	c.publish()
	if c.modified.Load() != 1 {
		t.Error("an endpoint that is not published changed the serial")
	}
	if got := c.set("db.default").Tally().Tiers[health.Starting]; got != 1 {
		t.Errorf("%d endpoints are counted as starting, want 1", got)
	}
	set := c.set("db.default")
	c.Apply([]model.Change{again})
	c.publish()
	if c.set("db.default") != set {
		t.Error("what changes nothing at all changed the set")
	}
	c.Apply([]model.Change{readySlice("default", "db", "db-1", "10.0.0.1", "10.0.0.2")})
	c.publish()
	if c.modified.Load() == 1 || c.set("db.default") == set {
		t.Error("a new address did not change the set")
	}
}

func TestMetricsOfWhatIsHeld(t *testing.T) {
	held := func() [6]float64 {
		var values [6]float64
		for i, kind := range []string{"headless", "external_name", "endpointslice", "namespace"} {
			values[i] = testutil.ToFloat64(objects.WithLabelValues(kind))
		}
		for i, tier := range []string{"good", "draining"} {
			values[4+i] = testutil.ToFloat64(endpointsByTier.WithLabelValues(tier))
		}
		return values
	}
	before := held()
	c := newCache(corefile.Settings{}, true)
	slice := readySlice("default", "db", "db-1", "10.0.0.1", "10.0.0.2", "10.0.0.3")
	slice.Slice.Endpoints[2].Conditions = model.Serving | model.Terminating
	service := headlessService("default", "db")
	c.Apply([]model.Change{service, service, slice, slice, model.NamespaceChange("default"), model.NamespaceChange("default")})
	c.publish()
	if got, want := held(), sum(before, [6]float64{1, 0, 1, 1, 2, 1}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	c.close()
	if got := held(); got != before {
		t.Errorf("a closed cache left %v, want %v", got, before)
	}
}

func sum(a, b [6]float64) [6]float64 {
	for i := range a {
		a[i] += b[i]
	}
	return a
}

// observedLatencies counts those of Services with a selector.
func observedLatencies(t *testing.T) uint64 {
	t.Helper()
	return latencies(t).GetSampleCount()
}

func latencies(t *testing.T) *dto.Histogram {
	t.Helper()
	var m dto.Metric
	h, err := programmingDuration.GetMetricWithLabelValues("headless_with_selector")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.(interface{ Write(*dto.Metric) error }).Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetHistogram()
}

// The clock of who noted the change may be ahead. A histogram whose sum goes down
// looks like a restart.
func TestNoLatencyIsBelowZero(t *testing.T) {
	service := headlessService("default", "db")
	service.Service.HasSelector = true
	before := latencies(t)
	observeLatency(service.Service, time.Now().Add(time.Hour))
	after := latencies(t)
	if after.GetSampleCount() != before.GetSampleCount()+1 || after.GetSampleSum() != before.GetSampleSum() {
		t.Errorf("from %d with the sum %v to %d with %v", before.GetSampleCount(), before.GetSampleSum(), after.GetSampleCount(), after.GetSampleSum())
	}
}

// Two streams bring them, in any order.
func TestProgrammingLatencyOfASliceThatComesBeforeItsService(t *testing.T) {
	for name, c := range map[string]struct {
		before time.Duration
		want   uint64
	}{
		"just before":              {time.Second, 1},
		"long before, not as such": {time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			cache := newTestCache()
			cache.Synced()
			slice := readySlice("default", "db", "db-1", "10.0.0.1")
			slice.Slice.Triggered = model.MomentOf(time.Now().Add(-c.before))
			before := observedLatencies(t)
			cache.Apply([]model.Change{slice})
			cache.publish()
			service := headlessService("default", "db")
			service.Service.HasSelector = true
			cache.Apply([]model.Change{service})
			cache.publish()
			cache.publish()
			if got := observedLatencies(t) - before; got != c.want {
				t.Errorf("observed %d times, want %d", got, c.want)
			}
		})
	}
}

func TestProgrammingLatencyIsOfChangesAfterTheFirstState(t *testing.T) {
	observed := func() uint64 { return observedLatencies(t) }
	c := newTestCache()
	service := headlessService("default", "db")
	service.Service.HasSelector = true
	at := func(trigger time.Time, addr string) model.Change {
		s := readySlice("default", "db", "db-1", addr)
		s.Slice.Triggered = model.MomentOf(trigger)
		return s
	}
	before, now := observed(), time.Now()
	c.Apply([]model.Change{service, at(now, "10.0.0.1")})
	c.Synced()
	c.publish()
	if got := observed() - before; got != 0 {
		t.Errorf("the first state was observed %d times", got)
	}
	c.Apply([]model.Change{at(now.Add(time.Second), "10.0.0.2")})
	c.Apply([]model.Change{at(now.Add(2*time.Second), "10.0.0.3")})
	c.publish()
	c.Apply([]model.Change{at(now.Add(2*time.Second), "10.0.0.3")})
	c.publish()
	if got := observed() - before; got != 1 {
		t.Errorf("two changes compiled together were observed %d times", got)
	}
}

func TestTimeAloneChangesWhatIsPublished(t *testing.T) {
	s := corefile.Settings{Annotations: corefile.AllAnnotations}
	s.Policy.FailOpen = 50
	c := newCache(s, false)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c.now = func() time.Time { return now }
	four := func(c model.Conditions) model.Change {
		slice := readySlice("default", "db", "db-1", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4")
		for i := range 3 {
			slice.Slice.Endpoints[i].Conditions = c
		}
		return slice
	}
	step := func(want string) {
		t.Helper()
		c.publish()
		if got := published(c, "db.default"); got != want {
			t.Errorf("%v: got %s, want %s", now, got, want)
		}
	}
	c.Apply([]model.Change{headlessService("default", "db"), four(model.Ready | model.Serving)})
	c.Synced()
	step("[10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4]")
	if len(c.due) > 0 {
		t.Error("a Service without anything wrong is due")
	}
	c.Apply([]model.Change{four(0)})
	step("[10.0.0.4]")
	due, ok := c.nextDue()
	if want := now.Add(2 * time.Second); !ok || due != want {
		t.Errorf("due at %v, %v, want %v", due, ok, want)
	}
	now = now.Add(1999 * time.Millisecond)
	step("[10.0.0.4]")
	now = due
	step("[10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4]")
	if len(c.due) > 0 {
		t.Error("still due after the change")
	}
}
