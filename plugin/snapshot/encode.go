package snapshot

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// Encode writes the objects, one at a time, and what else is known. The error wraps ErrTooLarge
// where they, or one of them, are beyond the bounds; then a part was written.
func Encode(to io.Writer, h Header, objects iter.Seq[model.Change], m Memory) error {
	if len(h.Origin) > MaxOrigin {
		return fmt.Errorf("%w: the origin has %d bytes, more than %d", ErrTooLarge, len(h.Origin), MaxOrigin)
	}
	sum := sha256.New()
	bounded := &boundedWriter{to: to, left: MaxSize - sumSize}
	w := bufio.NewWriterSize(io.MultiWriter(bounded, sum), 64<<10)
	if err := encode(w, h, objects, m); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := to.Write(sum.Sum(nil))
	return err
}

func encode(w *bufio.Writer, h Header, objects iter.Seq[model.Change], m Memory) error {
	version := m.version()
	head := append([]byte(mark), 0, 0, 0, version)
	head = order.AppendUint64(head, uint64(h.Current.UnixNano()))
	head = order.AppendUint16(head, uint16(len(h.Origin)))
	head = append(head, h.Origin...)
	if _, err := w.Write(head); err != nil {
		return err
	}
	var buffer bytes.Buffer
	for c := range objects {
		if err := encodeObject(w, &buffer, c); err != nil {
			return err
		}
	}
	if _, err := w.Write(make([]byte, 4)); err != nil {
		return err
	}
	var rest []byte
	if version >= withVerdicts {
		rest = m.Verdicts.encode()
	}
	if version >= withWaiting {
		rest = append(rest, encodeWaiting(m.Waiting)...)
	}
	_, err := w.Write(rest)
	return err
}

func (m *Memory) version() byte {
	switch {
	case len(m.Waiting) > 0:
		return withWaiting
	case len(m.Verdicts.Failing) > 0:
		return withVerdicts
	}
	return plain
}

func encodeObject(w *bufio.Writer, buffer *bytes.Buffer, c model.Change) error {
	buffer.Reset()
	obj, err := object(c)
	if err != nil {
		return fmt.Errorf("%v: %w", c, err)
	}
	if err := form.Encode(obj, buffer); err != nil {
		return fmt.Errorf("%v: %w", c, err)
	}
	if buffer.Len() > MaxObject {
		return fmt.Errorf("%w: %v has %d bytes, more than %d", ErrTooLarge, c, buffer.Len(), MaxObject)
	}
	if _, err := w.Write(order.AppendUint32(nil, uint32(buffer.Len()))); err != nil {
		return err
	}
	_, err = w.Write(buffer.Bytes())
	return err
}

// boundedWriter fails instead of writing more than it may.
type boundedWriter struct {
	to   io.Writer
	left int
}

func (w *boundedWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, fmt.Errorf("%w: all objects together have more than %d bytes", ErrTooLarge, MaxSize)
	}
	return w.to.Write(p)
}
