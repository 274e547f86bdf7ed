package report

import (
	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"

	"github.com/miekg/dns"
)

// A Result is a question with both answers, and how these differ.
type Result struct {
	differences.Question
	// Err is set where a server gave no answer; all below is then unset.
	Err error

	KubeDNS, Ours *dns.Msg
	// KubeDNSView and OursView are the answers in the form in which they are compared. Want is the answer that ours has
	// to give by the documented differences.
	KubeDNSView, OursView, Want string
	// Differs is set where the answers are not the same.
	Differs bool
	// IsExplained is set where the documented differences in Met are all that is different.
	IsExplained bool
	Met         []differences.Met
	// Undecided are those of Met that somebody has to decide on.
	Undecided []differences.Met
}

// IsInTheWay reports whether, by this result, a switch is not known to be safe.
func (r *Result) IsInTheWay() bool {
	return r.Err != nil || r.Differs && !r.IsExplained || len(r.Undecided) > 0
}
