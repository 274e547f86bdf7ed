package endpoints

import (
	"context"
	"sync"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/source"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/source/apiserver"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/source/manifests"
)

// feed is a source that runs, and the cache that it fills. Stanzas that read
// the same share one, also those of two generations across a reload: then a
// reload lists nothing again, and no question meets an empty cache.
type feed struct {
	cache   *cache
	holders int
	cancel  context.CancelFunc
	done    sync.WaitGroup
}

// feeds are those that run, by the key of their stanzas.
var feeds = struct {
	mu      sync.Mutex
	running map[string]*feed
}{running: make(map[string]*feed)}

// subscription is one stanza's hold on a feed.
type subscription struct {
	stanza *stanza
	// opened is the source to run where no feed runs yet.
	opened source.Source
	held   *feed
}

// prepare opens the source of a stanza, unless it runs already, so that what is
// wrong with it stops the start. It neither dials nor starts anything.
func prepare(s *stanza) (*subscription, error) {
	sub := &subscription{stanza: s}
	feeds.mu.Lock()
	_, runs := feeds.running[s.key()]
	feeds.mu.Unlock()
	if runs {
		return sub, nil
	}
	var err error
	sub.opened, err = s.open()
	return sub, err
}

// open returns the source that the stanza names.
func (s *stanza) open() (source.Source, error) {
	if s.manifests == "" {
		return apiserver.New(s.api)
	}
	return manifests.New(s.manifests, manifests.Options{
		Namespaces:      s.namespaces,
		Labels:          s.labels,
		NamespaceLabels: s.namespaceLabels,
	})
}

// start takes hold of the feed, and starts it where nobody has.
func (sub *subscription) start() (*feed, error) {
	feeds.mu.Lock()
	defer feeds.mu.Unlock()
	key := sub.stanza.key()
	f := feeds.running[key]
	if f == nil {
		if sub.opened == nil {
			var err error
			if sub.opened, err = sub.stanza.open(); err != nil {
				return nil, err
			}
		}
		f = newFeed(sub.stanza, sub.opened)
		feeds.running[key] = f
	}
	f.holders++
	sub.held, sub.opened = f, nil
	return f, nil
}

// stop lets go of the feed, and ends it where nobody else holds it. It may be
// called without start, and again.
func (sub *subscription) stop() {
	feeds.mu.Lock()
	defer feeds.mu.Unlock()
	f := sub.held
	if f == nil {
		return
	}
	sub.held = nil
	f.holders--
	if f.holders > 0 {
		return
	}
	delete(feeds.running, sub.stanza.key())
	f.cancel()
	f.done.Wait()
	f.cache.close()
}

func newFeed(s *stanza, from source.Source) *feed {
	ctx, cancel := context.WithCancel(context.Background())
	f := &feed{cache: newCache(s.settings, s.namespaceLabels != nil), cancel: cancel}
	f.done.Go(func() { f.cache.run(ctx) })
	f.done.Go(func() { from.Run(ctx, f.cache) })
	return f
}

// wait returns when the first full state is published, or after timeout.
func (f *feed) wait(timeout time.Duration) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-f.cache.ready:
	case <-timer.C:
		log.Warningf("Starting before the first list is complete: names that a Service could own answer SERVFAIL until it is")
	}
}
