package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	clog "github.com/coredns/coredns/plugin/pkg/log"
)

var log = clog.NewWithPlugin("k8s_endpoints")

// DefaultMaxAge is the shortest of the bounds that RFC 8767, section 5, suggests
// for stale answers.
const DefaultMaxAge = 24 * time.Hour

// Option is what a stanza says of its snapshot. Without a file there is none.
type Option struct {
	// File is an absolute path.
	File string
	// MaxAge is how old the objects may be that a start goes on with.
	MaxAge time.Duration
}

// Load returns the content of the file, where that is of origin and not too old.
// Where there is none, it logs why.
func (o Option) Load(origin string) (c Content, ok bool) {
	if o.File == "" {
		return c, false
	}
	var current time.Time
	c, err := Load(o.File, func(h Header) error {
		current = h.Current
		return o.accept(h, origin)
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		log.Infof("There is no snapshot %s yet", o.File)
		return c, false
	case err != nil:
		log.Warningf("Starting without the snapshot %s: %v", o.File, err)
		return c, false
	}
	ages.set(o.File, current)
	c.Current = current
	log.Warningf("Serving %d objects from the snapshot %s of %s until the first list is complete",
		len(c.Objects), o.File, current.UTC().Format(time.RFC3339))
	return c, true
}

// accept refuses what is of another origin or too old. Objects that seem to be of
// the future are as good as new: a clock was wrong, not the objects.
func (o Option) accept(h Header, origin string) error {
	if h.Origin != origin {
		return fmt.Errorf("it is of another cluster or selection: it holds %q, and the stanza reads %q", h.Origin, origin)
	}
	if age := time.Since(h.Current); age > o.MaxAge {
		return fmt.Errorf("it is too old: it is of %s, %s ago, and max_age is %s",
			h.Current.UTC().Format(time.RFC3339), age.Round(time.Second), o.MaxAge)
	}
	return nil
}
