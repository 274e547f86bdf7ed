package endpoints

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"

	"github.com/coredns/coredns/request"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"

	"github.com/miekg/dns"
)

// maxChain is how many ExternalName Services in a row lead to an answer.
const maxChain = 8

// upstream resolves a name through the whole server.
type upstream interface {
	Lookup(ctx context.Context, state request.Request, name string, typ uint16) (*dns.Msg, error)
}

// chainKey is the context key of the names that led to a question, in lower
// case: the look-up of an alias asks this very plugin again.
type chainKey struct{}

// alias answers with the alias and with what its target has, whose response code
// is the answer's (RFC 6604, section 3).
func (q *query) alias(ctx context.Context, up upstream, set *records.Set) *dns.Msg {
	target := set.Service.Target
	if q.asked.Type == dns.TypeCNAME || q.asked.Type == dns.TypeANY {
		return q.aliasOf(target)
	}
	found, looped := q.follow(ctx, up, target, q.asked.Type)
	if looped {
		return q.fail(dns.ExtendedErrorCodeOther, textChain)
	}
	return q.leadTo(target, found)
}

// aliasOf answers with the alias alone.
func (q *query) aliasOf(target string) *dns.Msg {
	m := newReply(q.r)
	m.Answer = []dns.RR{&dns.CNAME{Hdr: records.Header(q.asked.Owner, dns.TypeCNAME, q.asked.TTL), Target: target}}
	return m
}

// follow looks a target up, and returns nil where nothing comes of it. It reports whether
// the name is one of those that led to it, or they are too many.
func (q *query) follow(ctx context.Context, up upstream, target string, qtype uint16) (found *dns.Msg, looped bool) {
	chain, _ := ctx.Value(chainKey{}).([]string)
	if len(chain) >= maxChain || slices.Contains(chain, q.lower) {
		return nil, true
	}
	ctx = context.WithValue(ctx, chainKey{}, append(slices.Clip(chain), q.lower))
	found, err := up.Lookup(ctx, request.Request{W: q.w, Req: q.r}, target, qtype)
	if err != nil {
		return nil, false
	}
	return found, false
}

// leadTo answers with the alias and with what was found for its target.
func (q *query) leadTo(target string, found *dns.Msg) *dns.Msg {
	if found == nil {
		return q.fail(dns.ExtendedErrorCodeOther, fmt.Sprintf(textNoTarget, target))
	}
	m := q.aliasOf(target)
	why, told := extendedError(found)
	switch found.Rcode {
	case dns.RcodeSuccess, dns.RcodeNameError:
		add(m, found)
		if !told {
			fit(m, q.capacity())
			break
		}
		fit(m, q.capacity()-records.NoteSize(why.ExtraText))
		q.note(m, why.InfoCode, why.ExtraText)
	case dns.RcodeRefused:
		// A resolver goes on by itself. Another client would take the alias alone for a
		// name without records.
		if q.r.RecursionDesired {
			return q.fail(dns.ExtendedErrorCodeOther, fmt.Sprintf(textTargetRefused, target))
		}
	default:
		if why.ExtraText != "" {
			return q.fail(dns.ExtendedErrorCodeOther, why.ExtraText)
		}
		return q.fail(dns.ExtendedErrorCodeOther, fmt.Sprintf(textTargetFailed, rcodeText(found.Rcode), target))
	}
	return m
}

// rcodeText returns a response code as people know it.
func rcodeText(rcode int) string {
	return cmp.Or(dns.RcodeToString[rcode], fmt.Sprintf("RCODE %d", rcode))
}

// add completes the alias in m with what was found for its target.
func add(m, found *dns.Msg) {
	m.Rcode = found.Rcode
	m.Truncated = found.Truncated
	m.Answer = append(m.Answer, found.Answer...)
	// Name servers of the target's zone are nobody's business here. What says that there
	// are no records is (RFC 2308, section 2).
	if !slices.ContainsFunc(found.Answer, func(rr dns.RR) bool { return rr.Header().Rrtype == m.Question[0].Qtype }) {
		m.Ns = found.Ns
	}
	for _, rr := range found.Extra {
		// Each message has its own OPT record (RFC 6891, section 6.1.1).
		if rr.Header().Rrtype != dns.TypeOPT {
			m.Extra = append(m.Extra, rr)
		}
	}
}

// fit drops additional records that do not fit into size bytes beside the alias,
// all of a name or none: the server would drop them too, but with TC set, as if answers were
// missing (RFC 2181, section 9).
func fit(m *dns.Msg, size int) {
	if len(m.Extra) == 0 {
		return
	}
	m.Compress = true
	defer func() { m.Compress = false }()
	extra := m.Extra
	n := sort.Search(len(extra), func(n int) bool {
		m.Extra = extra[:n+1]
		return m.Len() > size
	})
	for n > 0 && n < len(extra) && extra[n].Header().Name == extra[n-1].Header().Name {
		n--
	}
	m.Extra = extra[:n]
}

// extendedError returns the first Extended DNS Error of a message, if it has one.
func extendedError(m *dns.Msg) (why dns.EDNS0_EDE, told bool) {
	for ede := range extendedErrors(m) {
		return *ede, true
	}
	return why, false
}
