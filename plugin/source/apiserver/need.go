package apiserver

import (
	"slices"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// A Service that went from ClusterIP through ExternalName to headless keeps
// slices without the headless label, and so no other stream brings them. The
// EndpointSlice controller labels each slice when an endpoint in it changes or
// goes: some may have the label while others lack it. Such a Service is in need
// of the fallback: one more stream, of all slices that the controller made for the
// Services in need, until none of them lacks the label. There are three signs of
// need:
//
//   - A slice without the label names the Service. All of these are asked for
//     once, after the first lists (search.go).
//   - The Service enters the headless ones after that and was not just made, as
//     the event of the watch says: then it has changed its type.
//   - It has no slice, while the controller gives each headless Service with a
//     selector at least one.
//
// The stream shows a slice also once it has got the label: then the slice is
// handed over to the labelled stream, without a moment in which it is in neither.
//
// What the stream asks for is settled when it begins. For a Service that comes to
// be in need later it begins anew: what the others have stays meanwhile, and its
// list is compared with it.

const (
	// sliceTime is how long a Service may have no slice: the controller makes
	// the slices of a new one a moment after it.
	sliceTime = 250 * time.Millisecond
	// fallbackPause is the least time from one beginning of a fallback's stream to
	// the next: Services that come to be in need one after the other share a list.
	fallbackPause = time.Second
)

// fallback is the stream for the Services in need of one Namespace, or of all.
type fallback struct {
	input *input
	// labelled is the input of the slices with the headless label.
	labelled *input
	needs    map[model.ServiceKey]*need
	// open returns a stream for the Services in need. It must not block.
	open func(services []string) *follower

	// running is nil where no stream runs, ending that one which is to end.
	running, ending *follower
	began           time.Time
	// begun counts the streams so far, listed those up to the last that has its list.
	begun, listed int
}

// A follower is one stream of a fallback.
type follower struct {
	// run watches until the follower is cancelled.
	run, cancel func()
}

// need is what a fallback knows of a Service.
type need struct {
	// since is the number of the first stream that asks for the Service.
	since int
	// slices are those that belong to the stream.
	slices map[key]struct{}
}

// addFallback makes the fallback of a Namespace, or of all where that is empty.
func (j *join) addFallback(namespace string, labelled *input) *fallback {
	j.mu.Lock()
	defer j.mu.Unlock()
	f := &fallback{input: &input{table: j.slices}, labelled: labelled, needs: make(map[model.ServiceKey]*need)}
	f.input.fallback = f
	j.fallbacks[namespace] = f
	return f
}

// fallback returns the one for the Services of a Namespace.
func (j *join) fallback(namespace string) *fallback {
	if f := j.fallbacks[""]; f != nil {
		return f
	}
	return j.fallbacks[namespace]
}

// needOf returns the need of a Service, nil where it has none.
func (j *join) needOf(service model.ServiceKey) *need {
	if f := j.fallback(service.Namespace); f != nil {
		return f.needs[service]
	}
	return nil
}

// isInNeed reports whether a Service is in need, so that its slices are read which
// a fallback shows.
func (j *join) isInNeed(service model.ServiceKey) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.needOf(service) != nil
}

func (f *fallback) wants(o *object) bool {
	return f.needs[model.ServiceKey{Namespace: o.namespace(), Name: o.owner}] != nil
}

// need notes that a Service may have slices without the label. Before the first
// lists all Services are new: the search that follows will tell.
func (j *join) need(service model.ServiceKey) {
	f := j.fallback(service.Namespace)
	if f == nil || j.syncBy.IsZero() || f.needs[service] != nil {
		return
	}
	f.needs[service] = &need{since: f.begun + 1}
	delete(j.lacking, service)
	j.rouse()
}

// expectSlice notes that a Service should have a slice. Before the first lists
// nothing can be told missing.
func (j *join) expectSlice(service model.ServiceKey) {
	if j.syncBy.IsZero() || j.count[service] > 0 || j.needOf(service) != nil {
		return
	}
	if _, ok := j.lacking[service]; !ok {
		j.lacking[service] = j.clock.Now().Add(sliceTime)
		j.rouse()
	}
}

