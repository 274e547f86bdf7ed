package apiserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/source"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
)

// answer is a response without a body.
func answer(code int, header ...string) *http.Response {
	r := &http.Response{StatusCode: code, Status: http.StatusText(code), Header: make(http.Header), Body: io.NopCloser(strings.NewReader(""))}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// ask makes one request through a transport.
func ask(ctx context.Context, through http.RoundTripper) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1", nil)
	if err != nil {
		return err
	}
	_, err = through.RoundTrip(r)
	return err
}

func TestWhatIsAnOutage(t *testing.T) {
	tests := []struct {
		name     string
		response *http.Response
		err      error
		lasts    bool
	}{
		{"no answer", nil, errors.New("connection refused"), true},
		{"401", answer(http.StatusUnauthorized), nil, true},
		{"429", answer(http.StatusTooManyRequests), nil, true},
		{"500", answer(http.StatusInternalServerError), nil, true},
		{"503", answer(http.StatusServiceUnavailable), nil, true},
		{"200", answer(http.StatusOK), nil, false},
		{"400, as from a server without streaming lists", answer(http.StatusBadRequest), nil, false},
		{"403, which is about one stream", answer(http.StatusForbidden), nil, false},
		{"410, after which a list follows", answer(http.StatusGone), nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := newOutage("test")
			o.retry = wait.Backoff{Duration: time.Millisecond}
			through := o.guard(roundTripper(func(*http.Request) (*http.Response, error) { return tt.response, tt.err }))
			if err := ask(t.Context(), through); !errors.Is(err, tt.err) {
				t.Errorf("the request ended with %v", err)
			}
			if o.lasts() != tt.lasts {
				t.Errorf("an outage: %v, want %v", o.lasts(), tt.lasts)
			}
			tt.response, tt.err = answer(http.StatusOK), nil
			if err := ask(t.Context(), through); err != nil || o.lasts() {
				t.Errorf("after an answer: error %v, outage %v", err, o.lasts())
			}
		})
	}
}

func TestACancelledRequestIsNoOutage(t *testing.T) {
	o := newOutage("test")
	ctx, cancel := context.WithCancel(t.Context())
	through := o.guard(roundTripper(func(r *http.Request) (*http.Response, error) {
		cancel()
		return nil, r.Context().Err()
	}))
	if err := ask(ctx, through); !errors.Is(err, context.Canceled) || o.lasts() {
		t.Errorf("error %v, outage %v", err, o.lasts())
	}
}

func TestOneRequestAtATimeTriesWhileTheServerIsAway(t *testing.T) {
	o := newOutage("test")
	o.retry = wait.Backoff{Duration: time.Millisecond}
	var underWay, tried, most atomic.Int32
	var back atomic.Bool
	through := o.guard(roundTripper(func(*http.Request) (*http.Response, error) {
		n := underWay.Add(1)
		defer underWay.Add(-1)
		if back.Load() {
			return answer(http.StatusOK), nil
		}
		most.Store(max(most.Load(), n))
		tried.Add(1)
		return nil, errors.New("connection refused")
	}))
	_ = ask(t.Context(), through)
	var running sync.WaitGroup
	for range 50 {
		running.Go(func() {
			for ask(t.Context(), through) != nil {
			}
		})
	}
	eventually(t, "some tries", func() bool { return tried.Load() > 20 })
	if n := most.Load(); n != 1 {
		t.Errorf("%d requests were under way at once", n)
	}
	back.Store(true)
	running.Wait()
	if o.lasts() {
		t.Error("the outage lasts")
	}
}

func TestWhoWaitsInAnOutageCanBeCancelled(t *testing.T) {
	o := newOutage("test")
	o.retry = wait.Backoff{Duration: time.Hour}
	through := o.guard(roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }))
	_ = ask(t.Context(), through)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	for range 2 {
		go func() { ended <- ask(ctx, through) }()
	}
	// One has the turn, and waits until it is due.
	eventually(t, "a request with the turn", func() bool { return len(o.turn) == 1 })
	cancel()
	for range 2 {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("it ended with %v", err)
		}
	}
	if len(o.turn) != 0 {
		t.Error("the turn was not given back")
	}
}

