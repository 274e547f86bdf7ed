package apiserver

import (
	"context"
	"errors"
	"net/url"
	"reflect"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// steadyTime is how long a watch has to last to be no trouble. The first that does
// not is none either: the one after it is opened at once.
const steadyTime = 10 * time.Second

// requests makes the requests of one stream, and tells its connection how they
// went. It waits between them where they fail: the reflector does not.
type requests struct {
	*cache.ListWatch
	stream *stream
	// gate is held by a list under way. A reflector that ends leaves it behind.
	gate chan struct{}
	// retry is the first backoff.
	retry wait.Backoff

	// mu guards the rest. pace is what is left of the backoff. troubled means that the
	// last request failed or its watch did not last, settled that a watch has lasted for
	// so long that the backoff begins anew, and expired that the resource version had
	// when a watch was last to be opened.
	mu                         sync.Mutex
	pace                       wait.Backoff
	troubled, settled, expired bool
}

var _ cache.ListerWatcherWithContext = (*requests)(nil)

func newRequests(s *stream, lw *cache.ListWatch, retry wait.Backoff) *requests {
	return &requests{ListWatch: lw, stream: s, gate: make(chan struct{}, 1), retry: retry, pace: retry}
}

// drain waits for a list that is still under way after its context is done,
// and lets none begin.
func (r *requests) drain() { r.gate <- struct{}{} }

// await waits after trouble. While the API server is away, the outage says when
// a request is made.
func (r *requests) await(ctx context.Context) error {
	away := r.stream.connection.outage.lasts()
	if !r.takeTrouble() || away {
		return ctx.Err()
	}
	return pause(ctx, r.step(), nil)
}

// takeTrouble reports whether there was trouble since it was asked last.
func (r *requests) takeTrouble() (troubled bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.settled {
		r.pace = r.retry
	}
	troubled = r.troubled
	r.troubled, r.settled = false, false
	return troubled
}

// step returns how long to wait.
func (r *requests) step() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pace.Step()
}

// longestStep is the most that step may return next. The caller has locked.
func (r *requests) longestStep() time.Duration {
	return time.Duration(float64(r.pace.Duration) * (1 + r.pace.Jitter))
}

// ListWithContext reads one page of a list.
func (r *requests) ListWithContext(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
	select {
	case r.gate <- struct{}{}:
		defer func() { <-r.gate }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := r.await(ctx); err != nil {
		return nil, err
	}
	ctx = withAsker(ctx, r.stream)
	r.stream.streaming.Store(false)
	if o.Continue == "" {
		r.stream.begin()
	}
	list, err := r.ListWatch.ListWithContext(ctx, o)
	if err == nil {
		err = r.stream.query.check(list)
	}
	switch trim := r.stream.query.trim; {
	case err != nil && ctx.Err() == nil:
		r.failed(err)
	case err == nil && trim != nil:
		trim(list)
	}
	return list, err
}

// WatchWithContext opens a watch. The API server may begin it with a list.
func (r *requests) WatchWithContext(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
	if err := r.await(ctx); err != nil {
		return nil, err
	}
	ctx = withAsker(ctx, r.stream)
	streaming := o.SendInitialEvents != nil && *o.SendInitialEvents
	if streaming {
		r.stream.begin()
	}
	w, err := r.ListWatch.WatchWithContext(ctx, o)
	r.stream.streaming.Store(streaming && err == nil)
	switch {
	case ctx.Err() != nil:
	case err != nil && streaming && refusesStreaming(err):
		log.Debugf("The API server does not stream the list of %s: %v", r.stream.connection.of, err)
	case err != nil:
		r.failed(err)
	case isEmpty(w):
		r.failed(errClosed)
	case !streaming:
		r.stream.restored()
	}
	if err != nil || isEmpty(w) {
		return w, err
	}
	began, steady := time.Now(), time.AfterFunc(steadyTime, r.stream.connection.settled)
	return &openWatch{Interface: w, end: sync.OnceFunc(func() {
		steady.Stop()
		r.ended(time.Since(began))
	})}, nil
}

// openWatch tells when the reflector is done with a watch.
type openWatch struct {
	watch.Interface
	end func()
}

// Stop may be called more than once.
func (w *openWatch) Stop() {
	w.Interface.Stop()
	w.end()
}

// ended notes how long a watch lasted.
func (r *requests) ended(after time.Duration) {
	r.stream.lost()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expired = false
	if after >= steadyTime {
		r.settled = true
		r.stream.connection.settled()
		return
	}
	// An API server that starts again and again is there for seconds: a long wait would
	// miss them. Where watches last longer than waits, there are few of them anyway.
	r.settled = after > r.longestStep()
	// The first one may have ended with the API server, or because that is back and does
	// not know the resource version any more: the request that follows tells.
	again, fault := r.stream.connection.broke()
	r.troubled = r.troubled || again
	if fault {
		r.stream.countError()
	}
}

func (r *requests) failed(err error) {
	r.stream.lost()
	expired := apierrors.IsResourceExpired(err) || apierrors.IsGone(err)
	r.mu.Lock()
	first := expired && !r.expired
	r.expired = expired
	r.troubled = r.troubled || !first
	r.mu.Unlock()
	// An expired resource version is no failure: a list follows, at once. That of
	// the list must not have expired too.
	if first {
		return
	}
	r.stream.countError()
	r.stream.connection.failed(withoutURL(err))
}

// withoutURL leaves out the URL, which is long and says what the name of the
// stream says.
func withoutURL(err error) error {
	if request, ok := errors.AsType[*url.Error](err); ok {
		return request.Err
	}
	return err
}

// refusesStreaming tells the answer of a server that has no streaming lists,
// or has them switched off.
func refusesStreaming(err error) bool { return apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) }

var errClosed = errors.New("the connection was closed before the answer")

var emptyWatch = reflect.TypeOf(watch.NewEmptyWatch())

// isEmpty tells the watch that client-go makes up where the connection was
// closed before the answer.
func isEmpty(w watch.Interface) bool { return reflect.TypeOf(w) == emptyWatch }