// needSlices looks at all Services once the first lists are there: what has no
// slice now is in need at once.
func (j *join) needSlices() {
	for k, rec := range j.services.records {
		service, err := model.NewServiceKey(k.namespace(), k.name)
		if err == nil && rec.selecting && j.count[service] == 0 {
			j.need(service)
		}
	}
}

// found takes the Services that slices without the headless label name. Those
// that should have the label are in need.
func (j *join) found(owners []model.ServiceKey) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, service := range owners {
		if j.selects(service) {
			j.need(service)
		}
	}
}

// searched notes that the search in one Namespace is over, or has failed and
// holds nothing up any more.
func (j *join) searched() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.unsearched--
	j.rouse()
}

// noteMove takes note of what an object was before and is after, where that
// matters to a need.
func (j *join) noteMove(k key, before, after record) {
	if before.input != nil && before.input.fallback != nil {
		if n := j.needOf(before.ownerOf(k)); n != nil {
			delete(n.slices, k)
		}
	}
	if after.input != nil && after.input.fallback != nil {
		n := j.needOf(after.ownerOf(k))
		if n.slices == nil {
			n.slices = make(map[key]struct{})
		}
		n.slices[k] = struct{}{}
	}
	for _, rec := range []record{before, after} {
		if rec.owner != "" {
			j.settle(rec.ownerOf(k))
		}
	}
}

// settle ends the need of a Service once the fallback has shown what there is of
// it, all of that has the label, and a slice is served. Without the last, only the
// end of such a slice would be a sign of need again.
func (j *join) settle(service model.ServiceKey) {
	f, n := j.fallback(service.Namespace), j.needOf(service)
	if n == nil || len(n.slices) > 0 || f.listed < n.since {
		return
	}
	if j.count[service] > 0 || !j.selects(service) {
		j.endNeed(service)
	}
}

// endNeed ends the need of a Service, if there is one. Slices that only the
// fallback shows go with it.
func (j *join) endNeed(service model.ServiceKey) {
	n := j.needOf(service)
	if n == nil {
		return
	}
	delete(j.fallback(service.Namespace).needs, service)
	for k := range n.slices {
		j.forget(j.slices, k)
	}
	j.rouse()
}

// noteFallback notes that the stream of a fallback has its list.
func (j *join) noteFallback(f *fallback) {
	f.listed = f.begun
	for service := range f.needs {
		j.settle(service)
	}
	j.rouse()
}

// noteEnd notes that a stream of a fallback runs no more.
func (j *join) noteEnd(f *fallback) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f.running, f.ending = nil, nil
	j.rouse()
}

// complete reports whether each Service in need was asked for, and the list is
// there.
func (f *fallback) complete() bool {
	for _, n := range f.needs {
		if f.listed < n.since {
			return false
		}
	}
	return true
}

// lags reports whether a Service came to be in need after the stream began that
// runs.
func (f *fallback) lags() bool {
	for _, n := range f.needs {
		if f.begun < n.since {
			return true
		}
	}
	return false
}

// services returns the names of the Services in need, sorted.
func (f *fallback) services() []string {
	names := make([]string, 0, len(f.needs))
	for service := range f.needs {
		names = append(names, service.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// advance begins and ends streams as the needs want it. It returns the stream that
// is to be run, and where a stream has to wait for its beginning until when; zero
// is not at all.
func (f *fallback) advance(now time.Time) (begins *follower, wait time.Time) {
	wants := f.running == nil && len(f.needs) > 0 || f.running != nil && f.listed == f.begun && f.lags()
	due := f.began.Add(fallbackPause)
	switch {
	case f.ending != nil:
	case f.running != nil && len(f.needs) == 0:
		f.end()
	case !wants:
	case now.Before(due):
		return nil, due
	case f.running != nil:
		f.end()
	default:
		f.begun++
		f.began = now
		f.running = f.open(f.services())
		return f.running, time.Time{}
	}
	return nil, time.Time{}
}

func (f *fallback) end() {
	f.ending = f.running
	f.ending.cancel()
}