func TestRetryAfterHoldsForAllStreamsAndIsBounded(t *testing.T) {
	for _, tt := range []struct {
		header string
		want   time.Duration
	}{
		{"", 0},
		{"0", 0},
		{"7", 7 * time.Second},
		{"31", maxRetryAfter},
		{"2147483647", maxRetryAfter},
		{"99999999999999999999", 0},
		{"-1", 0},
		{"Wed, 21 Oct 2065 07:28:00 GMT", 0},
	} {
		o := newOutage("test")
		o.retry = wait.Backoff{Duration: time.Millisecond}
		response := answer(http.StatusTooManyRequests, "Retry-After", tt.header)
		before := time.Now()
		_ = ask(t.Context(), o.guard(roundTripper(func(*http.Request) (*http.Response, error) { return response, nil })))
		if got := o.next.Sub(before); got < tt.want || got > tt.want+time.Minute {
			t.Errorf("Retry-After %q: the next request is due after %s, want %s", tt.header, got, tt.want)
		}
		if left := response.Header.Get("Retry-After"); left != "" {
			t.Errorf("client-go gets to see the header Retry-After %q", left)
		}
	}
}

// TestTheWaitGrowsToItsBound looks at what is waited before each request, since
// a clock would only tell of the machine.
func TestTheWaitGrowsToItsBound(t *testing.T) {
	backoff := retryBackoff
	least := retryBackoff.Duration
	for i := range 100 {
		if d := backoff.Step(); d < least || d > 2*least {
			t.Fatalf("the wait number %d is %s, want from %s to twice that", i, d, least)
		}
		least = min(2*least, retryBackoff.Cap)
	}
	if least != 5*time.Second {
		t.Errorf("the bound is %s", least)
	}
}

func TestRequestsWaitAfterTrouble(t *testing.T) {
	const pace = time.Hour // what waits is cancelled
	sc := newScene(t)
	tests := []struct {
		name  string
		event func(r *requests)
		waits bool
	}{
		{"at first nothing is waited for", func(*requests) {}, false},
		{"a failure is waited after", func(r *requests) { r.failed(errors.New("forbidden")) }, true},
		{"an expired version is not", func(r *requests) { r.failed(errExpired) }, false},
		{"one that expired again right after the list is", func(r *requests) { r.failed(errExpired); r.failed(errExpired) }, true},
		{"one that expired again after a watch is not",
			func(r *requests) { r.failed(errExpired); r.ended(steadyTime); r.failed(errExpired) }, false},
		{"a watch that lasted is not", func(r *requests) { r.ended(steadyTime) }, false},
		{"nor is one that did not", func(r *requests) { r.ended(steadyTime - 1) }, false},
		{"two in a row that did not last are", func(r *requests) { r.ended(steadyTime - 1); r.ended(0) }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRequests(sc.services, nil, wait.Backoff{Duration: pace})
			tt.event(r)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			defer cancel()
			if err := r.await(ctx); (err != nil) != tt.waits {
				t.Errorf("await ended with %v", err)
			}
		})
	}
}

