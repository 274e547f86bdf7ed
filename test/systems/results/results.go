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
	// Requests, Errors and Slowest, in seconds, are of the load.
	Requests int     `json:"requests,omitempty"`
	Errors   int     `json:"errors,omitempty"`
	Slowest  float64 `json:"slowest,omitempty"`
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
	again := int(slower)
	for _, each := range []struct {
		what  string
		of    func(Trial) int
		bound int
	}{
		{"restarts", func(t Trial) int { return t.Restarts }, b.Restarts},
		{"contacts with addresses of nobody", func(t Trial) int { return t.Dead }, again * b.Dead},
		{"contacts with Pods of others", func(t Trial) int { return t.Wrong }, b.Wrong},
		{"failed look-ups", func(t Trial) int { return t.Failed }, b.Failed},
		{"refused certificates", func(t Trial) int { return t.Refused }, again * b.Refused},
		{"errors of the load", func(t Trial) int { return t.Errors }, b.Errors},
	} {
		if worst := r.Worst(each.of); worst > each.bound {
			missed = append(missed, fmt.Sprintf("%d %s, and may be %d", worst, each.what, each.bound))
		}
	}
	return missed
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
