package apiserver

import (
	"context"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// follow lists and watches for a stream until ctx is done.
func follow(ctx context.Context, s *stream, lw *cache.ListWatch, retry wait.Backoff) {
	streams.enter(s)
	defer streams.leave(s)
	logger := logr.New(&sink{connection: &s.connection, over: ctx.Done()})
	ctx = klog.NewContext(ctx, logger)
	r := newRequests(s, lw, retry)
	reflector := cache.NewReflectorWithOptions(r, s.query.example, s, cache.ReflectorOptions{
		Name:    s.query.name,
		Logger:  &logger,
		Backoff: &wait.Backoff{}, // the requests wait
	})
	reflector.WatchListPageSize = s.query.page
	reflector.RunWithContext(ctx)
	r.drain()
}
