package cause

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/facts"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"
)

// Finding is one line of what was found out.
type Finding struct {
	ID    why.CauseID
	Level why.Level
	Text  string
	// Details are further lines.
	Details []string
	// Do is what repairs or proves it: one command, or where to look.
	Do string
}

// judgement is what was found out so far.
type judgement struct {
	*facts.Facts
	all []Finding
	// explained is true once a cause stands there that is enough.
	explained bool
}

// say adds a finding.
func (j *judgement) say(c why.Cause, about ...any) *Finding {
	j.all = append(j.all, Finding{ID: c.ID, Level: c.Level, Text: c.Text(about...)})
	return &j.all[len(j.all)-1]
}

// blame adds one that explains what stands behind it.
func (j *judgement) blame(c why.Cause, about ...any) *Finding {
	j.explained = j.explained || c.Level == why.Broken
	return j.say(c, about...)
}

// detail adds a line, if it says anything.
func (f *Finding) detail(format string, about ...any) *Finding {
	if text := fmt.Sprintf(format, about...); text != "" {
		f.Details = append(f.Details, text)
	}
	return f
}

// do says what to do, unless something stands there.
func (f *Finding) do(what string) *Finding {
	if f.Do == "" {
		f.Do = what
	}
	return f
}

// kubectl writes a command in a namespace.
func kubectl(namespace string, args ...string) string {
	words := []string{"kubectl", "-n", quoted(namespace)}
	for _, arg := range args {
		words = append(words, quoted(arg))
	}
	return strings.Join(words, " ")
}

// dig writes a command that asks a server, which has another name where it is not one to ask.
func dig(server, name, typ string) string {
	words := []string{"dig"}
	host, port, err := net.SplitHostPort(server)
	switch _, invalid := netip.ParseAddr(server); {
	case err == nil:
		words = append(words, "@"+quoted(host), "-p", quoted(port))
	case invalid == nil:
		words = append(words, "@"+server)
	}
	return strings.Join(append(words, quoted(name), typ), " ")
}

// quoted writes a word so that a shell takes it for one.
func quoted(word string) string {
	for _, r := range word {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_./=:,@%", r) {
			return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return word
}

// count writes how many there are of something.
func count(n int, one string) string {
	switch {
	case n == 1:
		return "1 " + one
	case strings.HasSuffix(one, "ss"):
		return fmt.Sprintf("%d %ses", n, one)
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// maxNamed is how many things are named where there are many.
const maxNamed = 3

// named names the first of them.
func named(all []string) string {
	switch more := len(all) - maxNamed; {
	case len(all) == 0:
		return ""
	case more == 1:
		return strings.Join(all, ", ")
	case more > 0:
		return fmt.Sprintf("%s and %d more", strings.Join(all[:maxNamed], ", "), more)
	}
	return strings.Join(all, ", ")
}

// clock writes a time of today, and the day of another one.
func (j *judgement) clock(t time.Time) string {
	t = t.UTC()
	if t.Format(time.DateOnly) == j.Now.UTC().Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}

// ago writes how long it has been since then.
func (j *judgement) ago(t time.Time) string {
	return why.Duration(max(0, j.Now.Sub(t)).Round(time.Second))
}
