// Package apiserver is the source that lists and watches a Kubernetes API
// server.
//
// Reading order: source.go runs a stream for each query of query.go and each
// Namespace. A stream (stream.go) is the store behind a reflector, whose
// requests go through requests.go, and below through outage.go and silence.go. It
// makes its API objects small (object.go) and hands them to the join (join.go),
// which makes one state out of all streams for the Receiver. extra.go has the streams for Services whose slices
// the others miss, and unlabelled.go looks for these Services at the start.
package apiserver

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/source"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/wait"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	discoveryv1client "k8s.io/client-go/kubernetes/typed/discovery/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"
	"k8s.io/utils/clock"
)

// Source lists and watches an API server.
type Source struct {
	queries    []*query
	namespaces []string
	client     *http.Client
	core       rest.Interface
	discovery  rest.Interface
	// unlabelled selects the slices that the search is for.
	unlabelled string
	metadata   metadata.Interface
	clock      clock.Clock
	silence    *silence
	outage     *outage
	// backoff is retryBackoff, and searchBackoff for the search, where nil.
	backoff *wait.Backoff
	// watched are the streams of a Run, without extra ones.
	watched atomic.Pointer[[]*stream]
}

var _ source.Source = (*Source)(nil)

// New resolves how to reach the API server, and refuses what is wrong in the
// Config or in a file that it names. It does not dial.
func New(c Config) (*Source, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	queries, err := c.queries()
	if err != nil {
		return nil, err
	}
	// The queries have the labels parsed.
	selected := parsed(c.Labels)
	config, err := c.clientConfig()
	if err != nil {
		return nil, err
	}
	s := &Source{
		queries:    queries,
		namespaces: sorted(c.Namespaces),
		unlabelled: controllerSlices(unlabelledLabels, selected).String(),
		clock:      clock.RealClock{},
	}
	if len(s.namespaces) == 0 {
		s.namespaces = []string{metav1.NamespaceAll}
	}
	if err := s.connect(config); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Source) connect(config *rest.Config) error {
	s.silence = &silence{limit: maxSilence, list: maxList}
	s.outage = newOutage(withoutUser(config.Host))
	// A request that waits for its turn is not silent, and takes its token after.
	config.WrapTransport = transport.Wrappers(s.silence.guard, config.WrapTransport, takeTokenFile(config), s.outage.guard)
	var err error
	if s.client, err = rest.HTTPClientFor(config); err != nil {
		return fmt.Errorf("cannot make a client of the API server %s: %w", config.Host, err)
	}
	core, err := corev1client.NewForConfigAndClient(config, s.client)
	if err != nil {
		return fmt.Errorf("cannot make a client of the API server %s: %w", config.Host, err)
	}
	discovery, err := discoveryv1client.NewForConfigAndClient(config, s.client)
	if err != nil {
		return fmt.Errorf("cannot make a client of the API server %s: %w", config.Host, err)
	}
	if s.metadata, err = metadata.NewForConfigAndClient(config, s.client); err != nil {
		return fmt.Errorf("cannot make a client of the API server %s: %w", config.Host, err)
	}
	s.core, s.discovery = core.RESTClient(), discovery.RESTClient()
	return nil
}

// takeTokenFile takes over the file of a token. client-go reads it once a minute;
// this reads it also when the API server refuses the token.
func takeTokenFile(config *rest.Config) transport.WrapperFunc {
	if config.BearerTokenFile == "" {
		return nil
	}
	file := config.BearerTokenFile
	config.BearerToken, config.BearerTokenFile = "", ""
	return transport.ResettableTokenSourceWrapTransport(transport.NewCachedFileTokenSource(file))
}

// Run reports to r until ctx is done. See source.Source.
func (s *Source) Run(ctx context.Context, r source.Receiver) {
	var running sync.WaitGroup
	if s.backoff != nil {
		s.outage.retry = *s.backoff
	}
	j := newJoin(s.clock, r)
	j.outage = s.outage
	j.extras.open = func(owner model.ServiceKey, bit holders) *extra { return s.openExtra(ctx, j, owner, bit) }
	streams := s.streams(j)
	s.watched.Store(&streams)
	j.unlisted, j.unsearched = len(streams), len(s.namespaces)
	for _, stream := range streams {
		running.Go(func() { s.watch(ctx, stream) })
	}
	for {
		next := j.advance()
		for _, extra := range next.started {
			running.Go(extra.run)
		}
		if next.search {
			for _, namespace := range s.namespaces {
				running.Go(func() { s.search(ctx, j, namespace) })
			}
		}
		if next.synced {
			r.Synced()
		}
		if !s.await(ctx, j, next.next) {
			break
		}
	}
	running.Wait()
	utilnet.CloseIdleConnectionsFor(s.client.Transport)
}

// Current returns when the API server last told, on each of the streams, that
// what was reported is how it is: it does so about once a minute even if nothing
// changes. It is zero before a Run.
func (s *Source) Current() (oldest time.Time) {
	streams := s.watched.Load()
	if streams == nil {
		return time.Time{}
	}
	for _, stream := range *streams {
		oldest = earlier(oldest, *stream.lastEvent.Load())
	}
	return oldest
}

// await returns when the join has something to do, with false when the Run is
// over.
func (s *Source) await(ctx context.Context, j *join, next time.Time) bool {
	var due <-chan time.Time
	if !next.IsZero() {
		wait := next.Sub(s.clock.Now())
		if wait <= 0 {
			return ctx.Err() == nil
		}
		timer := s.clock.NewTimer(wait)
		defer timer.Stop()
		due = timer.C()
	}
	select {
	case <-ctx.Done():
		return false
	case <-j.wake:
	case <-due:
	}
	return true
}

// streams returns one stream for each query and Namespace, or only for each
// query where all Namespaces are read.
func (s *Source) streams(j *join) []*stream {
	var streams []*stream
	for _, q := range s.queries {
		if q.kind == namespaceKind {
			streams = append(streams, newStream(j, q, metav1.NamespaceAll))
			continue
		}
		for _, namespace := range s.namespaces {
			streams = append(streams, newStream(j, q, namespace))
		}
	}
	return streams
}

func (s *Source) watch(ctx context.Context, stream *stream) {
	client := s.core
	if stream.query.kind == sliceKind {
		client = s.discovery
	}
	stream.run(ctx, stream.query.listWatch(client, stream.namespace), s.outage.retry)
}

func (s *Source) openExtra(ctx context.Context, j *join, owner model.ServiceKey, bit holders) *extra {
	stream := newExtraStream(j, owner, bit)
	ctx, cancel := context.WithCancel(ctx)
	return &extra{
		stream: stream,
		run:    func() { defer cancel(); s.watch(ctx, stream) },
		cancel: cancel,
		holds:  make(map[key]struct{}),
	}
}
