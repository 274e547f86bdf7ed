package endpoints

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	golog "log"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	clog "github.com/coredns/coredns/plugin/pkg/log"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/reload"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/source"
)

// fakeSource reports that it has everything, and notes when it runs.
type fakeSource struct{ running chan bool }

func (f fakeSource) Run(ctx context.Context, r source.Receiver) {
	f.running <- true
	r.Synced()
	<-ctx.Done()
	f.running <- false
}

// newSubscription returns that of the only stanza of an instance.
func newSubscription(s *corefile.Stanza) *subscription {
	return &subscription{stanza: s, generation: new(reload.Generation[*subscription])}
}

func subscribe(key string) (*subscription, fakeSource) {
	f := fakeSource{make(chan bool, 2)}
	sub := newSubscription(&corefile.Stanza{Manifests: key})
	sub.opened = f
	return sub, f
}

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

// startFeed starts a feed for a stanza.
func startFeed(t *testing.T, s *corefile.Stanza) (*feed, *subscription, toldSource) {
	t.Helper()
	return startAs(t, newSubscription(s))
}

func startAs(t *testing.T, sub *subscription) (*feed, *subscription, toldSource) {
	t.Helper()
	from := newToldSource()
	sub.opened = from
	f, err := sub.start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sub.Stop)
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

// captureLog returns how many lines have a text.
func captureLog(t *testing.T) (count func(text string) int) {
	t.Helper()
	var out lockedBuffer
	golog.SetOutput(&out)
	t.Cleanup(clog.Discard)
	return func(text string) int { return strings.Count(out.String(), text) }
}

type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func TestAFirstListThatTakesLongIsLoggedOnce(t *testing.T) {
	logged := captureLog(t)
	f, _, from := startFeed(t, &corefile.Stanza{Manifests: "late"})
	f.wait(0)
	f.wait(0) // another stanza of the feed
	const late, complete = "Starting before the first list is complete", "The first list is complete"
	if logged(late) != 1 || logged(complete) != 0 {
		t.Errorf("logged %d times that it is late, %d times that it is complete", logged(late), logged(complete))
	}
	from.sync()
	eventually(t, func() error {
		if logged(complete) == 0 {
			return errors.New("it is not logged that the first list is complete")
		}
		return nil
	})
	f.wait(0)
	if logged(late) != 1 || logged(complete) != 1 {
		t.Errorf("logged %d times that it is late, %d times that it is complete", logged(late), logged(complete))
	}
}

// Stanzas with other options have feeds of their own, which read the same.
func TestABadAnnotationIsLoggedOnceByAllFeeds(t *testing.T) {
	logged := captureLog(t)
	bad := headlessService("default", "db")
	bad.Service.Annotations = model.NewAnnotations(map[string]string{"ttl": "soon"})
	good := headlessService("default", "db")
	const left, again = "Left out the Service annotation default/db", "The Service annotation default/db counts again"
	one, _, fromOne := startFeed(t, &corefile.Stanza{Manifests: "annotated"})
	two, _, fromTwo := startFeed(t, &corefile.Stanza{Manifests: "annotated", Settings: corefile.Settings{Explain: true}})
	if one == two {
		t.Fatal("there is one feed")
	}
	apply := func(change model.Change) {
		for _, from := range []toldSource{fromOne, fromTwo} {
			from.apply(change)
			from.sync() // the former step is over
		}
		fromOne.sync()
		fromTwo.sync()
	}
	apply(bad)
	apply(bad)
	if logged(left) != 1 || logged(again) != 0 {
		t.Errorf("logged %d times that it is left out, %d times that it counts again", logged(left), logged(again))
	}
	apply(good)
	if logged(left) != 1 || logged(again) != 1 {
		t.Errorf("logged %d times that it is left out, %d times that it counts again", logged(left), logged(again))
	}
}

