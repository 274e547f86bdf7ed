// Package inject adds events to the watches of EndpointSlices that pass a
// proxy. An API server takes milliseconds of CPU to store a full slice: on a
// small machine, it cannot make 500 events a second beside the server that is
// measured.
package inject

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/streaming"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/scheme"
	restwatch "k8s.io/client-go/rest/watch"
)

// An Injector knows the open watches. Its zero value is ready to use.
type Injector struct {
	mu      sync.Mutex
	watches []*response
}

// Wrap lets the requests to next through, and notes those that watch
// EndpointSlices in the encoding protobuf, which both plugins ask for.
func (i *Injector) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		if !strings.HasSuffix(r.URL.Path, "/endpointslices") || query.Get("watch") != "true" ||
			!strings.HasPrefix(r.Header.Get("Accept"), runtime.ContentTypeProtobuf) {
			next.ServeHTTP(w, r)
			return
		}
		selector, err := labels.Parse(query.Get("labelSelector"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		watch := &response{ResponseWriter: w, control: http.NewResponseController(w), selector: selector}
		i.add(watch)
		defer i.remove(watch)
		// Frames fit only between frames that can be read, and Kubernetes 1.37
		// compresses watches.
		r.Header.Set("Accept-Encoding", "identity")
		next.ServeHTTP(watch, r)
	})
}

func (i *Injector) add(w *response) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.watches = append(i.watches, w)
}

func (i *Injector) remove(w *response) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.watches = slices.DeleteFunc(i.watches, func(o *response) bool { return o == w })
}

// Modified sends an event for the slice to all watches that select it. It
// returns how many those are.
func (i *Injector) Modified(slice *discoveryv1.EndpointSlice) (int, error) {
	i.mu.Lock()
	watches := slices.Clone(i.watches)
	i.mu.Unlock()
	told := 0
	for _, w := range watches {
		if !w.selector.Matches(labels.Set(slice.Labels)) {
			continue
		}
		if err := w.inject(modified(slice)); err != nil {
			return told, err
		}
		told++
	}
	return told, nil
}

// response is the response to a watch. Each of its frames is written whole, so
// that further ones fit in between.
type response struct {
	http.ResponseWriter
	control  *http.ResponseController
	selector labels.Selector

	mu      sync.Mutex
	partial []byte
}

// frameHeader is the size of the length in front of each frame, in bytes.
const frameHeader = 4

// Write keeps a part of a frame until the rest comes.
func (w *response) Write(part []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.partial = append(w.partial, part...)
	whole := 0
	for len(w.partial)-whole >= frameHeader {
		frame := frameHeader + int(binary.BigEndian.Uint32(w.partial[whole:]))
		if len(w.partial)-whole < frame {
			break
		}
		whole += frame
	}
	if whole == 0 {
		return len(part), nil
	}
	if _, err := w.ResponseWriter.Write(w.partial[:whole]); err != nil {
		return 0, err
	}
	w.partial = slices.Delete(w.partial, 0, whole)
	return len(part), nil
}

// FlushError implements what http.ResponseController asks for.
func (w *response) FlushError() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.control.Flush()
}

// serializer reads and writes frames, and the objects in them.
var serializer = func() runtime.SerializerInfo {
	info, ok := runtime.SerializerInfoForMediaType(scheme.Codecs.SupportedMediaTypes(), runtime.ContentTypeProtobuf)
	if !ok {
		panic("client-go has no serializer for " + runtime.ContentTypeProtobuf)
	}
	return info
}()

func modified(slice *discoveryv1.EndpointSlice) watch.Event {
	return watch.Event{Type: watch.Modified, Object: slice}
}

func (w *response) inject(event watch.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	stream := serializer.StreamSerializer
	encoder := restwatch.NewEncoder(
		streaming.NewEncoder(stream.Framer.NewFrameWriter(w.ResponseWriter), stream.Serializer),
		scheme.Codecs.EncoderForVersion(serializer.Serializer, discoveryv1.SchemeGroupVersion),
	)
	if err := encoder.Encode(&event); err != nil {
		return fmt.Errorf("an event for a watch of EndpointSlices: %w", err)
	}
	return w.control.Flush()
}
