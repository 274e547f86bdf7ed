package endpoints

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/history"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/snapshot"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/source"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"
)

// handover stands between a source and the cache that it fills. While the cache
// serves objects of a snapshot, or of the feed before a reload, handover collects
// what the source tells, and applies the difference once the first state is whole:
// a Service and its slices come on separate streams, and half a Service is worse
// than a stale one. Objects that are as they were stay the same ones: so nothing
// is in memory twice, and only what differs is compiled. Nodes belong to nothing else,
// and no snapshot has them: they pass at once.
type handover struct {
	cache *cache
	// changes counts the calls that changed, or may have changed, the cache.
	changes atomic.Uint64

	mu sync.Mutex
	// restored is what the cache serves meanwhile, and told what the source has
	// told of. Both are nil while nothing is held back.
	restored, told *model.State
}

func newHandover(c *cache) *handover { return &handover{cache: c} }

// restore makes the cache serve objects that may be out of date. It is called before
// the source and the cache run.
func (h *handover) restore(known snapshot.Content) {
	h.restored, h.told = new(model.State), new(model.State)
	for _, object := range known.Objects {
		h.restored.Apply(object)
	}
	h.cache.restore(known)
}

// Apply implements source.Receiver.
func (h *handover) Apply(changes []model.Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	nodes, others := apart(changes)
	switch {
	case h.told == nil:
		h.cache.Apply(changes)
	case len(nodes) > 0:
		h.cache.Apply(nodes)
	}
	if len(others) > 0 {
		h.tell(others)
	}
}

// tell takes note of changes of what a snapshot has.
func (h *handover) tell(changes []model.Change) {
	if h.told == nil {
		h.changes.Add(1)
		return
	}
	for _, change := range changes {
		h.told.Apply(h.restored.Share(change))
	}
}

// apart returns the changes of Nodes, and the others. A source has few calls with both.
func apart(changes []model.Change) (nodes, others []model.Change) {
	isNode := func(c model.Change) bool { return c.Kind == model.KindNode }
	if !slices.ContainsFunc(changes, isNode) {
		return nil, changes
	}
	for _, change := range changes {
		if isNode(change) {
			nodes = append(nodes, change)
		} else {
			others = append(others, change)
		}
	}
	return nodes, others
}

// Synced implements source.Receiver.
func (h *handover) Synced() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.told != nil {
		changes := h.restored.Difference(h.told)
		log.Infof("The first list is complete: %d objects differ from those served before", len(changes))
		h.cache.Apply(changes)
		h.restored, h.told = nil, nil
	}
	h.changes.Add(1)
	h.cache.Synced()
}

// Witness implements source.Witness.
func (h *handover) Witness(what source.Trouble, of, how string) {
	kind := [...]history.Kind{source.Lost: history.Lost, source.Back: history.Back, source.Silent: history.Silent, source.Listed: history.Listed}[what]
	h.cache.recording.event(kind, why.EventText(of, how))
}
