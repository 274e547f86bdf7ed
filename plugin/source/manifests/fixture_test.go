package manifests

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"github.com/fsnotify/fsnotify"
)

// deadline is how long a test waits for what must come. The promise is a
// second; a loaded machine gets more, so that only what never comes fails.
const deadline = 20 * time.Second

// receiver keeps what a Source reports, and watches that it keeps to the
// contract.
type receiver struct {
	mu      sync.Mutex
	state   model.State
	applies [][]model.Change
	synced  int
	wrong   []string
	changed chan struct{}
}

func newReceiver() *receiver { return &receiver{changed: make(chan struct{}, 1)} }

func (r *receiver) Apply(changes []model.Change) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.applies = append(r.applies, changes)
	for _, c := range changes {
		r.contract(c)
		r.state.Apply(c)
	}
	r.wake()
}

// contract holds a change to the contract.
func (r *receiver) contract(c model.Change) {
	switch c.Kind {
	case model.KindService:
		old := r.state.Services[c.Service.ServiceKey]
		r.demand(!c.Removed || old != nil, "removed what was not there: %v", c)
		r.demand(c.Removed || !reflect.DeepEqual(old, c.Service), "reported without a change: %v", c)
	case model.KindSlice:
		old := r.state.Slices[c.Slice.SliceKey]
		r.demand(!c.Removed || old != nil && old.Service == c.Slice.Service, "removed from a Service that it is not of: %v", c)
		r.demand(c.Removed || !reflect.DeepEqual(old, c.Slice), "reported without a change: %v", c)
		r.demand(c.Removed || old == nil || old.Service == c.Slice.Service, "changed its Service without being removed from the old one: %v", c)
		r.demand(c.Removed || c.Slice.Version > 0, "without a version: %v", c)
	case model.KindNamespace:
		_, old := r.state.Namespaces[c.Namespace]
		r.demand(old == c.Removed, "reported without a change: %v", c)
	case model.KindNode:
		old := r.state.Nodes[c.Node.Name.Value()]
		r.demand(!c.Removed || old != nil, "removed what was not there: %v", c)
		r.demand(c.Removed || old == nil || !old.Equal(c.Node), "reported without a change: %v", c)
	default:
		r.demand(false, "reported %v", c)
	}
}

func (r *receiver) demand(ok bool, format string, args ...any) {
	if !ok {
		r.wrong = append(r.wrong, fmt.Sprintf(format, args...))
	}
}

func (r *receiver) Synced() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.synced++
	r.wake()
}

func (r *receiver) wake() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// lines returns the state as sorted text, for comparing and for people.
func (r *receiver) lines() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return lines(r.state)
}

// await waits until the state is want.
func (r *receiver) await(t *testing.T, want string) {
	t.Helper()
	late := time.NewTimer(deadline)
	defer late.Stop()
	for r.lines() != want {
		select {
		case <-r.changed:
		case <-late.C:
			t.Fatalf("after %v the state is\n%s\nwant\n%s", deadline, r.lines(), want)
		}
	}
}

func (r *receiver) check(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, wrong := range r.wrong {
		t.Error(wrong)
	}
	if r.synced != 1 {
		t.Errorf("Synced was called %d times, want once", r.synced)
	}
}

// lines writes a state without versions: one line each, sorted.
func lines(s model.State) string {
	var text []string
	for _, service := range s.Services {
		if service.Refused != "" {
			text = append(text, fmt.Sprintf("Service %s is left out: %s", service.ServiceKey, service.Refused))
			continue
		}
		line := fmt.Sprintf("Service %s %s", service.ServiceKey, service.Kind)
		if service.HasSelector {
			line += " selects"
		}
		if service.Target != "" {
			line += " " + service.Target
		}
		if service.Address.IsValid() {
			line += " " + service.Address.String()
		}
		text = append(text, line+ports(service.Ports))
	}
	for _, slice := range s.Slices {
		if slice.Refused != "" {
			text = append(text, fmt.Sprintf("Slice %s of %s is left out: %s", leftOutName(slice), slice.Service, slice.Refused))
			continue
		}
		line := fmt.Sprintf("Slice %s of %s%s:", slice.SliceKey, slice.Service, ports(slice.Ports))
		for i := range slice.Endpoints {
			line += " " + endpoint(slice, &slice.Endpoints[i])
		}
		text = append(text, line)
	}
	for name := range s.Namespaces {
		text = append(text, "Namespace "+name)
	}
	for _, node := range s.Nodes {
		text = append(text, "Node "+node.Name.Value()+placed(" in ", node.Zone)+fmt.Sprintf(" %v %v", node.PodCIDRs, node.Addresses))
	}
	slices.Sort(text)
	return strings.Join(text, "\n")
}

