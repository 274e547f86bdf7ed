// Package source is the border between where objects come from and the rest of
// the plugin. Its subpackages read an API server and a directory of manifests;
// nothing downstream knows which.
package source

import (
	"context"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// A Source reports the Services and EndpointSlices that it sees.
type Source interface {
	// Run reports to r until ctx is done, and returns when nothing that it
	// started runs any more. It is called once. What fails while it runs is
	// logged and tried again: it never ends a Run.
	Run(ctx context.Context, r Receiver)
}

// A Receiver takes what a source sees. Its methods may be called from several
// goroutines at once; the changes of one object come in their order.
type Receiver interface {
	// Apply takes changes that belong together: no state between them is
	// served. A removal of what is not there, and a state that is the same as
	// the last one, change nothing. The Receiver takes over the slice.
	Apply(changes []model.Change)
	// Synced is called once, after Apply has had the first full state of
	// everything that the source watches.
	Synced()
}
