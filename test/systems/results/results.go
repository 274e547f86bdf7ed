// Package results has what came of the lives of systems, and says which bounds were missed.
package results

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/systems/drivers"
)

// A Trial is one life of one system.
type Trial struct {
	// Whole is whether the system was whole in time, and Seconds how long that took.
	Whole   bool    `json:"whole"`
	Seconds float64 `json:"seconds"`
	// Why says what was missing where it was not whole, or the first error of the load.
	Why string `json:"why,omitempty"`
	// Restarts are those of containers.
	Restarts int `json:"restarts"`
	// Own, Dead and Wrong are contacts: with members, with addresses of nobody, and with
	// Pods of others.
	Own   int `json:"own"`
	Dead  int `json:"dead"`
	Wrong int `json:"wrong"`
	// Lookups are all queries of members, Denied those that got NXDOMAIN, and Failed those
	// that were denied a Pod which was ready, or got neither an answer nor a denial.
	Lookups int `json:"lookups"`
	Denied  int `json:"denied"`
	Failed  int `json:"failed"`
	// Refused are certificates that members have refused.
	Refused int `json:"refused"`
	// Answered is how long it took until the first answer of a CoreDNS that started again, in
	// seconds.
	Answered float64 `json:"answered,omitempty"`
	// Silent says that there was none.
	Silent bool `json:"silent,omitempty"`
	// Requests, Errors and Slowest, in seconds, are of the load.
	Requests int     `json:"requests,omitempty"`
	Errors   int     `json:"errors,omitempty"`
	Slowest  float64 `json:"slowest,omitempty"`
	// Took is how long all of it took in seconds, with what leads up to the life and what comes
	// after.
	Took float64 `json:"took,omitempty"`
}

// A Row has the trials of one life of one system that asks one server.
type Row struct {
	System string  `json:"system"`
	Life   string  `json:"life"`
	Server string  `json:"server"`
	Trials []Trial `json:"trials"`
}

// A File is docs/systems.json.
type File struct {
	// Commit, Kernel, Kubernetes and CPUs say what was measured, and where.
	Commit     string `json:"commit"`
	Kernel     string `json:"kernel"`
	Kubernetes string `json:"kubernetes"`
	CPUs       int    `json:"cpus"`
	// AtOnce is how many systems lived at a time.
	AtOnce int `json:"at_once"`
	// Versions are those of the systems, by their key, and Queries what they asked ours.
	Versions map[string]string   `json:"versions"`
	Queries  map[string][]string `json:"queries"`
	Rows     []Row               `json:"rows"`
}

