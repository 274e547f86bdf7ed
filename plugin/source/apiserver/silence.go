package apiserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	// maxSilence is how long nothing may come of an answer. An API server sends a
	// bookmark about once a minute on each watch, and answers a list within a
	// minute or not at all. One that sends no bookmarks is only asked again.
	maxSilence = 90 * time.Second
	// maxList bounds the answer to a list, in bytes. A million endpoints have
	// less.
	maxList = 1 << 30
)

// silence ends requests of which nothing comes any more. A connection that is
// dead is noticed by HTTP/2 pings; this is for one that is not, such as to a
// proxy whose other side is gone.
type silence struct {
	limit time.Duration
	// list bounds what is read of an answer that is no watch.
	list int64
}

func (s *silence) guard(next http.RoundTripper) http.RoundTripper {
	return &heard{silence: s, next: next}
}

type heard struct {
	silence *silence
	next    http.RoundTripper
}

// silentError is a timeout to client-go, which then opens a watch again where
// it was.
type silentError struct{ limit time.Duration }

func (e silentError) Error() string { return fmt.Sprintf("nothing came for %s", e.limit) }
func (silentError) Timeout() bool   { return true }
func (silentError) Temporary() bool { return true }

var errLongList = errors.New("the list is too long")

func (h *heard) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(request.Context())
	timer := time.AfterFunc(h.silence.limit, func() { cancel(silentError{h.silence.limit}) })
	response, err := h.next.RoundTrip(request.WithContext(ctx))
	if err != nil {
		timer.Stop()
		err = orSilence(ctx, err)
		cancel(nil)
		return nil, err
	}
	timer.Reset(h.silence.limit)
	response.Body = &heardBody{
		ReadCloser: response.Body, ctx: ctx, cancel: cancel, timer: timer, limit: h.silence.limit,
		watches: request.URL.Query().Get("watch") == "true", left: h.silence.list,
	}
	return response, nil
}

// WrappedRoundTripper lets client-go close the idle connections below.
func (h *heard) WrappedRoundTripper() http.RoundTripper { return h.next }

// orSilence returns the silence that a request was cancelled for, if it was.
func orSilence(ctx context.Context, err error) error {
	if silent, ok := errors.AsType[silentError](context.Cause(ctx)); ok {
		return silent
	}
	return err
}

// heardBody ends the request where nothing is read for too long.
type heardBody struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	limit  time.Duration
	// left is how much more may come of an answer that is no watch.
	watches bool
	left    int64
}

func (b *heardBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.timer.Reset(b.limit)
	}
	if b.left -= int64(n); b.left < 0 && !b.watches {
		return n, errLongList
	}
	if err == nil || err == io.EOF {
		return n, err
	}
	return n, b.explain(err)
}

// explain makes of each end of a connection, of which there are many forms, one
// after which client-go opens the watch again where it was: it would list again
// otherwise.
func (b *heardBody) explain(err error) error {
	err = orSilence(b.ctx, err)
	if _, ok := err.(silentError); ok {
		if a := askerOf(b.ctx); a != nil {
			a.silent(err)
		}
		return err
	}
	if b.watches {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (b *heardBody) Close() error {
	b.timer.Stop()
	b.cancel(nil)
	return b.ReadCloser.Close()
}
