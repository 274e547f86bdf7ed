package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/bench/figures"
)

func TestAnAnswerThatWasAMessageIsAnError(t *testing.T) {
	metrics := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, `coredns_k8s_endpoints_wire_answers_total{server="dns://127.0.0.1:53"} 300`)
	}))
	defer metrics.Close()
	ours := &server{metrics: strings.TrimPrefix(metrics.URL, "http://")}
	answered := func(name string, n int) *contest {
		c := new(contest)
		c.add(rival{name: figures.Stock})
		c.add(rival{name: name})
		c.found[0].answered, c.found[1].answered = 1000, n
		return c
	}
	for _, tc := range []struct {
		name     string
		contests []*contest
		err      string
	}{
		{"all were bytes", []*contest{answered(figures.Ours, 100), answered(figures.Ours, 200)}, ""},
		{"another server was asked too", []*contest{answered(figures.Ours, 300), answered(figures.Ceiling, 200)}, ""},
		{"one was a message", []*contest{answered(figures.Ours, 101), answered(figures.Ours, 200)}, "of 301 answers, 300 were bytes"},
	} {
		err := wroteBytes(t.Context(), ours, tc.contests)
		if got := fmt.Sprint(err); err == nil && tc.err != "" || err != nil && got != tc.err {
			t.Errorf("%s: got %v, want %q", tc.name, err, tc.err)
		}
	}
}
