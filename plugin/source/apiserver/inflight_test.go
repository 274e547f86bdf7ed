package apiserver

import (
	"context"
	"errors"
	"net/http"
	"testing"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestRequestsInFlightAreBounded(t *testing.T) {
	arrived, answer := make(chan struct{}), make(chan struct{})
	bounded := limitInflight(2)(roundTripper(func(*http.Request) (*http.Response, error) {
		arrived <- struct{}{}
		<-answer
		return &http.Response{}, nil
	}))
	request := func(ctx context.Context) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1", nil)
		if err != nil {
			return err
		}
		_, err = bounded.RoundTrip(r)
		return err
	}
	done := make(chan error)
	for range 3 {
		go func() { done <- request(t.Context()) }()
	}
	<-arrived
	<-arrived
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := request(cancelled); !errors.Is(err, context.Canceled) {
		t.Errorf("a request that waits for its turn ended with %v when it was cancelled", err)
	}
	select {
	case <-arrived:
		t.Error("three requests were in flight, though two may be")
	default:
	}
	answer <- struct{}{}
	<-arrived // the third has the slot of the one that was answered
	close(answer)
	for range 3 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestMaxInflightLetsWatchesRun(t *testing.T) {
	a := newAPIServer(t)
	want := cluster(a)
	r := run(t, Config{NamespaceLabels: "dns=yes", MaxInflight: 1}, a)
	untilSynced(t, r)
	r.untilState(t, want)
}
