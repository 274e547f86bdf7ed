package differences

import (
	"github.com/miekg/dns"
)

// A Met is a difference that an answer shows.
type Met struct {
	*Difference
	// Lost is set where this difference takes the last records out of the answer.
	Lost bool
}

// Expect returns the answer that ours has to give, and the differences between it
// and the answer of the stock plugin.
func (x *Comparison) Expect() (want *dns.Msg, met []Met) {
	x.understand()
	view := x.View
	if view == nil {
		view = Show
	}
	want = x.Stock.Copy()
	// A kubernetes that has all endpoints says the same as ever.
	asEver := x.EndpointsKept && !x.answersHere()
	shown := view(want)
	for i := range All {
		d := &All[i]
		if d.Only != "" && d.Only != x.Setup || asEver && !d.passing {
			continue
		}
		x.touched = false
		had := len(want.Answer) > 0
		d.change(x, want)
		if !x.touched {
			continue
		}
		if after := view(want); after != shown {
			shown = after
			met = append(met, Met{d, had && len(want.Answer) == 0})
		}
	}
	return want, met
}
