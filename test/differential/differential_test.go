// Package differential compares k8s_endpoints with the stock plugin kubernetes:
// the same cluster, the same questions. Every difference between two answers is
// one of the list in cmd/compare/differences, or a failure. Read
// fixture_test.go for the cluster, questions_test.go for the questions, and
// differential_test.go for the verdict.
package differential

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"

	"github.com/miekg/dns"
)

// maxShown bounds the failures that are printed in full.
const maxShown = 20

func TestEveryDifferenceFromKubernetesIsOnTheList(t *testing.T) {
	all := questions(world.Services)
	var r report
	var group sync.WaitGroup
	next := make(chan differences.Question)
	for range runtime.GOMAXPROCS(0) * 2 {
		group.Go(func() {
			a := newAsker()
			defer a.close()
			for q := range next {
				a.forget()
				for _, p := range pairings {
					v := judge(a, p, q)
					r.add(v)
					if v.hasRecords && q.Way == differences.OverUDP {
						r.add(judge(a, p, differences.Question{Name: q.Name, Type: q.Type, Way: differences.OverTCP}))
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
	for _, d := range differences.All {
		questions := r.met[d.Name]
		switch {
		case len(questions) == 0:
			t.Errorf("no answer shows the difference %q any more: take it off the list", d.Name)
		case !questions[d.Example]:
			t.Errorf("the example %q does not show the difference %q, but these do: %s", d.Example, d.Name, some(questions))
		}
	}
}

func some(questions map[string]bool) string {
	all := slices.Sorted(maps.Keys(questions))
	return strings.Join(all[:min(len(all), 10)], ", ")
}

// A verdict is the result of one question in one setup.
type verdict struct {
	question differences.Question
	// failure is empty where the answer is as it has to be.
	failure string
	// differs is set where the two answers are not the same.
	differs bool
	// hasRecords is set where one of the two is not negative.
	hasRecords bool
	// met are the names of the differences that the answer shows.
	met []differences.Met
}

// judge asks both servers. The answer of ours must be that of the stock one,
// changed by the differences.
func judge(a *asker, p pairing, q differences.Question) verdict {
	x, err := hold(a, p, q)
	if err != nil {
		return verdict{question: q, failure: fmt.Sprintf("%s (%s): %v", q, p.setup, err)}
	}
	want, met := x.Expect()
	v := verdict{question: q, differs: differences.Show(x.Stock) != differences.Show(x.Ours), hasRecords: !differences.IsNegative(x.Stock) || !differences.IsNegative(x.Ours), met: met}
	if got := differences.Show(x.Ours); got != differences.Show(want) {
		v.failure = fmt.Sprintf("%s (over %s, %s, endpoints kept: %t):\nk8s_endpoints answers\n%skubernetes answers\n%sand with the differences %q k8s_endpoints is to answer\n%s",
			q, q.Way, p.setup, p.endpointsKept, got, differences.Show(x.Stock), named(met), differences.Show(want))
	}
	return v
}

func named(met []differences.Met) []string {
	var names []string
	for _, d := range met {
		names = append(names, d.Name)
	}
	return names
}

// hold asks both servers a question, and returns the comparison of the answers.
func hold(a *asker, p pairing, q differences.Question) (x *differences.Comparison, err error) {
	x = &differences.Comparison{Question: q, Setup: p.setup, Cluster: world.Cluster, EndpointsKept: p.endpointsKept}
	if x.Stock, err = a.ask(p.stock, q); err != nil {
		return nil, fmt.Errorf("kubernetes: %w", err)
	}
	if x.Ours, err = a.ask(p.ours, q); err != nil {
		return nil, fmt.Errorf("k8s_endpoints: %w", err)
	}
	x.LookUp = func(name string) *dns.Msg {
		m, err := a.ask(p.ours, differences.Question{Name: name, Type: q.Type, Way: q.Way})
		if err != nil {
			// A message that equals no answer.
			return &dns.Msg{MsgHdr: dns.MsgHdr{Rcode: dns.RcodeBadVers}}
		}
		return m
	}
	x.Whole = func() *dns.Msg {
		over, err := hold(a, p, differences.Question{Name: q.Name, Type: q.Type, Way: differences.OverTCP})
		if err != nil {
			return new(dns.Msg)
		}
		m, _ := over.Expect()
		m.Extra = differences.WithoutOPT(m.Extra)
		return m
	}
	return x, nil
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
	for _, d := range v.met {
		if r.met[d.Name] == nil {
			r.met[d.Name] = make(map[string]bool)
		}
		r.met[d.Name][v.question.String()] = true
	}
}
