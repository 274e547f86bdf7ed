package apiserver

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
)

// runWith is run with a Source that is changed before.
func runWith(t *testing.T, a *apiServer, set func(*Source)) *receiver {
	s, err := New(Config{Endpoint: a.URL})
	if err != nil {
		t.Fatal(err)
	}
	s.backoff = &wait.Backoff{Duration: time.Millisecond}
	set(s)
	r, stop := start(s)
	t.Cleanup(func() {
		stop(t)
		r.check(t)
	})
	return r
}

func TestAnOpenWatchOnWhichNothingComesIsOpenedAgain(t *testing.T) {
	logged := captureLog(t)
	a := newAPIServer(t)
	a.put(headless("a", 0), slice("s", "a", 0))
	relisted := testutil.ToFloat64(relists.WithLabelValues(slicesHeadless))
	silent := testutil.ToFloat64(watchErrors.WithLabelValues(slicesHeadless))
	// A reflector lists again after a watch of less than a second.
	r := runWith(t, a, func(s *Source) { s.silence.limit = 1200 * time.Millisecond })
	untilSynced(t, r)
	// The watch that is open loses this change.
	a.with(func(a *apiServer) { a.silent = true })
	a.put(slice("t", "a", 0))
	eventually(t, "a silent watch", func() bool { return testutil.ToFloat64(watchErrors.WithLabelValues(slicesHeadless)) > silent })
	a.with(func(a *apiServer) { a.silent = false })
	a.put(byHand("b", 0)) // in another stream, which hears something again
	r.untilState(t, "n/a headless, n/b headless, slice n/s of a at 3, slice n/t of a at 4")
	if n := testutil.ToFloat64(relists.WithLabelValues(slicesHeadless)) - relisted; n != 0 {
		t.Errorf("%v relists followed: the watch should go on where it was", n)
	}
	if lines := logged.lines("Watching endpointslices_headless anew: nothing came for 1.2s"); len(lines) == 0 || len(lines) > 2 {
		t.Errorf("logged %q, want one line after the list and one after the change", lines)
	}
	if anew, again := logged.lines("Watching endpointslices_headless anew"), logged.lines("Watching endpointslices_headless again"); len(again) == 0 || len(anew)-len(again) > 1 {
		t.Errorf("logged %q and %q, want that something came again after each", anew, again)
	}
	if lines := logged.lines("is lost"); len(lines) != 0 {
		t.Errorf("logged %q, while the server answers", lines)
	}
}

func TestARequestWithoutAnAnswerIsMadeAgain(t *testing.T) {
	for _, watches := range []bool{false, true} {
		a := newAPIServer(t)
		want := cluster(a)
		a.hang = func(r request) bool { return r.watches == watches }
		if !watches {
			a.refuse = noStreaming
		}
		r := runWith(t, a, func(s *Source) { s.silence.limit = 50 * time.Millisecond })
		eventually(t, "some requests", func() bool { return len(a.asked(func(r request) bool { return r.watches == watches })) > 8 })
		a.with(func(a *apiServer) { a.hang = nil })
		r.until(t, "the state", func() bool {
			return r.syncs() == 1 && strings.HasPrefix(r.state(), strings.Split(want, ", namespace")[0])
		})
	}
}

func TestAListThatDoesNotEndIsGivenUp(t *testing.T) {
	logged := captureLog(t)
	a := newAPIServer(t)
	a.refuse = noStreaming
	r := runWith(t, a, func(s *Source) { s.silence.list = 1000 })
	untilSynced(t, r)
	a.with(func(a *apiServer) { a.silent = true })
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		a.put(headless(name, 0))
	}
	a.with(func(a *apiServer) { a.oldest = a.version })
	a.breakWatches()
	eventually(t, "a line", func() bool { return len(logged.lines("the list is too long")) > 0 })
	if got := r.state(); got != "" {
		t.Errorf("the state is %q", got)
	}
}

func TestAnswersThatAreNoListOfTheObjectsAreRefused(t *testing.T) {
	some := metav1.ListMeta{ResourceVersion: "7"}
	tests := []struct {
		name string
		list runtime.Object
		want string
	}{
		{"a list", &corev1.ServiceList{ListMeta: some}, ""},
		{"a list of something else", &discoveryv1.EndpointSliceList{ListMeta: some}, "the answer is a *v1.EndpointSliceList, want a list of services"},
		{"no list", &corev1.Service{}, "the answer is a *v1.Service, want a list of services"},
		{"a list without a version", &corev1.ServiceList{}, "the list of services has no resource version"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := newScene(t).services.query.check(tt.list)
			if got := ""; err != nil {
				got = err.Error()
				if got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			} else if tt.want != "" {
				t.Errorf("it was not refused")
			}
		})
	}
}

// brokenBody ends with an error.
type brokenBody struct{ err error }

func (b brokenBody) Read([]byte) (int, error) { return 0, b.err }
func (brokenBody) Close() error               { return nil }

func TestTheEndOfAConnectionIsTheEndOfTheWatch(t *testing.T) {
	lost, other := errors.New("http2: client connection lost"), errors.New("odd")
	for _, tt := range []struct {
		url       string
		err, want error
	}{
		{"http://127.0.0.1/?watch=true", lost, io.ErrUnexpectedEOF},
		{"http://127.0.0.1/?watch=true", io.EOF, io.EOF},
		{"http://127.0.0.1/?watch=true", other, io.ErrUnexpectedEOF},
		{"http://127.0.0.1/", lost, lost},
	} {
		through := (&silence{limit: time.Hour, list: 1}).guard(roundTripper(func(*http.Request) (*http.Response, error) {
			return &http.Response{Body: brokenBody{tt.err}}, nil
		}))
		r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, tt.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := through.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := response.Body.Read(make([]byte, 1)); err != tt.want {
			t.Errorf("%s, %v: got %v, want %v", tt.url, tt.err, err, tt.want)
		}
		response.Body.Close()
	}
}
