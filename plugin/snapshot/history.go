package snapshot

import (
	"errors"
	"io"
	"io/fs"
	"time"
)

// Recorded is Served that has a history as well, which is kept in a file beside that of the
// objects.
type Recorded interface {
	Served
	// KeepsHistory reports whether there is one.
	KeepsHistory() bool
	// EncodeHistory writes it. Origin is what is asked for when it is read.
	EncodeHistory(to io.Writer, origin string) error
}

// historyFile is beside the one of the objects.
func historyFile(file string) string { return file + ".history" }

// writeHistory writes the history, where there is one. The objects have been written.
func (w *Writer) writeHistory() {
	r, ok := w.served.(Recorded)
	if !ok || !r.KeepsHistory() || !w.wroteLast() {
		return
	}
	w.recorded = time.Now()
	err := replace(historyFile(w.file), func(to io.Writer) error { return r.EncodeHistory(to, w.origin) })
	if err != nil {
		failures.WithLabelValues(unwritten).Inc()
		log.Errorf("Cannot write the history %s, the last one stays: %v", historyFile(w.file), err)
	}
}

// LoadHistory has the history read that stands beside the file. Decode asks accept whether it
// is of origin and not too old: it was written then. Where there is none, LoadHistory logs why.
func (o Option) LoadHistory(origin string, decode func(from io.Reader, accept func(Header) error) error) bool {
	f, err := open(historyFile(o.File))
	if err == nil {
		defer f.Close()
		err = decode(f, func(h Header) error { return o.accept(h, origin) })
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		log.Infof("There is no history %s yet", historyFile(o.File))
	case err != nil:
		log.Warningf("Starting without the history %s: %v", historyFile(o.File), err)
	}
	return err == nil
}
