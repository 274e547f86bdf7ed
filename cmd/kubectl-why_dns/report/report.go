// Package report writes what was found out: for people, in one line, or for programs.
//
// Read report.go first, then text.go and json.go.
package report

import (
	"fmt"
	"io"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/cause"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"
)

// The exit statuses.
const (
	// Fine says that nothing is wrong, but perhaps something is to be looked at.
	Fine = 0
	// Broken says that something is wrong: a line has the mark ✗.
	Broken = 1
	// Unknown says that neither could be found out.
	Unknown = 2
)

// Status is the exit status of verdicts: Broken where any is, and Unknown where any could not be found out.
func Status(all []*cause.Verdict) int {
	status := Fine
	for _, v := range all {
		switch {
		case v.Level == why.Broken:
			return Broken
		case v.Level == why.Skipped:
			status = Unknown
		}
	}
	if len(all) == 0 {
		return Unknown
	}
	return status
}

// A Form writes verdicts.
type Form func(out io.Writer, all []*cause.Verdict, paint Paint) error

// Forms are all of them.
var Forms = map[string]Form{"text": writeText, "short": writeShort, "json": writeJSON}

// marks are in front of lines.
var marks = map[why.Level]string{why.Fine: "✓", why.Warning: "!", why.Broken: "✗", why.Follows: "·", why.Skipped: "–"}

// Paint colours the marks of a level. The zero value colours nothing.
type Paint bool

// colours are those of ECMA-48, section 8.3.117 (SGR).
var colours = map[why.Level]int{why.Fine: 32, why.Warning: 33, why.Broken: 31}

// mark is that of a level.
func (p Paint) mark(l why.Level) string {
	if colour := colours[l]; bool(p) && colour != 0 {
		return fmt.Sprintf("\x1b[%dm%s\x1b[0m", colour, marks[l])
	}
	return marks[l]
}
