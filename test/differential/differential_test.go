// Package differential holds k8s_endpoints against the stock plugin kubernetes:
// the same cluster, the same questions, and every difference between two answers
// is on a list, or a failure.
package differential

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// maxShown bounds the failures that are printed in full.
const maxShown = 20

func TestEveryDifferenceFromKubernetesIsOnTheList(t *testing.T) {
	all := questions(world.services)
	var r report
	var group sync.WaitGroup
	next := make(chan question)
	for range runtime.GOMAXPROCS(0) * 2 {
		group.Go(func() {
			a := newAsker()
			defer a.close()
			for q := range next {
				a.forget()
				for _, p := range pairings {
					v := judge(a, p, q)
					r.add(v)
					if v.hasRecords && q.way == overUDP {
						r.add(judge(a, p, question{q.name, q.typ, overTCP}))
					}
				}
			}
		})
	}
	for _, q := range all {
		next <- q
	}
	close(next)
	group.Wait()

	t.Logf("%d pairs of answers, of which %d differ", r.all, r.differ)
	for i, failure := range slices.Sorted(slices.Values(r.failures)) {
		if i == maxShown {
			t.Errorf("and %d more", len(r.failures)-maxShown)
			break
		}
		t.Error(failure)
	}
	for _, d := range differences {
		questions := r.met[d.name]
		switch {
		case len(questions) == 0:
			t.Errorf("no answer shows the difference %q any more: take it off the list", d.name)
		case !questions[d.example]:
			t.Errorf("the example %q does not show the difference %q, but these do: %s", d.example, d.name, some(questions))
		}
	}
}

func some(questions map[string]bool) string {
	all := slices.Sorted(maps.Keys(questions))
	return strings.Join(all[:min(len(all), 10)], ", ")
}

// A verdict is what became of one question in one setup.
type verdict struct {
	question question
	// failure is empty where all is well.
	failure string
	// differs tells that the two answers are not the same.
	differs bool
	// hasRecords tells that one of the two is not merely negative.
	hasRecords bool
	// met are the names of the differences that the answer shows.
	met []string
}

// judge asks both servers. The answer of ours must be that of the stock one,
// changed by the differences.
func judge(a *asker, p pairing, q question) verdict {
	x, err := hold(a, p, q)
	if err != nil {
		return verdict{question: q, failure: fmt.Sprintf("%s (%s): %v", q, p.setup, err)}
	}
	want, met := expect(x)
	v := verdict{question: q, differs: show(x.stock) != show(x.ours), hasRecords: !negative(x.stock) || !negative(x.ours), met: met}
	if got := show(x.ours); got != show(want) {
		v.failure = fmt.Sprintf("%s (over %s, %s):\nk8s_endpoints answers\n%skubernetes answers\n%sand with the differences %q k8s_endpoints is to answer\n%s",
			q, q.way, p.setup, got, show(x.stock), met, show(want))
	}
	return v
}

// negative tells whether an answer only denies a name or a type.
func negative(m *dns.Msg) bool {
	return len(m.Answer) == 0 && (m.Rcode == dns.RcodeSuccess || m.Rcode == dns.RcodeNameError)
}

// hold asks both servers a question.
func hold(a *asker, p pairing, q question) (x *comparison, err error) {
	x = &comparison{question: q, setup: p.setup}
	if x.stock, err = a.ask(p.stock, q); err != nil {
		return nil, fmt.Errorf("kubernetes: %w", err)
	}
	if x.ours, err = a.ask(p.ours, q); err != nil {
		return nil, fmt.Errorf("k8s_endpoints: %w", err)
	}
	x.understand()
	x.lookUp = func(name string) *dns.Msg {
		m, err := a.ask(p.ours, question{name, q.typ, q.way})
		if err != nil {
			// A message that equals no answer.
			return &dns.Msg{MsgHdr: dns.MsgHdr{Rcode: dns.RcodeBadVers}}
		}
		return m
	}
	x.whole = func() *dns.Msg {
		over, err := hold(a, p, question{q.name, q.typ, overTCP})
		if err != nil {
			return new(dns.Msg)
		}
		m, _ := expect(over)
		m.Extra = withoutOPT(m.Extra)
		return m
	}
	return x, nil
}

// expect returns what ours is to answer, and the names of the differences that
// this shows.
func expect(x *comparison) (want *dns.Msg, met []string) {
	want = x.stock.Copy()
	shown := show(want)
	for _, d := range differences {
		if d.only != "" && d.only != x.setup {
			continue
		}
		x.touched = false
		d.change(x, want)
		if !x.touched {
			continue
		}
		if after := show(want); after != shown {
			shown = after
			met = append(met, d.name)
		}
	}
	return want, met
}

// A report gathers verdicts.
type report struct {
	mu       sync.Mutex
	failures []string
	// all and differ count pairs of answers.
	all, differ int
	// met holds the questions of each difference.
	met map[string]map[string]bool
}

func (r *report) add(v verdict) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all++
	if v.failure != "" {
		r.failures = append(r.failures, v.failure)
		return
	}
	if v.differs {
		r.differ++
	}
	if r.met == nil {
		r.met = make(map[string]map[string]bool)
	}
	for _, name := range v.met {
		if r.met[name] == nil {
			r.met[name] = make(map[string]bool)
		}
		r.met[name][v.question.String()] = true
	}
}
