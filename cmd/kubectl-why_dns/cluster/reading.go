package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/facts"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/plain"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
)

// The most that is read of anything.
const (
	maxPods   = 5000
	maxSlices = 1000
	// maxEvents is of how many Pods events are asked for, and maxNodes of how many Nodes conditions.
	maxEvents = 8
	maxNodes  = 4
)

// errEnough ends a list.
var errEnough = errors.New("that is enough")

// A Reader reads. Several goroutines may use one.
type Reader struct {
	Clients  kubernetes.Interface
	Metadata metadata.Interface
	// Connects is true where connections are to be tried, and so NetworkPolicies are of interest.
	Connects bool

	census census
}

// reading is one run of a Reader.
type reading struct {
	*Reader
	// mu guards what is skipped.
	mu sync.Mutex
	f  *facts.Facts
}

// failed notes why something could not be looked at.
func (r *reading) failed(what string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.f.Skip(what, Reason(err))
}

// Reason says in short why a request failed.
func Reason(err error) string {
	switch {
	case apierrors.IsForbidden(err):
		return "no right to"
	case apierrors.IsUnauthorized(err):
		return "the API server does not know who asks"
	case errors.Is(err, context.DeadlineExceeded):
		return "the API server did not answer in time"
	}
	return plain.Short(err.Error())
}

// of names what is read in a namespace.
func of(what, namespace string) string { return fmt.Sprintf("%s in %s", what, namespace) }
