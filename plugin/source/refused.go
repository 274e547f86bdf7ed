package source

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	clog "github.com/coredns/coredns/plugin/pkg/log"
)

const (
	// maxRefusals bounds what a Refusals remembers, in objects, and maxReasons how many
	// reasons of each: and so what it logs.
	maxRefusals = 1024
	maxReasons  = 8
	// maxReason bounds what is logged of a reason, in bytes, and maxShown what
	// is of a name: manifests may hold anything.
	maxReason = 1000
	maxShown  = 253
)

// Refusals counts the objects that are left out because something is wrong
// with them, and logs each of them once for as long as it stays wrong: once for
// each of up to 8 reasons, where it goes from one to another and back. What others of
// the same Origin have logged, and that is still so, is not logged again. Where the
// objects are more than 1024, it logs that, and no more of them until half are gone or
// good. The zero value is ready for use.
type Refusals struct {
	// Origin names where the objects are from; empty is a place of its own. It is set
	// before the first use.
	Origin string

	mu sync.Mutex
	// known has the reasons that count as logged.
	known map[refusal][]string
	full  bool
}

type refusal struct{ kind, namespace, name string }

func (r refusal) String() string {
	if r.namespace == "" {
		return r.kind + " " + r.name
	}
	return r.kind + " " + r.namespace + "/" + r.name
}

// placed is an error that stands somewhere.
type placed struct {
	place string
	error
}

// At returns an error whose text has the place in front. The same error in another
// place is no other reason: what stands before it in a file may change.
func At(place string, err error) error { return placed{place, err} }

func (p placed) Error() string { return p.place + ": " + p.error.Error() }

// Unwrap makes the cause visible to the package errors.
func (p placed) Unwrap() error { return p.error }

// partial is an error of a part of an object.
type partial struct{ error }

// OfPart returns an error of a part of an object, of which the rest counts.
func OfPart(err error) error { return partial{err} }

// Unwrap makes the cause visible to the package errors.
func (p partial) Unwrap() error { return p.error }

// Refuse counts and logs that the object is left out, and why.
func (r *Refusals) Refuse(log clog.P, kind, namespace, name string, why error) {
	badObjects.WithLabelValues(kind).Inc()
	r.Note(log, kind, namespace, name, why)
}

// Note logs like Refuse that the object is left out, and does not count it:
// nothing is wrong with it, but something else goes before it.
func (r *Refusals) Note(log clog.P, kind, namespace, name string, why error) {
	key := newRefusal(kind, namespace, name)
	text := shownReason(why)
	reason := text
	if p, ok := errors.AsType[placed](why); ok {
		reason = shownReason(p.error)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	before, known := r.known[key]
	if slices.Contains(before, reason) || len(before) == maxReasons {
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
		r.known = make(map[refusal][]string)
	}
	r.known[key] = append(before, reason)
	if (line{r.Origin, key, reason}).tell() {
		log.Warningf("%s %s: %s", leftOut(why), key, text)
	}
}

// leftOut says how much is left out.
func leftOut(why error) string {
	if _, ok := errors.AsType[partial](why); ok {
		return "Left out of the"
	}
	return "Left out the"
}

// Forget takes note that the object is gone: the next refusal of it is logged again.
func (r *Refusals) Forget(kind, namespace, name string) {
	r.forget(newRefusal(kind, namespace, name))
}

// Readmit logs that the object counts again, where it was logged that it was left out,
// and makes the next refusal of it be logged again.
func (r *Refusals) Readmit(log clog.P, kind, namespace, name string) {
	key := newRefusal(kind, namespace, name)
	if r.forget(key) {
		log.Infof("The %s counts again", key)
	}
}

// forget reports whether nobody has a line about the object any more that was
// logged.
func (r *Refusals) forget(key refusal) (last bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, reason := range r.known[key] {
		last = (line{r.Origin, key, reason}).withdraw() || last
	}
	delete(r.known, key)
	r.full = r.full && len(r.known) > maxRefusals/2
	return last
}

// Close forgets all objects: nobody looks at them any more.
func (r *Refusals) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, reasons := range r.known {
		for _, reason := range reasons {
			(line{r.Origin, key, reason}).withdraw()
		}
	}
	r.known, r.full = nil, false
}

func newRefusal(kind, namespace, name string) refusal {
	return refusal{kind, shown(namespace, maxShown), shown(name, maxShown)}
}

// shownReason returns an error as it may stand in a line of the log.
func shownReason(why error) string {
	return shown(strings.ReplaceAll(why.Error(), "\n", "; "), maxReason)
}

// shown returns text as it may stand in a line of the log.
func shown(text string, most int) string {
	text = model.Shorten(text, most)
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(text)
	}
	return text
}