func TestTheWaitBeginsAnewOnlyAfterAWatchThatLasted(t *testing.T) {
	r := newRequests(newScene(t).services, nil, wait.Backoff{Duration: time.Nanosecond, Factor: 2, Steps: 20})
	await := func() {
		t.Helper()
		if err := r.await(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		r.failed(errors.New("forbidden"))
		await()
		r.ended(0) // a list, and a watch that broke off
		await()
	}
	if r.pace.Duration != 8*time.Nanosecond {
		t.Errorf("after three failures the wait is %s", r.pace.Duration)
	}
	r.ended(8 * time.Nanosecond) // not longer than the wait that comes
	await()
	if r.pace.Duration != 16*time.Nanosecond {
		t.Errorf("after a watch as long as the wait before it the wait is %s", r.pace.Duration)
	}
	r.ended(17 * time.Nanosecond)
	await()
	if r.pace.Duration != 2*time.Nanosecond {
		t.Errorf("after a watch that was longer than its wait the wait is %s", r.pace.Duration)
	}
	r.ended(steadyTime)
	await()
	if r.pace.Duration != time.Nanosecond {
		t.Errorf("after a watch that lasted the wait is %s", r.pace.Duration)
	}
}

func TestWatchesThatEndAgainAndAgainAreAFault(t *testing.T) {
	logged := captureLog(t)
	r := newRequests(newScene(t).services, nil, noWait)
	brief := func() { r.ended(steadyTime - 1) }
	failed := func() { r.failed(errors.New("forbidden")); r.stream.restored() }
	steps := []struct {
		name string
		do   []func()
		want int
	}{
		{"two are none", []func(){brief, brief}, 0},
		{"nor are two after a failure", []func(){failed, brief, brief}, 0},
		{"nor are two after an outage", []func(){r.stream.delayed, brief, brief}, 0},
		{"nor are two after one that lasted", []func(){func() { r.ended(steadyTime) }, brief, brief}, 0},
		{"the third is", []func(){brief}, 1},
		{"further ones are not logged again", []func(){brief, brief}, 1},
		{"until one lasted", []func(){func() { r.ended(steadyTime) }, brief, brief, brief}, 2},
	}
	for _, step := range steps {
		for _, do := range step.do {
			do()
		}
		if lines := logged.lines("the watch ends again and again"); len(lines) != step.want {
			t.Errorf("%s: logged %q, want %d lines", step.name, lines, step.want)
		}
	}
}

func TestATokenThatIsRefusedIsReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	write := func(token string) {
		if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("old")
	config := &rest.Config{BearerTokenFile: file, BearerToken: "old"}
	good := "old"
	through := takeTokenFile(config)(roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Header.Get("Authorization") != "Bearer "+good {
			return answer(http.StatusUnauthorized), nil
		}
		return answer(http.StatusOK), nil
	}))
	if config.BearerToken != "" || config.BearerTokenFile != "" {
		t.Error("client-go has the token too")
	}
	status := func() int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := through.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode
	}
	var got []int
	got = append(got, status())
	good = "new"
	write(good)
	got = append(got, status(), status())
	// The token in memory is used once more, and then the one in the file.
	if want := []int{http.StatusOK, http.StatusUnauthorized, http.StatusOK}; !slices.Equal(got, want) {
		t.Errorf("the answers are %v, want %v", got, want)
	}
}

// witness is a Receiver that keeps what it is told of trouble.
type witness struct {
	*receiver
	told []string
}

func (w *witness) Witness(what source.Trouble, of, how string) {
	if what == source.Back {
		// How long it was is of the machine.
		_, how, _ = strings.Cut(how, " ")
	}
	w.told = append(w.told, fmt.Sprintf("%d %s %s", what, of, how))
}

func TestAnOutageIsToldToWhoWantsToKnow(t *testing.T) {
	w, o := &witness{receiver: newReceiver()}, newOutage("test")
	o.retry = wait.Backoff{Duration: time.Millisecond}
	o.tellTo(w)
	var err error
	through := o.guard(roundTripper(func(*http.Request) (*http.Response, error) { return answer(http.StatusOK), err }))
	for _, err = range []error{nil, errors.New("connection refused"), errors.New("still refused"), nil, nil} {
		_ = ask(t.Context(), through)
	}
	o.tell(source.Silent, "services", "nothing came")
	want := []string{"0 test connection refused", "1 test s", "2 services nothing came"}
	if !slices.Equal(w.told, want) {
		t.Errorf("got %q, want %q", w.told, want)
	}
	// Others need not know.
	o.tellTo(newReceiver())
	o.tell(source.Silent, "services", "nothing came")
	(*outage)(nil).tell(source.Silent, "services", "nothing came")
}
