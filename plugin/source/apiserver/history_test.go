package apiserver

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"pgregory.net/rapid"
)

// history is what happened to a few objects, as an API server would tell it:
// states[v] has all objects after the v-th change, by kind and name.
type history struct {
	states []map[string]runtime.Object
}

func (h *history) last() int { return len(h.states) - 1 }

// view is one stream and how far it has come.
type view struct {
	stream *stream
	at     int
}

// forms has what an object of a history can become.
var serviceForms = map[string]func(name string, version int) runtime.Object{
	"headless":      func(n string, v int) runtime.Object { return headless(n, v) },
	"by hand":       func(n string, v int) runtime.Object { return byHand(n, v) },
	"external name": func(n string, v int) runtime.Object { return externalName(n, v) },
	"left out":      func(n string, v int) runtime.Object { return badName(n, v) },
	"cluster ip":    func(n string, v int) runtime.Object { return clusterIP(n, v) },
}

var sliceForms = map[string]func(name, service string, version int) runtime.Object{
	"main":      func(n, s string, v int) runtime.Object { return slice(n, s, v) },
	"trapped":   func(n, s string, v int) runtime.Object { return trapped(n, s, v) },
	"hand made": func(n, s string, v int) runtime.Object { return handMade(n, s, v) },
	"unusable":  func(n, s string, v int) runtime.Object { return unusable(n, s, v) },
}

func drawHistory(t *rapid.T) *history {
	h := &history{states: []map[string]runtime.Object{{}}}
	for range rapid.IntRange(0, 25).Draw(t, "changes") {
		state := maps.Clone(h.states[h.last()])
		name, obj := drawChange(t, len(h.states))
		if obj == nil {
			delete(state, name)
		} else {
			state[name] = obj
		}
		h.states = append(h.states, state)
	}
	return h
}

// drawChange returns the new state of an object, nil where it is deleted.
// Resource versions are ten times the place in the history.
func drawChange(t *rapid.T, at int) (string, runtime.Object) {
	service := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "service")
	deleted := rapid.IntRange(0, 5).Draw(t, "fate") == 0
	if rapid.Bool().Draw(t, "of a Service") {
		form := rapid.SampledFrom(slices.Sorted(maps.Keys(serviceForms))).Draw(t, "form")
		if deleted {
			return "service " + service, nil
		}
		return "service " + service, serviceForms[form](service, at*10)
	}
	name := rapid.SampledFrom([]string{"s", "t", "u"}).Draw(t, "slice")
	form := rapid.SampledFrom(slices.Sorted(maps.Keys(sliceForms))).Draw(t, "form")
	if deleted {
		return "slice " + name, nil
	}
	return "slice " + name, sliceForms[form](name, service, at*10)
}

// in reports whether an API server has an object in what a stream asks for.
func in(s *stream, obj runtime.Object) bool {
	if obj == nil || reflect.TypeOf(obj) != reflect.TypeOf(s.query.example) {
		return false
	}
	return s.query.labels.Matches(labels.Set(obj.(metav1.Object).GetLabels()))
}

// versioned is an object as a delete event has it: the last state that was in
// the stream, at the version of the change.
func versioned(obj runtime.Object, version int) runtime.Object {
	obj = obj.DeepCopyObject()
	obj.(metav1.Object).SetResourceVersion(fmt.Sprint(version))
	return obj
}

// deliver gives a stream what the next change means to it.
func (h *history) deliver(sc *scene, v *view) {
	before, after := h.states[v.at], h.states[v.at+1]
	v.at++
	for _, name := range slices.Sorted(maps.Keys(mergedKeys(before, after))) {
		was, is := before[name], after[name]
		if was == is {
			continue
		}
		switch {
		case in(v.stream, is) && in(v.stream, was):
			sc.update(v.stream, is)
		case in(v.stream, is):
			sc.add(v.stream, is)
		case in(v.stream, was):
			sc.delete(v.stream, versioned(was, v.at*10))
		}
	}
}

func mergedKeys(a, b map[string]runtime.Object) map[string]bool {
	keys := make(map[string]bool)
	for name := range a {
		keys[name] = true
	}
	for name := range b {
		keys[name] = true
	}
	return keys
}

// relist gives a stream a list instead of the events up to some version.
func (h *history) relist(sc *scene, v *view, at int) {
	v.at = at
	var objects []runtime.Object
	for _, obj := range h.states[at] {
		if in(v.stream, obj) {
			objects = append(objects, obj)
		}
	}
	sc.list(v.stream, at*10, objects...)
}

// throughout returns the objects that may not be missing for a moment, from some
// state on: Services, whatever their types, and slices that stay with their
// Service and in their stream, or get the headless label while their Service is
// headless.
func (h *history) throughout(from int) []string {
	var names []string
	for name := range h.states[from] {
		if h.stays(name, from) {
			names = append(names, name)
		}
	}
	return names
}