// Read reads a File.
func Read(path string) (*File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f := new(File)
	if err := json.Unmarshal(text, f); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// Write writes a File.
func (f *File) Write(path string) error {
	text, err := json.MarshalIndent(f, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// Find returns the row of a life, or nil.
func (f *File) Find(system, life, server string) *Row {
	i := slices.IndexFunc(f.Rows, func(r Row) bool { return r.System == system && r.Life == life && r.Server == server })
	if i < 0 {
		return nil
	}
	return &f.Rows[i]
}

// Formed is how many trials ended with a system that is whole.
func (r *Row) Formed() int {
	n := 0
	for _, each := range r.Trials {
		if each.Whole {
			n++
		}
	}
	return n
}

// Never reports whether there were trials, and none ended with a system that is whole.
func (r *Row) Never() bool { return len(r.Trials) > 0 && r.Formed() == 0 }

// Worst is the most of a number in one trial.
func (r *Row) Worst(of func(Trial) int) int {
	worst := 0
	for _, each := range r.Trials {
		worst = max(worst, of(each))
	}
	return worst
}

// Seconds are how long the shortest and the longest trial took that ended with a whole system.
func (r *Row) Seconds() (shortest, longest float64) {
	for _, each := range r.Trials {
		if !each.Whole {
			continue
		}
		if shortest == 0 || each.Seconds < shortest {
			shortest = each.Seconds
		}
		longest = max(longest, each.Seconds)
	}
	return shortest, longest
}

// Answered is the longest time until a first answer, in seconds.
func (r *Row) Answered() float64 {
	longest := 0.0
	for _, each := range r.Trials {
		longest = max(longest, each.Answered)
	}
	return longest
}

// Silent is in how many trials a CoreDNS that started again gave no answer.
func (r *Row) Silent() (n int) {
	for _, each := range r.Trials {
		if each.Silent {
			n++
		}
	}
	return n
}

// Missed says which bounds a row does not keep. Times may be so many times as long as they
// say, at least 1: beside other systems, each waits for a processor. What members do again and
// again meanwhile they do as many times as often.
func (r *Row) Missed(b drivers.Bounds, slower float64) []string {
	var missed []string
	if lost := len(r.Trials) - r.Formed(); lost > b.Unformed {
		missed = append(missed, fmt.Sprintf("%d of %d were not whole in time, and %d may be: %s", lost, len(r.Trials), b.Unformed, r.why()))
	}
	if _, longest := r.Seconds(); b.Formed > 0 && longest > slower*b.Formed.Seconds() {
		missed = append(missed, fmt.Sprintf("it took %.1f s, and may take %s", longest, time.Duration(slower*float64(b.Formed))))
	}
	if longest := r.Answered(); b.Answered > 0 && longest > slower*b.Answered.Seconds() {
		missed = append(missed, fmt.Sprintf("the first answer took %.1f s, and may take %s", longest, time.Duration(slower*float64(b.Answered))))
	}
	if n := r.Silent(); b.Answered > 0 && n > 0 {
		missed = append(missed, fmt.Sprintf("%d times there was no answer, and may be 0", n))
	}
	again := int(slower)
	b.Dead, b.Refused = again*(b.Dead+b.Dialled), again*b.Refused
	for _, each := range counted {
		if worst, bound := r.Worst(each.of), each.bound(b); worst > bound {
			missed = append(missed, fmt.Sprintf("%d %s, and may be %d", worst, each.what, bound))
		}
	}
	return missed
}

// counted are the numbers of a trial that have a bound.
var counted = []struct {
	what  string
	of    func(Trial) int
	bound func(drivers.Bounds) int
}{
	{"restarts", func(t Trial) int { return t.Restarts }, func(b drivers.Bounds) int { return b.Restarts }},
	{"contacts with addresses of nobody", func(t Trial) int { return t.Dead }, func(b drivers.Bounds) int { return b.Dead }},
	{"contacts with Pods of others", func(t Trial) int { return t.Wrong }, func(b drivers.Bounds) int { return b.Wrong }},
	{"failed look-ups", func(t Trial) int { return t.Failed }, func(b drivers.Bounds) int { return b.Failed }},
	{"refused certificates", func(t Trial) int { return t.Refused }, func(b drivers.Bounds) int { return b.Refused }},
	{"errors of the load", func(t Trial) int { return t.Errors }, func(b drivers.Bounds) int { return b.Errors }},
}

const (
	// Enough is how many trials there have to be before one believes that what is known has
	// become better: what members do to each other differs from one trial to the next.
	Enough = 3
	// far is how many times as much a bound allows as the worst trial has, where it is kept
	// by far.
	far = 4
	// few is what a bound may allow whether it happens or not: what is rare is not seen each
	// time.
	few = 5
)

// MayBeLoose reports whether Loose has something to say of bounds if nothing goes wrong.
func MayBeLoose(b drivers.Bounds) bool {
	best := Row{Trials: slices.Repeat([]Trial{{Whole: true}}, Enough)}
	return len(best.Loose(b)) > 0
}

// Loose says which bounds with something that is known are kept by far: what is known has
// become better, or was never as bad. Restarts are not looked at, since a life may need some
// of them whatever is known, nor is Dialled, which does not come from what was seen, a bound
// that allows but a few, or a row of fewer trials than Enough.
func (r *Row) Loose(b drivers.Bounds) []string {
	if b.Known == "" || len(r.Trials) < Enough {
		return nil
	}
	b.Restarts = 0
	var loose []string
	for _, each := range counted {
		if worst, bound := r.Worst(each.of), each.bound(b); bound > few && far*worst < bound {
			loose = append(loose, fmt.Sprintf("%d %s in %d trials, and may be %d", worst, each.what, len(r.Trials), bound))
		}
	}
	if lost := len(r.Trials) - r.Formed(); far*lost < b.Unformed {
		loose = append(loose, fmt.Sprintf("%d of %d were not whole in time, and %d may be", lost, len(r.Trials), b.Unformed))
	}
	return loose
}

// why is what the first trial that was not whole says.
func (r *Row) why() string {
	for _, each := range r.Trials {
		if !each.Whole {
			return each.Why
		}
	}
	return ""
}
