package apiserver

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// noWait is for tests in which requests fail.
var noWait = wait.Backoff{}

func services(all ...corev1.Service) *corev1.ServiceList {
	return &corev1.ServiceList{ListMeta: metav1.ListMeta{ResourceVersion: "7"}, Items: all}
}

// answers is an API server of one stream that gives what it is set to.
type answers struct {
	list error
	// plain and streaming are the answers to a watch, and to a list in its form.
	plain, streaming error
	empty            bool
}

func (a *answers) listWatch() *cache.ListWatch {
	return &cache.ListWatch{
		ListWithContextFunc: func(context.Context, metav1.ListOptions) (runtime.Object, error) {
			return services(), a.list
		},
		WatchFuncWithContext: func(_ context.Context, o metav1.ListOptions) (watch.Interface, error) {
			err := a.plain
			if o.SendInitialEvents != nil {
				err = a.streaming
			}
			switch {
			case err != nil:
				return nil, err
			case a.empty:
				return watch.NewEmptyWatch(), nil
			}
			return watch.NewFake(), nil
		},
	}
}

func TestConnectionIsLostAndRestored(t *testing.T) {
	failure := errors.New("no route to host")
	plainList := func(r *requests) { _, _ = r.ListWithContext(t.Context(), metav1.ListOptions{}) }
	plainWatch := func(r *requests) { _, _ = r.WatchWithContext(t.Context(), metav1.ListOptions{}) }
	streamingList := func(r *requests) {
		_, _ = r.WatchWithContext(t.Context(), metav1.ListOptions{SendInitialEvents: new(true)})
	}
	replace := func(r *requests) { _ = r.stream.Replace(nil, "7") }
	tests := []struct {
		name    string
		answers answers
		was     bool
		events  []func(r *requests)
		lost    bool
	}{
		{"a failed list loses it", answers{list: failure}, false, []func(*requests){plainList}, true},
		{"a failed watch loses it", answers{plain: failure}, false, []func(*requests){plainWatch}, true},
		{"a failed streaming list loses it", answers{streaming: failure}, false, []func(*requests){streamingList}, true},
		{"a server without streaming lists is not lost",
			answers{streaming: apierrors.NewBadRequest("what")}, false, []func(*requests){streamingList}, false},
		{"an expired resource version is no loss",
			answers{plain: apierrors.NewResourceExpired("too old")}, false, []func(*requests){plainWatch}, false},
		{"one that expired again right after the list is",
			answers{plain: apierrors.NewResourceExpired("too old")}, false, []func(*requests){plainWatch, plainList, replace, plainWatch}, true},
		{"a connection that is closed before the answer is a loss",
			answers{empty: true}, false, []func(*requests){plainWatch}, true},
		{"a streaming list that is closed before the answer does not restore it",
			answers{empty: true}, true, []func(*requests){streamingList}, true},
		{"a list alone does not restore it", answers{}, true, []func(*requests){plainList, replace}, true},
		{"a watch restores it", answers{}, true, []func(*requests){plainWatch}, false},
		{"the beginning of a streaming list does not restore it", answers{}, true, []func(*requests){streamingList}, true},
		{"the end of a streaming list restores it", answers{}, true, []func(*requests){streamingList, replace}, false},
		{"a list after a refused streaming list does not restore it",
			answers{streaming: apierrors.NewBadRequest("what")}, true, []func(*requests){streamingList, plainList, replace}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sc := newScene(t)
			r := newRequests(sc.services, tt.answers.listWatch(), noWait)
			if tt.was {
				r.failed(failure)
			}
			for _, do := range tt.events {
				do(r)
			}
			if got := sc.services.connection.lost; got != tt.lost {
				t.Errorf("the connection is lost: %v, want %v", got, tt.lost)
			}
		})
	}
}

func TestDrainWaitsForTheListUnderWay(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	begun, goOn := make(chan struct{}), make(chan struct{})
	finished := false // guarded by the gate
	r := newRequests(newScene(t).services, &cache.ListWatch{
		ListWithContextFunc: func(context.Context, metav1.ListOptions) (runtime.Object, error) {
			close(begun)
			<-goOn
			finished = true
			return services(), nil
		},
	}, noWait)
	go func() { _, _ = r.ListWithContext(ctx, metav1.ListOptions{}) }()
	<-begun
	cancel()
	time.AfterFunc(time.Millisecond, func() { close(goOn) })
	r.drain()
	if !finished {
		t.Error("drain did not wait for the list")
	}
	if _, err := r.ListWithContext(ctx, metav1.ListOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a list after the drain ended with %v", err)
	}
}

