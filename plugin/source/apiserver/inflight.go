package apiserver

import (
	"net/http"

	"k8s.io/client-go/transport"
)

// inflight bounds how many requests wait for the head of their answer at the
// same time. A watch gives its slot back as soon as it runs.
type inflight struct {
	next  http.RoundTripper
	slots chan struct{}
}

func limitInflight(bound int) transport.WrapperFunc {
	return func(next http.RoundTripper) http.RoundTripper {
		return &inflight{next: next, slots: make(chan struct{}, bound)}
	}
}

func (f *inflight) RoundTrip(request *http.Request) (*http.Response, error) {
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
		return f.next.RoundTrip(request)
	case <-request.Context().Done():
		return nil, request.Context().Err()
	}
}

// WrappedRoundTripper lets client-go close the idle connections below.
func (f *inflight) WrappedRoundTripper() http.RoundTripper { return f.next }
