package source

import (
	"sync"

	clog "github.com/coredns/coredns/plugin/pkg/log"
)

// maxRefusals bounds what a Refusals remembers, in objects. When it is full,
// it forgets all of them: then a bad object may be logged a second time.
const maxRefusals = 1024

// Refusals counts the objects that are left out because something is wrong
// with them, and logs each of them once for as long as it stays wrong in the
// same way. The zero value is ready for use.
type Refusals struct {
	mu    sync.Mutex
	known map[refusal]string
}

type refusal struct{ kind, namespace, name string }

// Refuse counts and logs that the object is left out, and why.
func (r *Refusals) Refuse(log clog.P, kind, namespace, name string, why error) {
	badObjects.WithLabelValues(kind).Inc()
	key := refusal{kind, namespace, name}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known[key] == why.Error() {
		return
	}
	if r.known == nil || len(r.known) >= maxRefusals {
		r.known = make(map[refusal]string)
	}
	r.known[key] = why.Error()
	log.Warningf("Left out the %s %s/%s: %v", kind, namespace, name, why)
}

// Forget makes the next refusal of the object be logged again: it is gone, or
// it is good now.
func (r *Refusals) Forget(kind, namespace, name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.known, refusal{kind, namespace, name})
}
