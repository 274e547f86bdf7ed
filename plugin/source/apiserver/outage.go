package apiserver

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/source"

	"k8s.io/apimachinery/pkg/util/wait"
)

// retryBackoff is how long is waited after a failure: half a second to one at
// first, 5 to 10 seconds in the end. It counts for what fails on one stream, and
// for the one request at a time that is made while the API server is away.
var retryBackoff = wait.Backoff{Duration: 500 * time.Millisecond, Factor: 2, Jitter: 1, Steps: 10, Cap: 5 * time.Second}

// maxRetryAfter bounds what the API server may ask for in the header
// Retry-After.
const maxRetryAfter = 30 * time.Second

// outage knows whether the API server answers. While it does not, the requests
// of all streams wait, and one at a time tries: the load on an API server that
// is in trouble does not grow with the number of streams. The first answer lets
// all go on, over half a second.
type outage struct {
	host  string
	retry wait.Backoff
	// turn is held by the request that tries.
	turn chan struct{}

	mu sync.Mutex
	// began is zero while the API server answers, and fault is what it did last instead.
	began time.Time
	fault string
	pace  wait.Backoff
	// next is when the next request may be made, over is closed at the end.
	next time.Time
	over chan struct{}
	// witness is nil where nobody wants to know of it.
	witness source.Witness
}

func newOutage(host string) *outage {
	return &outage{host: host, retry: retryBackoff, turn: make(chan struct{}, 1)}
}

// tellTo has a Receiver know of outages, and of the other trouble of streams, if it wants to.
func (o *outage) tellTo(r source.Receiver) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.witness, _ = r.(source.Witness)
}

// tell tells of trouble of a stream.
func (o *outage) tell(what source.Trouble, of, how string) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.told(what, of, how)
}

// told is for who has locked.
func (o *outage) told(what source.Trouble, of, how string) {
	if o.witness != nil {
		o.witness.Witness(what, of, how)
	}
}

// guard makes a transport wait while the API server is away.
func (o *outage) guard(next http.RoundTripper) http.RoundTripper {
	return &guarded{outage: o, next: next}
}

type guarded struct {
	outage *outage
	next   http.RoundTripper
}

func (g *guarded) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx := request.Context()
	waits := g.outage.lasts()
	tries, err := g.outage.await(ctx)
	if err != nil {
		return nil, err
	}
	if a := askerOf(ctx); a != nil && waits {
		a.delayed()
	}
	if tries {
		defer func() { <-g.outage.turn }()
	}
	response, err := g.next.RoundTrip(request)
	if ctx.Err() == nil {
		g.outage.note(response, err, tries)
	}
	return response, err
}

// WrappedRoundTripper lets client-go close the idle connections below.
func (g *guarded) WrappedRoundTripper() http.RoundTripper { return g.next }

// lasts reports whether the API server is away.
func (o *outage) lasts() bool {
	if o == nil {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.began.IsZero()
}

// await returns when a request may be made, and whether it holds the turn.
func (o *outage) await(ctx context.Context) (tries bool, err error) {
	if !o.lasts() {
		return false, nil
	}
	select {
	case o.turn <- struct{}{}:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	if err := o.awaitNext(ctx); err != nil {
		<-o.turn
		return false, err
	}
	if o.lasts() {
		return true, nil
	}
	<-o.turn
	return false, pause(ctx, rand.N(o.retry.Duration), nil)
}

// awaitNext waits until the next request is due, or the outage is over.
func (o *outage) awaitNext(ctx context.Context) error {
	for {
		o.mu.Lock()
		left, over := time.Until(o.next), o.over
		if o.began.IsZero() {
			left = 0
		}
		o.mu.Unlock()
		if left <= 0 {
			return nil
		}
		if err := pause(ctx, left, over); err != nil {
			return err
		}
	}
}

// pause waits for d, or until it is called off.
func pause(ctx context.Context, d time.Duration, off <-chan struct{}) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-off:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// note takes how a request went.
func (o *outage) note(response *http.Response, err error, tried bool) {
	fault := faultOf(response, err)
	if fault == nil {
		o.end()
		return
	}
	o.goOn(fault, takeRetryAfter(response), tried)
}

// faultOf returns nil where the API server does its work, if only to refuse.
func faultOf(response *http.Response, err error) error {
	if err != nil {
		return err
	}
	switch code := response.StatusCode; {
	case code == http.StatusUnauthorized, code == http.StatusTooManyRequests, code >= http.StatusInternalServerError:
		return fmt.Errorf("it answers %q", response.Status)
	}
	return nil
}

// takeRetryAfter takes the header Retry-After out, which client-go would heed
// on one stream alone, ten times without a word, and without a bound.
func takeRetryAfter(response *http.Response) time.Duration {
	if response == nil {
		return 0
	}
	seconds, err := strconv.ParseUint(response.Header.Get("Retry-After"), 10, 31)
	response.Header.Del("Retry-After")
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxRetryAfter)
}

func (o *outage) goOn(fault error, least time.Duration, tried bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	begins := o.began.IsZero()
	if begins {
		o.began, o.pace, o.over = time.Now(), o.retry, make(chan struct{})
		log.Warningf("The API server %s is lost, what is known is served on: %v", o.host, fault)
		o.told(source.Lost, o.host, fault.Error())
	} else {
		log.Debugf("The API server %s is still lost: %v", o.host, fault)
	}
	o.fault = fault.Error()
	now := time.Now()
	// What was under way when the outage began tells nothing new.
	if begins || tried {
		o.next = now.Add(o.pace.Step())
	}
	if at := now.Add(least); at.After(o.next) {
		o.next = at
	}
}

func (o *outage) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.began.IsZero() {
		return
	}
	lasted := fmt.Sprintf("%.1f s", time.Since(o.began).Seconds())
	log.Infof("The API server %s is back after %s", o.host, lasted)
	o.told(source.Back, o.host, lasted)
	o.began = time.Time{}
	close(o.over)
}
