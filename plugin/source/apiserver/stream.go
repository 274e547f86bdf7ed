package apiserver

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/source"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
)

// stream is the store behind one reflector: what comes in goes to the join at
// once, and nothing is kept here.
type stream struct {
	query *query
	// namespace is the only one that the stream covers; empty is all.
	namespace string
	join      *join
	input     *input

	connection connection
	// listing is when the request for the list began that comes next.
	listing atomic.Pointer[time.Time]
	// streaming is true while the list comes as the beginning of a watch.
	streaming atomic.Bool
	// listed means that there was a list, away that the watch is over and the next one
	// not open yet, or that the first one failed.
	listed, away atomic.Bool
	// lastEvent is when something last came in, isSilent means that it was logged that
	// nothing comes.
	lastEvent atomic.Pointer[time.Time]
	isSilent  atomic.Bool
	// relists and errors are those that metrics count, of this stream.
	relists, errors atomic.Int64
}

// The reflector looks for what is optional at run time: without these lines a
// change of a signature would go unnoticed.
var (
	_ cache.TransformingStore      = (*stream)(nil)
	_ cache.ReflectorBookmarkStore = (*stream)(nil)
)

func newStream(j *join, in *input, q *query, namespace string) *stream {
	s := &stream{query: q, namespace: namespace, join: j, input: in, connection: connection{of: inNamespace(q.name, namespace)}}
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

// Add takes an object that the watch has not shown before.
func (s *stream) Add(obj any) error {
	s.touch()
	if o := s.object(obj); o != nil {
		o.made = true
		s.join.observe(s.input, o)
	}
	return nil
}

// Update takes the new state of an object. The reflector would only log an
// error, so there is none.
func (s *stream) Update(obj any) error {
	s.touch()
	if o := s.object(obj); o != nil {
		s.join.observe(s.input, o)
	}
	return nil
}

// Delete takes an object that is gone, or no longer matches the query.
func (s *stream) Delete(obj any) error {
	s.touch()
	if o := s.object(obj); o != nil {
		s.join.remove(s.input, o)
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
	again := s.listed.Load()
	if again {
		relists.WithLabelValues(s.query.name).Inc()
		s.relists.Add(1)
	}
	d := s.join.replace(s.input, objects, parseVersion(resourceVersion))
	s.listed.Store(true)
	differs := fmt.Sprintf("%d added, %d changed, %d removed", d.added, d.changed, d.removed)
	log.Infof("Listed %s in %.3f s at resource version %s: %s",
		s.connection.of, time.Since(*s.listing.Load()).Seconds(), resourceVersion, differs)
	if again {
		s.connection.outage.tell(source.Listed, s.connection.of, differs)
	}
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
	s.join.passed(s.input, parseVersion(resourceVersion))
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
		if o := newObject(api); s.join.holds(s.input, o) {
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

func (s *stream) touch() {
	s.lastEvent.Store(new(s.join.clock.Now()))
	if s.isSilent.Load() && s.isSilent.Swap(false) {
		log.Infof("Watching %s again", s.connection.of)
	}
}

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
	s.away.Store(false)
	s.connection.restored()
}

// lost notes that a watch is over, or could not be opened: what happens is not seen
// until the next one is open.
func (s *stream) lost() { s.away.Store(true) }

// isUp reports whether there was a list, and what happens is seen.
func (s *stream) isUp() bool { return s.listed.Load() && !s.away.Load() }

// silent notes that a watch was given up because nothing came. That is logged
// once until something comes.
func (s *stream) silent(err error) {
	s.countError()
	if !s.isSilent.Swap(true) {
		log.Warningf("Watching %s anew: %v", s.connection.of, err)
		s.connection.outage.tell(source.Silent, s.connection.of, err.Error())
	}
}

// countError counts a request that failed.
func (s *stream) countError() {
	watchErrors.WithLabelValues(s.query.name).Inc()
	s.errors.Add(1)
}