// leftOutName shows of the place of a slice without a name the file and the line.
func leftOutName(slice *model.Slice) string {
	name, at := slice.Namespace+"/"+slice.Name, strings.LastIndexByte(slice.Name, filepath.Separator)
	if strings.HasPrefix(slice.Name, "(") && at >= 0 {
		name = slice.Namespace + "/(" + slice.Name[at+1:]
	}
	return name
}

func placed(word string, place model.Place) string {
	if place == (model.Place{}) {
		return ""
	}
	return word + place.Value()
}

func endpoint(slice *model.Slice, e *model.Endpoint) string {
	text := e.Address.String()
	if e.Hostname != "" {
		text += "=" + e.Hostname
	}
	if e.Pod != "" {
		text += "(" + e.Pod + ")"
	}
	if !e.Has(model.Ready) {
		text += "!"
	}
	text += placed(" in ", slice.ZoneOf(e)) + placed(" on ", slice.NodeOf(e))
	if e.Hints.Has(model.HintedZone) {
		text += " for its zone"
	}
	return text
}

func ports(ports []model.Port) string {
	text := ""
	for _, p := range ports {
		text += fmt.Sprintf(" %s/%d/%s", p.Name, p.Number, p.Protocol)
	}
	return text
}

// running is a Source that runs on a directory of the test.
type running struct {
	*receiver
	dir string
}

// run starts a Source on dir and stops it when the test ends.
func run(t *testing.T, dir string, opts Options) running {
	t.Helper()
	return runWith(t, dir, opts, fsnotify.NewWatcher)
}

func runWith(t *testing.T, dir string, opts Options, open func() (*fsnotify.Watcher, error)) running {
	t.Helper()
	s, err := New(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	s.newWatch = open
	r := running{newReceiver(), dir}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Run(ctx, r)
	}()
	t.Cleanup(func() {
		cancel()
		awaitClosed(t, ended, "Run goes on after its context is done")
		r.check(t)
	})
	r.awaitSynced(t)
	return r
}

func (r running) awaitSynced(t *testing.T) {
	t.Helper()
	late := time.NewTimer(deadline)
	defer late.Stop()
	for {
		r.mu.Lock()
		synced := r.synced > 0
		r.mu.Unlock()
		if synced {
			return
		}
		select {
		case <-r.changed:
		case <-late.C:
			t.Fatal("never synced")
		}
	}
}

func awaitClosed(t *testing.T, c <-chan struct{}, otherwise string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(deadline):
		t.Fatal(otherwise)
	}
}

// clock is the time of a Source whose test does not wait.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

// still is a Source that reads when the test says so.
type still struct {
	*Source
	*receiver
	clock *clock
}

func newStill(t testing.TB, dir string, opts Options) still {
	t.Helper()
	s, err := New(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	c := &clock{time.Now()}
	s.now, s.compared = c.now, c.at
	still := still{s, newReceiver(), c}
	s.report(still)
	return still
}

// look has the Source look at its files, as if it had been told that something
// has changed, but not what.
func (s still) look() {
	s.reread(&watcher{told: told{lost: true}})
	s.report(s)
}

// after lets time pass, and has the Source look at what is due then.
func (s still) after(d time.Duration) {
	s.clock.at = s.clock.at.Add(d)
	s.reread(&watcher{})
	s.report(s)
}

// settle lets so much time pass that everything counts that will.
func (s still) settle(t testing.TB) {
	t.Helper()
	s.look()
	for range 10 {
		due := s.due()
		if due == 0 {
			return
		}
		s.after(due)
	}
	t.Fatal("something is due again and again")
}

// want compares what was reported.
func (s still) want(t *testing.T, want string) {
	t.Helper()
	if got := s.lines(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, wrong := range s.wrong {
		t.Error(wrong)
	}
}

// write puts files into dir; each key is a path below it.
func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for path, content := range files {
		path = filepath.Join(dir, path)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(content), 0o644))
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// headless is the manifest of a headless Service without selector.
func headless(name string) string {
	return "apiVersion: v1\nkind: Service\nmetadata: {name: " + name + "}\nspec: {clusterIP: None}\n"
}

// external is the manifest of an ExternalName Service.
func external(name, target string) string {
	return "apiVersion: v1\nkind: Service\nmetadata: {name: " + name + "}\nspec: {type: ExternalName, externalName: " + target + "}\n"
}

// slice is the manifest of an EndpointSlice.
func slice(name, service string, addresses ...string) string {
	text := "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: " + name +
		"\n  labels: {kubernetes.io/service-name: " + service + "}\naddressType: IPv4\nendpoints:\n"
	for _, address := range addresses {
		text += "- addresses: [" + address + "]\n"
	}
	return text
}
