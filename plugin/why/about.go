package why

import (
	"slices"
	"strings"
)

// About is what is said of a Service as a whole, as histories keep it: a line for each thing,
// which begins with what it is about.
type About string

// The things that are not options of the policy.
const (
	aboutKind    = "kind"
	aboutTarget  = "target"
	aboutDrain   = "drain"
	aboutLeftOut = "left-out"
)

// externalName is the kind of a Service that leads to a name elsewhere.
const externalName = "ExternalName"

// Facts are what an About is made of. All of them may be empty.
type Facts struct {
	// Kind is "headless" or "ExternalName", and Target what one of the latter leads to.
	Kind, Target string
	// Policy has the options as health.Policy writes them, and Own the names of those that
	// the Service says by annotation, as the Corefile has them.
	Policy string
	Own    []string
	// Drain are the endpoints that the Service takes out.
	Drain []string
	// LeftOut says what is wrong with its annotations, in lines.
	LeftOut string
}

// About returns them as text.
func (f Facts) About() About {
	var lines []string
	add := func(key, value string) {
		if value != "" {
			lines = append(lines, key+" "+value)
		}
	}
	add(aboutKind, f.Kind)
	add(aboutTarget, f.Target)
	if f.Policy != "" {
		for option := range strings.SplitSeq(f.Policy, ", ") {
			name, value, _ := strings.Cut(option, " ")
			if slices.Contains(f.Own, name) {
				value += " (annotation)"
			}
			add(name, value)
		}
	}
	add(aboutDrain, strings.Join(f.Drain, " "))
	add(aboutLeftOut, strings.Join(strings.FieldsFunc(f.LeftOut, func(r rune) bool { return r == '\n' }), "; "))
	return About(strings.Join(lines, "\n"))
}

// get returns what is said of one thing, nothing where nothing is.
func (a About) get(key string) string {
	for line := range strings.SplitSeq(string(a), "\n") {
		if of, value, _ := strings.Cut(line, " "); of == key {
			return value
		}
	}
	return ""
}

// Kind returns what kind of Service it is.
func (a About) Kind() string { return a.get(aboutKind) }

// options returns the names of the options of the policy, in their order.
func (a About) options() (all []string) {
	for line := range strings.SplitSeq(string(a), "\n") {
		switch name, _, _ := strings.Cut(line, " "); name {
		case "", aboutKind, aboutTarget, aboutDrain, aboutLeftOut:
		default:
			all = append(all, name)
		}
	}
	return all
}

// ByServing reports whether the Pods' own readiness counts.
func (a About) ByServing() bool { return strings.HasPrefix(a.get("publish"), "serving") }