func (h *history) stays(name string, from int) bool {
	for at, state := range h.states[from:] {
		if shown(state[name]) == "" {
			return false
		}
		if at == 0 {
			continue
		}
		before, after := h.states[from+at-1][name], state[name]
		s, ok := after.(*discoveryv1.EndpointSlice)
		if !ok {
			continue
		}
		if ownerOf(before.(*discoveryv1.EndpointSlice)) != ownerOf(s) || class(before) != class(after) && (class(before) != unlabelledClass || class(after) != labelledClass) {
			return false
		}
	}
	s, ok := h.states[from][name].(*discoveryv1.EndpointSlice)
	if !ok || class(s) != unlabelledClass {
		return true
	}
	for _, state := range h.states[from:] {
		if service, ok := state["service "+ownerOf(s).Name].(*corev1.Service); !ok || service.Spec.ClusterIP != corev1.ClusterIPNone {
			return false
		}
	}
	return true
}

// The classes of slices: the streams that they are in.
const (
	otherClass = iota
	labelledClass
	unlabelledClass
)

func class(obj runtime.Object) int {
	set := labels.Set(obj.(metav1.Object).GetLabels())
	switch {
	case parsed(headlessLabels).Matches(set):
		return labelledClass
	case parsed(unlabelledLabels).Matches(set):
		return unlabelledClass
	}
	return otherClass
}

// served is how an object is reported if a stream has it that always runs, empty if
// none has.
func served(sc *scene, obj runtime.Object) string {
	for _, s := range sc.all() {
		if in(s, obj) {
			return shown(obj)
		}
	}
	return ""
}

func shown(obj runtime.Object) string {
	alone := newReceiver()
	switch obj := obj.(type) {
	case nil:
		return ""
	case *corev1.Service:
		s, _ := model.NewService(obj)
		if s == nil {
			return ""
		}
		alone.apply(model.ServiceChange(s))
	case *discoveryv1.EndpointSlice:
		s, _ := model.NewSlice(obj)
		if s == nil {
			return ""
		}
		alone.apply(model.SliceChange(s))
	}
	return alone.stateLocked()
}

// play is one run of a history: the streams get on by turns, as drawn.
type play struct {
	*scene
	history *history
	views   []*view
	// shown has the states that the stream of Services has shown.
	shown []int
	// searched is true after the search for slices without the label.
	searched bool
	// known counts the streams of the fallback that have a view.
	known int
}

func (p *play) level() bool {
	for _, v := range p.views {
		if v.at != p.history.last() {
			return false
		}
	}
	return true
}

// newest is the newest state that any stream has shown. What is asked for anew
// is not older.
func (p *play) newest() int {
	newest := 0
	for _, v := range p.views {
		newest = max(newest, v.at)
	}
	return newest
}

// search tells the join the owners of the slices without the headless label.
func (p *play) search(at int) {
	selector := parsed(unlabelledLabels)
	var page metav1.PartialObjectMetadataList
	for _, obj := range p.history.states[at] {
		if s, ok := obj.(*discoveryv1.EndpointSlice); ok && selector.Matches(labels.Set(s.Labels)) {
			page.Items = append(page.Items, metav1.PartialObjectMetadata{ObjectMeta: s.ObjectMeta})
		}
	}
	p.join.found(owners(&page))
	if !p.searched {
		p.join.searched()
	}
	p.searched = true
	p.after(0)
}

func (p *play) note(v *view) {
	if v.stream == p.services {
		p.shown = append(p.shown, v.at)
	}
}

// follow gives new streams of the fallback a view, and takes it from ended ones.
func (p *play) follow(at int) {
	p.views = slices.DeleteFunc(p.views, func(v *view) bool {
		return slices.ContainsFunc(p.opened, func(o *opening) bool { return o.ended && o.stream == v.stream })
	})
	for ; p.known < len(p.opened); p.known++ {
		o := p.opened[p.known]
		if o.ended {
			continue
		}
		v := &view{stream: o.stream}
		p.views = append(p.views, v)
		p.history.relist(p.scene, v, at)
	}
}

func (p *play) turn(t *rapid.T) {
	v := rapid.SampledFrom(p.views).Draw(t, "stream")
	if v.at == p.history.last() {
		return
	}
	if rapid.IntRange(0, 9).Draw(t, "event") == 0 {
		p.history.relist(p.scene, v, rapid.IntRange(v.at, p.history.last()).Draw(t, "list at"))
	} else {
		p.history.deliver(p.scene, v)
	}
	p.note(v)
	p.after(0)
	if !p.searched && rapid.Bool().Draw(t, "search") {
		p.search(rapid.IntRange(p.newest(), p.history.last()).Draw(t, "search at"))
	}
	p.follow(rapid.IntRange(p.newest(), p.history.last()).Draw(t, "list of the fallback at"))
}