func TestErrorsOfClientGoAreLoggedOncePerState(t *testing.T) {
	sc := newScene(t)
	over := make(chan struct{})
	s := (&sink{connection: &sc.main.connection, over: over}).WithName("x").WithValues("type", "slice")
	logged := captureLog(t)
	const text = "Watching endpointslices_headless: odd: why type=slice n=1"
	steps := []struct {
		name string
		do   func()
		want int
	}{
		{"an error is logged", func() { s.Error(errors.New("why"), "odd", "n", 1) }, 1},
		{"the same again is not", func() { s.Error(errors.New("why"), "odd", "n", 1) }, 1},
		{"nor is information", func() { s.Info(0, "odd: why", "n", 1) }, 1},
		{"nor is another one", func() { s.Error(errors.New("why"), "odd", "n", 2) }, 1},
		{"nor is it after a new watch", func() { sc.main.connection.restored(); s.Error(errors.New("why"), "odd", "n", 1) }, 1},
		{"after a watch that lasted it is", func() { sc.main.connection.settled(); s.Error(errors.New("why"), "odd", "n", 1) }, 2},
		{"while the connection is lost nothing is", func() {
			sc.main.connection.failed(errors.New("gone"))
			s.Error(errors.New("why"), "odd", "n", 1)
		}, 2},
		{"after the end nothing is", func() {
			sc.main.connection.restored()
			sc.main.connection.settled()
			close(over)
			s.Error(errors.New("why"), "odd", "n", 1)
		}, 2},
	}
	for _, step := range steps {
		step.do()
		if lines := logged.lines(text); len(lines) != step.want {
			t.Errorf("%s: logged %q, want %d lines", step.name, lines, step.want)
		}
	}
}

// Each line that something cannot be watched is followed by one that it can.
func TestWhatIsWatchedAgainIsLogged(t *testing.T) {
	why := errors.New("why")
	for _, tt := range []struct {
		name        string
		events      []func(*connection)
		wrong, good int
	}{
		{"nothing was wrong", []func(*connection){(*connection).restored, (*connection).settled}, 0, 0},
		{"lost, and open again", []func(*connection){func(c *connection) { c.failed(why) }, func(c *connection) { c.failed(why) }, (*connection).restored, (*connection).settled}, 1, 1},
		{"it breaks off, and then lasts", []func(*connection){func(c *connection) { c.faulty("a") }, func(c *connection) { c.faulty("b") }, (*connection).restored, (*connection).settled, (*connection).settled}, 1, 1},
		{"it breaks off, and is open again, which says little", []func(*connection){func(c *connection) { c.faulty("a") }, (*connection).restored}, 1, 0},
		{"it breaks off and is lost, which is one trouble", []func(*connection){
			func(c *connection) { c.faulty("a") }, func(c *connection) { c.failed(why) }, (*connection).restored, func(c *connection) { c.faulty("a") }, (*connection).settled,
		}, 1, 1},
		{"a watch lasts that ends when the next is lost already", []func(*connection){func(c *connection) { c.failed(why) }, (*connection).settled, (*connection).restored}, 1, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			logged := captureLog(t)
			c := &newScene(t).main.connection
			for _, event := range tt.events {
				event(c)
			}
			if wrong, good := logged.lines("[WARNING]"), logged.lines("Watching endpointslices_headless again"); len(wrong) != tt.wrong || len(good) != tt.good {
				t.Errorf("logged %q and %q, want %d and %d lines", wrong, good, tt.wrong, tt.good)
			}
		})
	}
}

// A watch that goes on is steady before it ends.
func TestAWatchThatLastsIsGoodWhileItIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logged := captureLog(t)
		r := newRequests(newScene(t).main, (&answers{}).listWatch(), noWait)
		r.stream.connection.faulty("the watch broke off")
		w, err := r.WatchWithContext(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, after := range []struct {
			of   time.Duration
			want int
		}{{steadyTime - time.Second, 0}, {2 * time.Second, 1}} {
			time.Sleep(after.of)
			synctest.Wait()
			if lines := logged.lines("Watching endpointslices_headless again"); len(lines) != after.want {
				t.Errorf("logged %q, want %d lines", lines, after.want)
			}
		}
		w.Stop()
	})
}

var errExpired = apierrors.NewResourceExpired("too old")
