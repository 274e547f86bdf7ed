package endpoints

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/coredns/coredns/plugin/test"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"
)

// A drawnHistory is a cluster that changes, and what is asked meanwhile.
type drawnHistory struct {
	// states are all that there were, and changed are the keys of what changed
	// from each to the next.
	states    []drawnCluster
	changed   []string
	questions []*dns.Msg
}

// drawHistory has no ExternalName Services: their answers are put together from
// the states of two Services, and no order of changes is promised between those.
func drawHistory(t *rapid.T, changes, questions int) drawnHistory {
	state := drawCluster(t, poolVersions[0])
	maps.DeleteFunc(state, func(_ string, object any) bool { return isExternal(object) })
	h := drawnHistory{states: []drawnCluster{state}}
	for i := range changes {
		namespace, service := rapid.SampledFrom(poolNamespaces).Draw(t, "namespace"), rapid.SampledFrom(poolServices).Draw(t, "Service")
		key, object := "Service "+namespace+"/"+service, any(nil)
		switch rapid.IntRange(0, 5).Draw(t, "what changes") {
		case 0:
			if s := drawService(t, namespace, service); s != nil && !isExternal(s) {
				object = s
			}
		default:
			slice := drawSlice(t, namespace, service)
			slice.Name = fmt.Sprintf("%s-%d", service, rapid.IntRange(0, 2).Draw(t, "slice"))
			slice.ResourceVersion = strconv.Itoa(200 + i)
			key = "EndpointSlice " + namespace + "/" + slice.Name
			if rapid.IntRange(0, 5).Draw(t, "removed") > 0 {
				object = slice
			}
		}
		state = maps.Clone(state)
		delete(state, key)
		if object != nil {
			state[key] = object
		}
		h.states, h.changed = append(h.states, state), append(h.changed, key)
	}
	for _, r := range drawQuestions(t, questions) {
		// What stands above Services depends on all of a namespace.
		if strings.Count(r.Question[0].Name, ".") > 4 {
			h.questions = append(h.questions, r)
		}
	}
	return h
}

func isExternal(object any) bool {
	service, ok := object.(*corev1.Service)
	return ok && service.Spec.Type == corev1.ServiceTypeExternalName
}

// A race lets a history happen while it is asked about.
type race struct {
	drawnHistory
	server wholeServer
	cache  *cache
	models []*naive
	// begun, applied and published are how many changes have got so far.
	begun, applied, published atomic.Int64
	over                      atomic.Bool
	asked                     chan struct{}
	mu                        sync.Mutex
	faults                    []error
}

// TestEveryAnswerIsThatOfAStateInBetween holds answers against the model while
// the cluster changes: each must be right for one of the states between the
// last one that was visible before the question and the last one that the source
// has told of before the answer.
func TestEveryAnswerIsThatOfAStateInBetween(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, h := testStanza(), drawHistory(t, rapid.IntRange(1, 30).Draw(t, "number of changes"), 50)
		if len(h.questions) == 0 {
			t.Skip("nothing is asked")
		}
		r := &race{drawnHistory: h, cache: synced(s.Settings.Naming, h.states[0].changes()), asked: make(chan struct{}, 1)}
		r.server = newServer(s, r.cache)
		for _, state := range h.states {
			r.models = append(r.models, state.model(s))
		}
		if err := r.run(); err != nil {
			t.Fatal(err)
		}
	})
}

func (r *race) run() error {
	var running sync.WaitGroup
	for i := range 3 {
		running.Go(func() { r.ask(i) })
	}
	running.Go(r.publish)
	for i, key := range r.changed {
		<-r.asked
		r.begun.Store(int64(i + 1))
		r.cache.Apply([]model.Change{change(key, r.states[i+1][key])})
		r.applied.Store(int64(i + 1))
	}
	<-r.asked
	r.over.Store(true)
	r.cache.wakeUp()
	running.Wait()
	return errors.Join(r.faults...)
}

func (r *race) publish() {
	for !r.over.Load() {
		<-r.cache.wake
		n := r.applied.Load()
		r.cache.publish()
		r.published.Store(n)
	}
}

func (r *race) ask(first int) {
	for i := first; !r.over.Load(); i++ {
		q := r.questions[i%len(r.questions)].Copy()
		from := r.published.Load()
		got, err := r.server.answer(q)
		to := r.begun.Load()
		if err == nil {
			err = ofOne(q, got, r.models[from:to+1])
		}
		if err != nil {
			r.fault(err)
		}
		select {
		case r.asked <- struct{}{}:
		default:
		}
	}
}

// answer asks outside of the goroutine of the test.
func (s wholeServer) answer(q *dns.Msg) (naiveAnswer, error) {
	c := &client{ResponseWriter: test.ResponseWriter{TCP: true}}
	rcode, err := s.h.ServeDNS(c.context(), c, q)
	if err != nil || rcode != dns.RcodeSuccess {
		return naiveAnswer{}, fmt.Errorf("%v: code %d, %w", q.Question, rcode, err)
	}
	if len(c.replies) == 0 {
		return written(nil), nil
	}
	return written(c.replies[0]), nil
}

func (r *race) fault(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, err)
}

// ofOne looks for the state that an answer is of.
func ofOne(asked *dns.Msg, got naiveAnswer, models []*naive) error {
	q := asked.Question[0]
	var all []naiveAnswer
	for _, n := range models {
		want := n.ask(q, asked.Opcode)
		if equalAnswers(got, want) {
			return nil
		}
		all = append(all, want)
	}
	if strings.HasSuffix(strings.ToLower(q.Name), ".arpa.") && isMixture(got.answer, all) {
		return nil
	}
	return fmt.Errorf("%v: got\n%swhich is of none of the %d states in between, in which it would be\n%v", q.String(), got, len(all), all)
}

// isMixture reports whether records of several Services can come from different
// states: each is in one of them, and what is in all is there.
func isMixture(got []string, all []naiveAnswer) bool {
	for _, line := range got {
		if !slices.ContainsFunc(all, func(a naiveAnswer) bool { return slices.Contains(a.answer, line) }) {
			return false
		}
	}
	for _, line := range all[0].answer {
		steady := !slices.ContainsFunc(all, func(a naiveAnswer) bool { return !slices.Contains(a.answer, line) })
		if steady && !slices.Contains(got, line) {
			return false
		}
	}
	return true
}

// An address that moves from one Service to another in one turn is somebody's at any time.
func TestAnAddressThatMovesBetweenServicesKeepsAName(t *testing.T) {
	h := testHandler(testStanza(), []model.Change{headlessService("default", "a"), headlessService("default", "b"), readySlice("default", "a", "a-1", "10.0.0.1")})
	c := h.cache.Load()
	over := make(chan struct{})
	var askers sync.WaitGroup
	for range 2 {
		askers.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				for _, qtype := range []uint16{dns.TypePTR, dns.TypeANY} {
					if m := serve(t, h, new(dns.Msg).SetQuestion("1.0.0.10.in-addr.arpa.", qtype)); m == nil || m.Rcode != dns.RcodeSuccess || len(m.Answer) == 0 {
						t.Errorf("%s: got %s", dns.TypeToString[qtype], text(m))
						return
					}
				}
			}
		})
	}
	for n := range 4_000 {
		from, to := "a", "b"
		if n%2 == 1 {
			from, to = to, from
		}
		c.Apply([]model.Change{readySlice("default", from, from+"-1", "10.0.0.1").Removal(), readySlice("default", to, to+"-1", "10.0.0.1")})
		c.publish()
	}
	close(over)
	askers.Wait()
}