// expectNoGap finds fault with each state that lacks an object which was there
// after the first lists and is in some stream at all times.
func (p *play) expectNoGap(first int) {
	var always []string
	for _, name := range p.history.throughout(first) {
		if p.receiver.has(name) {
			always = append(always, name)
		}
	}
	p.receiver.afterApply = func(r *receiver) {
		for _, name := range always {
			if !r.hasLocked(name) {
				r.fault("the %s was missing for a moment", name)
			}
		}
	}
}

// finish brings all streams to the end, and lets all waiting times pass.
func (p *play) finish() {
	for _, v := range p.views {
		for v.at < p.history.last() {
			p.history.deliver(p.scene, v)
			p.note(v)
		}
	}
	if !p.searched {
		p.search(p.history.last())
	}
	for range 4 {
		p.after(fallbackPause)
		p.follow(p.history.last())
	}
}

// wantFinal holds the reported state against the last one of the history.
// Trapped slices are reported where their headless Service has no others or was
// seen to become headless after them, and may be where the Service is in need.
func (p *play) wantFinal(t *rapid.T) {
	last := p.history.states[p.history.last()]
	var must, may []string
	for _, obj := range last {
		if text := served(p.scene, obj); text != "" {
			must = append(must, text)
		}
	}
	for _, obj := range last {
		s, ok := obj.(*discoveryv1.EndpointSlice)
		if !ok || served(p.scene, obj) != "" || shown(obj) == "" {
			continue
		}
		owner := s.Labels[discoveryv1.LabelServiceName]
		service, _ := last["service "+owner].(*corev1.Service)
		switch {
		case p.wasTrapped("slice "+s.Name, owner):
			must = append(must, shown(obj))
		case service == nil || service.Spec.ClusterIP != corev1.ClusterIPNone:
		case len(service.Spec.Selector) > 0 && !slices.ContainsFunc(must, func(text string) bool { return strings.Contains(text, " of "+owner+" ") && !p.onlyFallback(text) }):
			must = append(must, shown(obj))
		default:
			may = append(may, shown(obj))
		}
	}
	p.compare(t, must, may)
}

// wasTrapped reports whether a slice has been without the label since before its
// Service became headless, for the last time, and whether the stream of Services
// could see that it did: the Service was there before, and no list has skipped
// that.
func (p *play) wasTrapped(name, owner string) bool {
	entry := len(p.history.states)
	for entry > 0 && p.selecting(owner, entry-1) && p.trapped(name, owner, entry-1) {
		entry--
	}
	if entry > p.history.last() || p.selecting(owner, entry-1) {
		return false
	}
	before := -1
	for _, at := range p.shown {
		if at < entry {
			before = max(before, at)
		}
	}
	return before < 0 || p.history.states[before]["service "+owner] != nil && !p.selecting(owner, before)
}

// selecting reports whether a Service was headless with a selector.
func (p *play) selecting(name string, at int) bool {
	if at < 0 {
		return false
	}
	s, ok := p.history.states[at]["service "+name].(*corev1.Service)
	return ok && s.Spec.ClusterIP == corev1.ClusterIPNone && len(s.Spec.Selector) > 0
}

func (p *play) trapped(name, owner string, at int) bool {
	s, ok := p.history.states[at][name].(*discoveryv1.EndpointSlice)
	return ok && s.Labels[discoveryv1.LabelServiceName] == owner && parsed(unlabelledLabels).Matches(labels.Set(s.Labels))
}

// onlyFallback tells a slice that only the fallback has by its state's text.
func (p *play) onlyFallback(text string) bool {
	for _, obj := range p.history.states[p.history.last()] {
		if shown(obj) == text {
			return served(p.scene, obj) == ""
		}
	}
	return false
}

func (p *play) compare(t *rapid.T, must, may []string) {
	got := strings.Split(p.receiver.state(), ", ")
	for _, text := range must {
		if !slices.Contains(got, text) {
			t.Errorf("%q is missing in the state %q", text, got)
		}
	}
	for _, text := range got {
		if text != "" && !slices.Contains(must, text) && !slices.Contains(may, text) {
			t.Errorf("%q is in the state, but should not be; wanted %q", text, must)
		}
	}
}

// TestAnyOrderOfEventsEndsInTheSameState plays random histories over the
// streams in random orders.
func TestAnyOrderOfEventsEndsInTheSameState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &play{scene: newScene(t), history: drawHistory(t)}
		first := rapid.IntRange(0, p.history.last()).Draw(t, "first list at")
		for _, s := range p.all() {
			v := &view{stream: s}
			p.views = append(p.views, v)
			p.history.relist(p.scene, v, rapid.IntRange(first, p.history.last()).Draw(t, "first list of a stream"))
			p.note(v)
		}
		p.join.unsearched = 1
		p.after(0)
		p.follow(rapid.IntRange(p.newest(), p.history.last()).Draw(t, "first list of the fallback at"))
		p.expectNoGap(first)
		for range rapid.IntRange(0, 80).Draw(t, "turns") {
			p.turn(t)
			if p.level() {
				p.after(fallbackPause)
				p.follow(p.history.last())
			}
		}
		p.finish()
		p.wantFinal(t)
		p.end()
	})
}
