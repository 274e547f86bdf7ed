package workload

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A Target is a Service whose endpoints change their readiness. Changes of
// different slices may be made at the same time.
type Target struct {
	Service Service
	slices  []*targetSlice
	writer  *Writer
}

type targetSlice struct {
	sync.Mutex
	*discoveryv1.EndpointSlice
}

// Target makes all endpoints of the Service ready, and returns it.
func (w *Writer) Target(ctx context.Context, s Service) (*Target, error) {
	t := &Target{Service: s, writer: w}
	for i := range (s.Endpoints + PerSlice - 1) / PerSlice {
		slice, err := w.clients.DiscoveryV1().EndpointSlices(Namespace).Get(ctx, s.sliceName(i), metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		for e := range slice.Endpoints {
			setReady(&slice.Endpoints[e], true)
		}
		t.slices = append(t.slices, &targetSlice{EndpointSlice: slice})
		if err := t.slices[i].write(ctx, w); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func setReady(e *discoveryv1.Endpoint, ready bool) {
	serving := ready
	e.Conditions.Ready, e.Conditions.Serving = &ready, &serving
}

func (t *targetSlice) write(ctx context.Context, w *Writer) error {
	written, err := w.clients.DiscoveryV1().EndpointSlices(Namespace).Update(ctx, t.EndpointSlice, metav1.UpdateOptions{})
	if err == nil {
		t.EndpointSlice = written
	}
	return err
}

// A Change is that of one endpoint's readiness.
type Change struct {
	Endpoint int
	Ready    bool
}

// Nth returns the n-th of an endless row of changes: one endpoint of each slice
// in turn, each in another slice than the one before, all of them to unready and
// then all of them to ready again.
func (t *Target) Nth(n int) Change {
	count := t.Service.Endpoints
	slices := len(t.slices)
	round, n := n/count, n%count
	if count%PerSlice != 0 {
		return Change{Endpoint: n, Ready: round%2 == 1}
	}
	return Change{Endpoint: n%slices*PerSlice + n/slices, Ready: round%2 == 1}
}

// Make writes the change, and returns the version that the slice has after it.
func (t *Target) Make(ctx context.Context, c Change) (version string, err error) {
	slice := t.slices[c.Endpoint/PerSlice]
	slice.Lock()
	defer slice.Unlock()
	setReady(&slice.Endpoints[c.Endpoint%PerSlice], c.Ready)
	if err := slice.write(ctx, t.writer); err != nil {
		return "", err
	}
	return slice.ResourceVersion, nil
}

// Pretend calls tell with the slice as the change would make it, and writes
// nothing.
func (t *Target) Pretend(c Change, tell func(*discoveryv1.EndpointSlice) error) error {
	slice := t.slices[c.Endpoint/PerSlice]
	slice.Lock()
	defer slice.Unlock()
	setReady(&slice.Endpoints[c.Endpoint%PerSlice], c.Ready)
	version, err := strconv.ParseUint(slice.ResourceVersion, 10, 64)
	if err != nil {
		return err
	}
	slice.ResourceVersion = strconv.FormatUint(version+1, 10)
	slice.Generation++
	return tell(slice.EndpointSlice)
}

// A Watch notes when a client without any work to do hears of the slices of a
// Service.
type Watch struct {
	cancel context.CancelFunc
	done   chan struct{}
	mu     sync.Mutex
	heard  map[string]time.Time
}

// Watch starts one. The caller calls Stop.
func (t *Target) Watch(ctx context.Context) (*Watch, error) {
	options := metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + t.Service.Name}
	client := t.writer.clients.DiscoveryV1().EndpointSlices(Namespace)
	list, err := client.List(ctx, options)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	options.ResourceVersion = list.ResourceVersion
	stream, err := client.Watch(ctx, options)
	if err != nil {
		cancel()
		return nil, err
	}
	w := &Watch{cancel: cancel, done: make(chan struct{}), heard: make(map[string]time.Time)}
	go func() {
		defer close(w.done)
		defer stream.Stop()
		for event := range stream.ResultChan() {
			now := time.Now()
			if slice, ok := event.Object.(*discoveryv1.EndpointSlice); ok {
				w.mu.Lock()
				w.heard[slice.ResourceVersion] = now
				w.mu.Unlock()
			}
		}
	}()
	return w, nil
}

// Stop ends the watch.
func (w *Watch) Stop() {
	w.cancel()
	<-w.done
}

var errNotHeard = errors.New("the watch has not told of it")

// Heard returns when the watch had an event of the version.
func (w *Watch) Heard(version string) (time.Time, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at, ok := w.heard[version]
	if !ok {
		return time.Time{}, fmt.Errorf("resource version %s: %w", version, errNotHeard)
	}
	return at, nil
}
