package facts

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// The codes of notes by which k8s_endpoints says something of itself.
const (
	NotReady = dns.ExtendedErrorCodeNotReady
	Stale    = dns.ExtendedErrorCodeStaleAnswer
)

// RcodeText is the name of the response code.
func (a *Answer) RcodeText() string {
	return cmp.Or(dns.RcodeToString[a.Rcode], fmt.Sprintf("RCODE%d", a.Rcode))
}

// Note returns the text of the first note that is not about the server, or is empty.
func (a *Answer) Note() string {
	for _, n := range a.Notes {
		if n.Code != NotReady && n.Code != Stale && n.Text != "" {
			return n.Text
		}
	}
	return ""
}

// Has returns the text of the note of a code.
func (a *Answer) Has(code uint16) (text string, ok bool) {
	for _, n := range a.Notes {
		if n.Code == code {
			return n.Text, true
		}
	}
	return "", false
}

// isPart reports whether the answer has a part of the records only, which may be another one each time.
func (a *Answer) isPart() bool {
	for _, n := range a.Notes {
		if strings.Contains(n.Text, " of ") && (strings.Contains(n.Text, " addresses") || strings.Contains(n.Text, " SRV records")) || strings.Contains(n.Text, "client") {
			return true
		}
	}
	return a.Truncated
}

// view writes what counts where answers are compared; it is not ok where they may differ and be right.
func view(all []Answer) (text string, ok bool) {
	var lines []string
	for i := range all {
		a := &all[i]
		if a.Err != "" || a.isPart() {
			return "", false
		}
		lines = append(lines, dns.TypeToString[a.Type]+" "+a.RcodeText())
		records := slices.Clone(a.Records)
		slices.Sort(records)
		lines = append(lines, records...)
	}
	return strings.Join(lines, "\n"), len(all) > 0
}

// latest are the answers that a replica gave last.
func (r *Replica) latest() []Answer {
	if r.Again != nil {
		return r.Again
	}
	return r.Answers
}

// AnswersDiffer reports whether replicas gave different answers the last time that they were asked.
func AnswersDiffer(all []Replica) bool {
	seen := ""
	for i := range all {
		text, ok := view(all[i].latest())
		if ok && seen != "" && seen != text {
			return true
		}
		if ok {
			seen = text
		}
	}
	return false
}

// PagesDiffer reports whether replicas know different things of the Service.
func PagesDiffer(all []Replica) bool {
	digest := ""
	for i := range all {
		s := all[i].Service
		if s == nil || s.Digest == "" {
			continue
		}
		if digest != "" && digest != s.Digest {
			return true
		}
		digest = s.Digest
	}
	return false
}

// Records are the addresses that a replica gave last, or what else it was asked for.
func (r *Replica) Records() []string {
	var all []string
	for _, a := range r.latest() {
		all = append(all, a.Records...)
	}
	return all
}

// Answered returns the first answer that a replica gave last, nil where it gave none.
func (r *Replica) Answered() *Answer {
	all := r.latest()
	for i := range all {
		if all[i].Err == "" {
			return &all[i]
		}
	}
	return nil
}

// Speaks reports whether a replica says reasons, as k8s_endpoints does.
func (r *Replica) Speaks() bool {
	for _, a := range slices.Concat(r.latest(), r.explained()) {
		if len(a.Notes) > 0 {
			return true
		}
	}
	return r.Explained != nil && len(r.Explained.Records) > 0
}

func (r *Replica) explained() []Answer {
	if r.Explained == nil {
		return nil
	}
	return []Answer{*r.Explained}
}
