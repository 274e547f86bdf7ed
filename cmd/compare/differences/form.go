package differences

import (
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// form are the differences between answers that say the same.
var form = []Difference{
	{
		Name:    "Names in an answer end as the question was written, capitals included.",
		Reason:  "They then compress to a pointer into the question; DNS does not tell capitals apart.",
		Example: "SRV STS.test.svc.cluster.local.",
		change:  takeCapitals,
	},
	{
		Name:    "Each SRV record has the weight 100, not a share of 100.",
		Reason:  "No record changes because others come and go, and more than 100 endpoints still have equal weights.",
		Example: "SRV sts.test.svc.cluster.local.",
		change: func(x *Comparison, m *dns.Msg) {
			for _, rr := range m.Answer {
				// A share is at least 1, of those that the answer shows at most.
				if srv, ok := rr.(*dns.SRV); ok && x.service.served() && int(srv.Weight) <= max(100/len(m.Answer), 1) {
					srv.Weight = 100
					x.touched = true
				}
			}
		},
	},
	{
		Name:    "An answer that does not fit is a part of its own for each client.",
		Reason:  "All clients together get each address equally often, and only what is sent is built. *kubernetes* sends the first ones.",
		Example: "A big.test.svc.cluster.local.",
		change:  takeThePart,
	},
	{
		Name:    "Additional addresses that do not fit are left out without TC.",
		Reason:  "The answer is whole; clients ask for the addresses they miss, instead of again over TCP (RFC 2181, section 9).",
		Example: "SRV medium.test.svc.cluster.local.",
		change:  takeTheAdditionalPart,
	},
}

// takeCapitals lets the names of targets end as the question writes them.
func takeCapitals(x *Comparison, m *dns.Msg) {
	if len(m.Answer) == 0 {
		return
	}
	_, ofZone := x.zonal()
	if !ofZone && !x.is(Headless) && !(x.service != nil && x.service.Kind == Headless && len(x.below) == 2) {
		return
	}
	x.touched = true
	end := func(name string) string {
		at := len(name) - len(x.tail)
		if at > 0 && strings.EqualFold(name[at:], x.tail) {
			return name[:at] + x.tail
		}
		return name
	}
	for _, rr := range m.Answer {
		if srv, ok := rr.(*dns.SRV); ok {
			srv.Target = end(srv.Target)
		}
	}
	for _, rr := range WithoutOPT(m.Extra) {
		rr.Header().Name = end(rr.Header().Name)
	}
}

// takeThePart takes our part of the answer, if it is a part of the whole and
// no further record fits. Addresses of its targets may take the room that is left.
func takeThePart(x *Comparison, m *dns.Msg) {
	if x.Way != SmallUDP || !x.Stock.Truncated || !x.Ours.Truncated {
		return
	}
	whole := x.Whole()
	whole.Truncated = true
	part := onlyPart(whole, x.Ours)
	answer := part.Copy()
	answer.Extra = nil
	if answer.Len()+largest(whole.Answer) <= dns.MinMsgSize || part.Len() > dns.MinMsgSize {
		return
	}
	all := len(part.Extra)
	x.keep(part, func(dns.RR) bool { return true })
	if len(part.Extra) == all {
		*m = *part
	}
}

// takeTheAdditionalPart takes our part of the additional records, if the answer is
// whole and no further one of them fits.
func takeTheAdditionalPart(x *Comparison, m *dns.Msg) {
	if x.Way != SmallUDP || !x.Stock.Truncated || x.Ours.Truncated {
		return
	}
	whole := x.Whole()
	part := onlyPart(whole, x.Ours)
	if len(part.Answer) < len(whole.Answer) || len(part.Extra) == len(whole.Extra) || part.Len()+largest(whole.Extra) <= dns.MinMsgSize {
		return
	}
	*m = *part
	x.touched = true
}

// onlyPart returns whole without the records that part does not have.
func onlyPart(whole, part *dns.Msg) *dns.Msg {
	m := whole.Copy()
	m.Compress = true
	in := func(rrs []dns.RR) func(dns.RR) bool {
		return func(rr dns.RR) bool {
			return !slices.ContainsFunc(rrs, func(o dns.RR) bool { return showRecord(o) == showRecord(rr) })
		}
	}
	m.Answer = slices.DeleteFunc(m.Answer, in(part.Answer))
	m.Extra = slices.DeleteFunc(m.Extra, in(part.Extra))
	return m
}
