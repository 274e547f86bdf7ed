package apiserver

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// stream is the store behind one reflector: what comes in goes to the join at
// once, and nothing is kept here.
type stream struct {
	query *query
	// namespace is the only one that the stream covers; empty is all.
	namespace string
	// owner is the Service of an extra stream.
	owner model.ServiceKey
	join  *join
	table *table

	connection connection
	// listing is when the request for the list began that comes next.
	listing atomic.Pointer[time.Time]
	// streaming is true while the list comes as the beginning of a watch.
	streaming atomic.Bool
	// lastEvent is when something last came in, silentSince the one after which
	// that nothing came was last logged.
	lastEvent, silentSince atomic.Pointer[time.Time]

	// The rest is guarded by the lock of the join. newest is the newest resource
	// version that was seen.
	newest uint64
	listed bool
	closed bool
	// away means that the watch is over and the next one not open yet, or that the
	// first one failed; regained is when one last was opened after that.
	away     bool
	regained time.Time
}

// The reflector looks for what is optional at run time: without these lines a
// change of a signature would go unnoticed.
var (
	_ cache.TransformingStore      = (*stream)(nil)
	_ cache.ReflectorBookmarkStore = (*stream)(nil)
)

func newStream(j *join, q *query, namespace string) *stream {
	of := inNamespace(q.name, namespace)
	s := &stream{query: q, namespace: namespace, join: j, table: j.table(q.kind), connection: connection{of: of, outage: j.outage}}
	if s.filtered() {
		s.table.streams = append(s.table.streams, s)
	}
	s.touch()
	s.listing.Store(new(time.Now()))
	return s
}

// inNamespace names what is read, for people.
func inNamespace(name, namespace string) string {
	if namespace == metav1.NamespaceAll {
		return name
	}
	return name + " in the namespace " + namespace
}

func newExtraStream(j *join, owner model.ServiceKey, bit holders) *stream {
	s := newStream(j, extraQuery(owner, bit), owner.Namespace)
	s.owner = owner
	s.connection.of = slicesExtra + " of the Service " + owner.String()
	return s
}

// filtered is false for an extra stream.
func (s *stream) filtered() bool { return s.query.bit&extraBits == 0 }

func (s *stream) covers(k key) bool { return s.namespace == "" || s.namespace == k.namespace }

// Add takes a new object.
func (s *stream) Add(obj any) error { return s.Update(obj) }

// Update takes the new state of an object. The reflector would only log an
// error, so there is none.
func (s *stream) Update(obj any) error {
	s.touch()
	if o := s.object(obj); o != nil {
		s.join.observe(s, o)
	}
	return nil
}

// Delete takes an object that is gone, or no longer matches the query.
func (s *stream) Delete(obj any) error {
	s.touch()
	if o := s.object(obj); o != nil {
		s.join.remove(s, o)
	}
	return nil
}

// Replace takes all objects of the stream.
func (s *stream) Replace(list []any, resourceVersion string) error {
	s.touch()
	objects := make([]*object, 0, len(list))
	for i, obj := range list {
		if o := s.listedObject(obj); o != nil {
			objects = append(objects, o)
		}
		list[i] = nil // a large API object may be freed while the next is read
	}
	d, relist := s.join.replace(s, objects, parseVersion(resourceVersion))
	if relist {
		relists.WithLabelValues(s.query.name).Inc()
	}
	log.Infof("Listed %s in %.3f s at resource version %s: %d added, %d changed, %d removed",
		s.connection.of, time.Since(*s.listing.Load()).Seconds(), resourceVersion, d.added, d.changed, d.removed)
	if s.streaming.Load() {
		s.restored()
	}
	return nil
}

// Resync does nothing: there is no resync period.
func (s *stream) Resync() error { return nil }

// Bookmark takes note that nothing has changed up to a resource version.
func (s *stream) Bookmark(resourceVersion string) error {
	s.touch()
	s.join.passed(s, parseVersion(resourceVersion))
	return nil
}

// Transformer makes the initial list hold objects instead of API objects. The
// reflector calls it there only.
func (s *stream) Transformer() cache.TransformFunc {
	return func(obj any) (any, error) {
		if o := s.listedObject(obj); o != nil {
			return o, nil
		}
		return obj, nil
	}
}

// listedObject returns an object of a list. What has not changed since the
// stream last saw it is only named, so that a relist does not hold a second copy
// of all that is served.
func (s *stream) listedObject(obj any) *object {
	if api, ok := obj.(metav1.Object); ok {
		if o := newObject(api); s.join.holds(s, o) {
			o.matches, o.unchanged = true, true
			return o
		}
	}
	return s.object(obj)
}

func (s *stream) object(obj any) *object {
	if o, ok := obj.(*object); ok {
		return o
	}
	return s.query.read(obj)
}

func (s *stream) touch() { s.lastEvent.Store(new(s.join.clock.Now())) }

// begin notes when the request for a list begins.
func (s *stream) begin() { s.listing.Store(new(time.Now())) }

// delayed notes that the request had to wait for the end of an outage. That is no
// part of the time which a list took.
func (s *stream) delayed() {
	s.begin()
	s.connection.delayed()
}

// restored notes that what happens is seen again.
func (s *stream) restored() {
	s.join.regain(s)
	s.connection.restored()
}

// lost notes that a watch is over, or could not be opened: what happens is not seen
// until the next one is open.
func (s *stream) lost() { s.join.lose(s) }

// silent notes that a watch was given up because nothing came. That is logged
// once until something comes.
func (s *stream) silent(err error) {
	watchErrors.WithLabelValues(s.query.name).Inc()
	last := s.lastEvent.Load()
	if s.silentSince.Swap(last) != last {
		log.Warningf("Watching %s anew: %v", s.connection.of, err)
	}
}

// run lists and watches until ctx is done.
func (s *stream) run(ctx context.Context, lw *cache.ListWatch, retry wait.Backoff) {
	streams.enter(s)
	defer streams.leave(s)
	logger := logr.New(&sink{connection: &s.connection, over: ctx.Done()})
	ctx = klog.NewContext(ctx, logger)
	r := newRequests(s, lw, retry)
	cache.NewReflectorWithOptions(r, s.query.example, s, cache.ReflectorOptions{
		Name:    s.query.name,
		Logger:  &logger,
		Backoff: &wait.Backoff{}, // the requests wait
	}).RunWithContext(ctx)
	r.drain()
}
