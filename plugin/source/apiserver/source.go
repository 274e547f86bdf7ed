// Package apiserver is the source that lists and watches a Kubernetes API
// server.
//
// It has four streams: of all Services, of the slices that the EndpointSlice
// controller made for headless Services, of the slices that others manage, and,
// only while a Service is in need of it, of slices that the controller made before
// the Service became headless (need.go). What is read of Services with a ClusterIP
// is dropped at the door. Where they are asked for, Namespaces and Nodes have a
// stream each; nothing waits for that of Nodes.
//
// Reading order: source.go runs the streams that query.go names. follow.go ties a
// stream (stream.go), which is the store behind a reflector, to its requests
// (requests.go), which pass outage.go and silence.go. The stream makes its API
// objects small (object.go) and hands them to the join (join.go, record.go),
// which makes one state out of all streams. report.go tells the Receiver of it,
// need.go decides who is in need, due.go what happens at its time, and search.go
// looks for Services in need at the start.
package apiserver

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/source"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/source/apiserver/sparse"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes/scheme"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"
	"k8s.io/utils/clock"
)

// Source lists and watches an API server.
type Source struct {
	queries    *queries
	namespaces []string
	client     *http.Client
	core       rest.Interface
	discovery  rest.Interface
	metadata   metadata.Interface
	clock      clock.Clock
	silence    *silence
	outage     *outage
	// backoff is retryBackoff, and searchBackoff for the search, where nil.
	backoff *wait.Backoff
	// watched are the streams of a Run, without fallbacks and that of Nodes.
	watched atomic.Pointer[[]*stream]
	// shown are the same with that of Nodes.
	shown atomic.Pointer[[]*stream]
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
	config, err := c.clientConfig()
	if err != nil {
		return nil, err
	}
	s := &Source{
		queries:    queries,
		namespaces: sorted(c.Namespaces),
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
	if s.discovery, err = discoveryClient(config, s.client, s.queries.wanted.places); err != nil {
		return fmt.Errorf("cannot make a client of the API server %s: %w", config.Host, err)
	}
	if s.metadata, err = metadata.NewForConfigAndClient(config, s.client); err != nil {
		return fmt.Errorf("cannot make a client of the API server %s: %w", config.Host, err)
	}
	s.core = core.RESTClient()
	return nil
}

// discoveryClient differs from client-go's in what it decodes of slices: places only where
// they are wanted.
func discoveryClient(config *rest.Config, client *http.Client, places bool) (rest.Interface, error) {
	own := rest.CopyConfig(config)
	own.APIPath = "/apis"
	own.GroupVersion = &discoveryv1.SchemeGroupVersion
	own.NegotiatedSerializer = sparse.Wrap(rest.CodecFactoryForGeneratedClient(scheme.Scheme, scheme.Codecs).WithoutConversion(), places)
	return rest.RESTClientForConfigAndClient(own, client)
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
	s.outage.tellTo(r)
	j := newJoin(s.clock, r)
	j.refusals.Origin = s.outage.host
	defer j.refusals.Close()
	streams := s.streams(ctx, j)
	s.watched.Store(&streams)
	all := slices.Concat(streams, s.nodeStreams(j))
	s.shown.Store(&all)
	for _, stream := range all {
		running.Go(func() { s.watch(ctx, stream) })
	}
	for {
		next := j.advance()
		for _, begins := range next.begins {
			running.Go(begins.run)
		}
		if next.search {
			for _, namespace := range s.namespaces {
				running.Go(func() { s.search(j).run(ctx, namespace) })
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

// Server returns the URL of the API server.
func (s *Source) Server() string { return s.outage.host }

// Current returns when the API server last told, on each of the streams but that of
// Nodes, that what was reported is how it is: it does so about once a minute even if
// nothing changes. It is zero before a Run.
func (s *Source) Current() time.Time {
	streams := s.watched.Load()
	if streams == nil {
		return time.Time{}
	}
	last := func(s *stream) time.Time { return *s.lastEvent.Load() }
	return last(slices.MinFunc(*streams, func(a, b *stream) int { return last(a).Compare(last(b)) }))
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
func (s *Source) streams(ctx context.Context, j *join) []*stream {
	var streams []*stream
	enter := func(q *query, namespace string) *stream {
		entered := s.stream(j, j.enter(q.kind), q, namespace)
		streams = append(streams, entered)
		return entered
	}
	for _, namespace := range s.namespaces {
		enter(s.queries.services, namespace)
		labelled := enter(s.queries.labelled, namespace)
		enter(s.queries.other, namespace)
		s.addFallback(ctx, j, labelled)
	}
	if s.queries.namespaces != nil {
		enter(s.queries.namespaces, metav1.NamespaceAll)
	}
	j.unsearched = len(s.namespaces)
	return streams
}

// nodeStreams returns the stream of Nodes where they are asked for.
func (s *Source) nodeStreams(j *join) []*stream {
	if s.queries.nodes == nil {
		return nil
	}
	return []*stream{s.stream(j, j.enterNodes(), s.queries.nodes, metav1.NamespaceAll)}
}

func (s *Source) stream(j *join, in *input, q *query, namespace string) *stream {
	stream := newStream(j, in, q, namespace)
	stream.connection.outage = s.outage
	return stream
}

// addFallback makes the fallback beside the stream of labelled slices.
func (s *Source) addFallback(ctx context.Context, j *join, labelled *stream) {
	f := j.addFallback(labelled.namespace, labelled.input)
	f.open = func(services []string) *follower {
		stream := s.stream(j, f.input, s.queries.fallback(services, j.isInNeed), labelled.namespace)
		ctx, cancel := context.WithCancel(ctx)
		return &follower{cancel: cancel, run: func() {
			defer j.noteEnd(f)
			defer cancel()
			s.watch(ctx, stream)
		}}
	}
}

func (s *Source) watch(ctx context.Context, stream *stream) {
	client := s.core
	if stream.query.kind == model.KindSlice {
		client = s.discovery
	}
	follow(ctx, stream, stream.query.listWatch(client, stream.namespace), s.outage.retry)
}

func (s *Source) search(j *join) search {
	backoff := searchBackoff
	if s.backoff != nil {
		backoff = *s.backoff
	}
	return search{
		metadata: s.metadata, selector: s.queries.unlabelled.String(), clock: s.clock, backoff: backoff,
		found: j.found, over: j.searched,
	}
}
