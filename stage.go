package endpoints

import (
	"sync"
	"sync/atomic"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// stage stands between a source and the cache that it fills. While the cache
// serves a snapshot, or what a feed before it knew, it holds back what the source
// tells until that is the whole first state: what is known of a Service comes
// over several streams, and half of it would be worse than what is old. Then the
// cache is told the difference.
type stage struct {
	cache *cache
	// changes counts what the cache was told by the source.
	changes atomic.Uint64

	mu sync.Mutex
	// restored is what the snapshot had and told what the source has said; nil
	// once nothing is held back.
	restored, told *model.State
}

func newStage(c *cache) *stage { return &stage{cache: c} }

// restore makes the cache serve objects that may be out of date. It is called before
// the source and the cache run.
func (s *stage) restore(objects []model.Change) {
	s.restored, s.told = new(model.State), new(model.State)
	for _, object := range objects {
		s.restored.Apply(object)
	}
	s.cache.restore(objects)
}

// Apply implements source.Receiver.
func (s *stage) Apply(changes []model.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told == nil {
		s.cache.Apply(changes)
		s.changes.Add(1)
		return
	}
	for _, change := range changes {
		s.told.Apply(s.restored.Share(change))
	}
}

// Synced implements source.Receiver.
func (s *stage) Synced() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told != nil {
		changes := s.restored.Difference(s.told)
		log.Infof("The first list is complete: %d objects differ from what was served before", len(changes))
		s.cache.Apply(changes)
		s.restored, s.told = nil, nil
	}
	s.changes.Add(1)
	s.cache.Synced()
}
