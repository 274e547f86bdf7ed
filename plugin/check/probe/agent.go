package probe

import (
	"sync"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/release"
)

// agent is the User-Agent of a check, by which a target's log tells who asks.
var agent = sync.OnceValue(func() string { return "k8s_endpoints/" + release.Version() + " health check" })
