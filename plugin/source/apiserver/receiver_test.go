package apiserver

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// tester is what *testing.T and *rapid.T have in common.
type tester interface {
	Helper()
	Error(args ...any)
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// receiver is a Receiver that keeps what it is told and finds fault with what
// no source may tell.
type receiver struct {
	mu         sync.Mutex
	services   map[string]*model.Service
	slices     map[string]*model.Slice
	namespaces map[string]bool
	nodes      map[string]*model.Node
	applied    [][]model.Change
	synced     int
	faults     []string
	changed    chan struct{}
	// afterApply looks at the state after each Apply.
	afterApply func(r *receiver)
}

func newReceiver() *receiver {
	return &receiver{
		services:   make(map[string]*model.Service),
		slices:     make(map[string]*model.Slice),
		namespaces: make(map[string]bool),
		nodes:      make(map[string]*model.Node),
		changed:    make(chan struct{}),
	}
}

func (r *receiver) Apply(changes []model.Change) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(changes) == 0 {
		r.fault("Apply without changes")
	}
	r.applied = append(r.applied, changes)
	for _, c := range changes {
		r.apply(c)
	}
	if r.afterApply != nil {
		r.afterApply(r)
	}
	r.tell()
}

func (r *receiver) apply(c model.Change) {
	switch {
	case c.Kind == model.KindService && c.Removed:
		delete(r.services, c.Service.String())
	case c.Kind == model.KindService:
		r.services[c.Service.String()] = c.Service
	case c.Kind == model.KindSlice && c.Removed:
		if known := r.slices[c.Slice.String()]; known == nil || known.Service != c.Slice.Service {
			r.fault("removal of the slice %s of the Service %q, which has no such slice", c.Slice, c.Slice.Service)
		}
		delete(r.slices, c.Slice.String())
	case c.Kind == model.KindSlice:
		if known := r.slices[c.Slice.String()]; known != nil && known.Service != c.Slice.Service {
			r.fault("the slice %s went from the Service %q to %q without a removal", c.Slice, known.Service, c.Slice.Service)
		}
		r.slices[c.Slice.String()] = c.Slice
	case c.Kind == model.KindNamespace && c.Removed:
		delete(r.namespaces, c.Namespace)
	case c.Kind == model.KindNamespace:
		r.namespaces[c.Namespace] = true
	case c.Kind == model.KindNode && c.Removed:
		if r.nodes[c.Node.Name.Value()] == nil {
			r.fault("removal of the Node %s, which is not there", c.Node.Name.Value())
		}
		delete(r.nodes, c.Node.Name.Value())
	case c.Kind == model.KindNode:
		if known := r.nodes[c.Node.Name.Value()]; known != nil && known.Equal(c.Node) {
			r.fault("a heartbeat of the Node %s", c.Node.Name.Value())
		}
		r.nodes[c.Node.Name.Value()] = c.Node
	default:
		r.fault("a change of %v", c)
	}
}

func (r *receiver) Synced() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.synced++
	r.tell()
}

func (r *receiver) fault(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

func (r *receiver) tell() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// state is everything in one line: Services with their kind or target, slices
// with their Service and version, Namespaces, and why an object is left out.
func (r *receiver) state() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stateLocked()
}

func (r *receiver) stateLocked() string {
	var parts []string
	for name, s := range r.services {
		switch {
		case s.Refused != "":
			parts = append(parts, name+" left out ("+s.Refused+")")
		case s.Kind == model.ExternalName:
			parts = append(parts, name+" -> "+s.Target)
		default:
			parts = append(parts, name+" headless")
		}
	}
	for name, s := range r.slices {
		part := fmt.Sprintf("slice %s of %s at %d", name, s.Service, s.Version)
		if s.Refused != "" {
			part += " left out (" + s.Refused + ")"
		}
		parts = append(parts, part)
	}
	for name := range maps.Keys(r.namespaces) {
		parts = append(parts, "namespace "+name)
	}
	for _, n := range r.nodes {
		parts = append(parts, fmt.Sprintf("node %s%s %v %v", n.Name.Value(), inZone(n.Zone), n.PodCIDRs, n.Addresses))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

func inZone(zone model.Place) string {
	if zone == (model.Place{}) {
		return ""
	}
	return " in " + zone.Value()
}

// has reports whether an object is there, by kind and name in the namespace n.
func (r *receiver) has(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hasLocked(name)
}

func (r *receiver) hasLocked(name string) bool {
	if service, ok := strings.CutPrefix(name, "service "); ok {
		return r.services["n/"+service] != nil
	}
	return r.slices["n/"+strings.TrimPrefix(name, "slice ")] != nil
}

func (r *receiver) calls() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.applied)
}

func (r *receiver) syncs() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.synced
}

// check fails the test where a source told what it may not tell.
func (r *receiver) check(t tester) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, fault := range r.faults {
		t.Error(fault)
	}
}

// deadline is how long a test waits for what has to come.
const deadline = 20 * time.Second

// until waits until the condition holds after something was told.
func (r *receiver) until(t tester, what string, holds func() bool) {
	t.Helper()
	timeout := time.After(deadline)
	for {
		r.mu.Lock()
		changed := r.changed
		r.mu.Unlock()
		if holds() {
			return
		}
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("%s did not come about; the state is: %s", what, r.state())
		}
	}
}

func (r *receiver) untilState(t tester, want string) {
	t.Helper()
	r.until(t, "the state "+want, func() bool { return r.state() == want })
}

// eventually waits for a condition that nothing tells of.
func eventually(t tester, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(deadline)
	for !holds() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("%s did not come about", what)
		}
	}
}