func TestATargetThatTheCorefileDeniesIsLoggedOnce(t *testing.T) {
	logged := captureLog(t)
	s := rulesOf(t, "deny example.org")
	s.Manifests, s.Settings.FQDNSlices = "denied", true
	_, _, from := startFeed(t, s)
	apply := func(change model.Change) {
		from.apply(change)
		from.sync()
		from.sync()
	}
	seeds := model.SliceChange(&model.Slice{
		SliceKey: model.SliceKey{Namespace: "default", Name: "seeds-1"}, Service: "seeds",
		Names: &model.Names{Endpoints: []model.NamedEndpoint{{Name: "a.example.org."}, {Name: "a.example.net."}}},
	})
	const left, again = "Left out the ExternalName target default/pg: db.example.org: the Corefile does not let it lead there", "The ExternalName target default/pg counts again"
	for range 2 {
		apply(toOutside("pg", "db.example.org"))
		apply(seeds)
	}
	if logged(left) != 1 || logged(again) != 0 || logged("Left out the EndpointSlice name default/seeds-1: a.example.org: the Corefile") != 1 {
		t.Errorf("logged %d times that it is left out, %d times that it counts again", logged(left), logged(again))
	}
	apply(toOutside("pg", "db.example.net"))
	if logged(left) != 1 || logged(again) != 1 {
		t.Errorf("logged %d times that it is left out, %d times that it counts again", logged(left), logged(again))
	}
}

func TestStanzasOfOneSourceShareAFeed(t *testing.T) {
	first, source := subscribe("shared")
	second, unused := subscribe("shared")
	other, otherSource := subscribe("other")
	defer other.Stop()

	a, errA := first.start()
	b, errB := second.start()
	c, errC := other.start()
	if errA != nil || errB != nil || errC != nil {
		t.Fatal(errA, errB, errC)
	}
	if a != b || a == c {
		t.Error("the same source has two feeds, or two sources have one")
	}
	if !<-source.running || !<-otherSource.running {
		t.Error("a source does not run")
	}
	a.wait(10 * time.Second)
	if !a.cache.isSynced() {
		t.Error("the feed is not synced after the wait")
	}
	first.Stop()
	select {
	case <-source.running:
		t.Error("the source ended while a stanza held it")
	default:
	}
	second.Stop()
	if <-source.running {
		t.Error("the source did not end")
	}
	second.Stop()
	if len(unused.running) > 0 {
		t.Error("the second source ran")
	}
	if feeds.Runs(first.stanza.Key()) || !feeds.Runs(other.stanza.Key()) {
		t.Error("the feed runs that nobody holds, or the other one does not")
	}
}

func TestAReloadKeepsTheFeed(t *testing.T) {
	old, source := subscribe("reloaded")
	before, err := old.start()
	if err != nil {
		t.Fatal(err)
	}
	<-source.running
	// A reload starts the new generation before it stops the old one.
	renewed := newSubscription(old.stanza)
	if err := renewed.prepare(); err != nil || renewed.opened != nil {
		t.Fatalf("the source was opened again, or failed: %v", err)
	}
	after, err := renewed.start()
	if err != nil {
		t.Fatal(err)
	}
	old.Stop()
	if before != after || len(source.running) > 0 {
		t.Error("the reload began anew")
	}
	renewed.Stop()
	if <-source.running {
		t.Error("the source did not end")
	}
}

// kubeconfigFile has a user with a token.
const kubeconfigFile = `apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: k, user: u}}]
clusters: [{name: k, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: u, user: {token: %s}}]
`

func TestAReloadTakesUpAChangedKubeconfigFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kubeconfig")
	reload := func(token string) *subscription {
		t.Helper()
		if err := os.WriteFile(file, fmt.Appendf(nil, kubeconfigFile, token), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := corefile.Parse(controller("k8s_endpoints {\nkubeconfig " + file + "\n}"))
		if err != nil {
			t.Fatal(err)
		}
		sub := newSubscription(s)
		if err := sub.prepare(); err != nil {
			t.Fatal(err)
		}
		return sub
	}
	old, first, from := startAs(t, reload("one"))
	from.apply(headlessService("default", "db"))
	from.sync()
	old.wait(time.Hour)
	known := len(old.cache.served())
	same := reload("one")
	if same.opened != nil {
		t.Error("the same contents open another source")
	}
	changed := reload("two")
	if changed.opened == nil {
		t.Fatal("other contents open no source")
	}
	renewed, _, _ := startAs(t, changed)
	if renewed == old || renewed.origin != old.origin {
		t.Error("the feed is the old one, or one of another API server")
	}
	if got := len(renewed.cache.served()); got != known || known == 0 {
		t.Errorf("%d objects are served on, want %d", got, known)
	}
	first.Stop()
	if runningFeed(first.stanza.Key()) != nil || runningFeed(changed.stanza.Key()) != renewed {
		t.Error("the old feed did not end, or not alone")
	}
}

func TestWaitEndsWithoutAFirstState(t *testing.T) {
	f := &feed{cache: newTestCache()}
	f.wait(time.Millisecond)
}
