package source

import (
	"strconv"
	"strings"
	"sync"
	"unicode"

	clog "github.com/coredns/coredns/plugin/pkg/log"
)

const (
	// maxRefusals bounds what a Refusals remembers, in objects, and so what it
	// logs.
	maxRefusals = 1024
	// maxReason bounds what is logged of a reason, in bytes, and maxShown what
	// is of a name: manifests may hold anything.
	maxReason = 1000
	maxShown  = 253
)

// Refusals counts the objects that are left out because something is wrong
// with them, and logs each of them once for as long as it stays wrong in the
// same way. Where they are more than 1024, it logs that, and no more of them
// until half are gone or good. The zero value is ready for use.
type Refusals struct {
	mu    sync.Mutex
	known map[refusal]string
	full  bool
}

type refusal struct{ kind, namespace, name string }

// Refuse counts and logs that the object is left out, and why.
func (r *Refusals) Refuse(log clog.P, kind, namespace, name string, why error) {
	badObjects.WithLabelValues(kind).Inc()
	r.Note(log, kind, namespace, name, why)
}

// Note logs like Refuse that the object is left out, and does not count it:
// nothing is wrong with it, but something else goes before it.
func (r *Refusals) Note(log clog.P, kind, namespace, name string, why error) {
	key, reason := refusal{kind, shown(namespace, maxShown), shown(name, maxShown)},
		shown(strings.ReplaceAll(why.Error(), "\n", "; "), maxReason)
	r.mu.Lock()
	defer r.mu.Unlock()
	before, known := r.known[key]
	if before == reason {
		return
	}
	if !known && len(r.known) >= maxRefusals {
		if !r.full {
			log.Warningf("Left out more than %d objects: others are only counted, until half of these are gone or good", maxRefusals)
		}
		r.full = true
		return
	}
	if r.known == nil {
		r.known = make(map[refusal]string)
	}
	r.known[key] = reason
	log.Warningf("Left out the %s %s/%s: %s", kind, key.namespace, key.name, reason)
}

// Forget makes the next refusal of the object be logged again: it is gone, or
// it is good now.
func (r *Refusals) Forget(kind, namespace, name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.known, refusal{kind, shown(namespace, maxShown), shown(name, maxShown)})
	r.full = r.full && len(r.known) > maxRefusals/2
}

// Shorten returns text, or where it has more than most bytes what fits into
// them and " ...".
func Shorten(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + " ..."
}

// shown returns text as it may stand in a line of the log.
func shown(text string, most int) string {
	text = Shorten(text, most)
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(text)
	}
	return text
}
