package endpoints

import (
	"context"
	"strings"
	"sync/atomic"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/edns"
	"github.com/coredns/coredns/request"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"

	"github.com/miekg/dns"
)

// handler answers the questions of one server block.
type handler struct {
	next  plugin.Handler
	zones name.Zones
	// primary is the first zone that is not a reverse one: PTR records point
	// into it.
	primary string
	// fall holds the names whose questions pass on where no Service owns them.
	fall name.Zones

	ttl, negativeTTL uint32
	maxAnswers       int
	// namespaces are the only ones that can be exposed; none means all.
	namespaces map[string]struct{}

	// cache is the one of the stanza's feed once that is started, and an empty
	// one before.
	cache    atomic.Pointer[cache]
	upstream upstream
	counters counters
}

// query is a question that lies in one of the zones.
type query struct {
	w     dns.ResponseWriter
	r     *dns.Msg
	lower string
	// zone is written as in the question.
	zone  string
	name  name.Name
	cache *cache
	// stale tells that the answer is from a snapshot.
	stale bool
}

// owner returns the name as it was asked.
func (q *query) owner() string { return q.r.Question[0].Name }

func (q *query) qtype() uint16 { return q.r.Question[0].Qtype }

// Name implements plugin.Handler.
func (h *handler) Name() string { return pluginName }

// ServeDNS implements plugin.Handler.
func (h *handler) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	q, ours := h.parse(w, r)
	if !ours {
		return plugin.NextOrFailure(pluginName, h.next, ctx, w, r)
	}
	if h.mayOwn(q.name) && !q.cache.synced.Load() {
		return h.notReady(ctx, &q)
	}
	switch q.name.Kind {
	case name.Version:
		return h.version(ctx, &q)
	case name.Reverse:
		if sets := q.cache.publishers(q.name.Address); len(sets) > 0 {
			return h.reverse(ctx, &q, sets)
		}
	default:
		if q.name.Key == "" {
			break
		}
		if set := q.cache.set(q.name.Key); set != nil {
			return h.service(ctx, &q, set)
		}
	}
	if h.fall.Match(q.lower) != "" {
		return plugin.NextOrFailure(pluginName, h.next, ctx, w, r)
	}
	return h.notOwned(ctx, &q)
}

// parse is not ours for what the design leaves to other plugins: other classes
// and opcodes, zone transfers, names outside of the zones.
func (h *handler) parse(w dns.ResponseWriter, r *dns.Msg) (query, bool) {
	if r.Opcode != dns.OpcodeQuery || len(r.Question) != 1 {
		return query{}, false
	}
	asked := &r.Question[0]
	if asked.Qclass != dns.ClassINET || asked.Qtype == dns.TypeAXFR || asked.Qtype == dns.TypeIXFR {
		return query{}, false
	}
	lower := strings.ToLower(asked.Name)
	zone := h.zones.Match(lower)
	if zone == "" {
		return query{}, false
	}
	c := h.cache.Load()
	return query{
		w:     w,
		r:     r,
		lower: lower,
		zone:  asked.Name[len(lower)-len(zone):],
		name:  name.Parse(lower, zone),
		cache: c,
		// Read before the answer is made, so that none from a snapshot passes for
		// a current one.
		stale: c.stale.Load(),
	}, true
}

// mayOwn tells whether a Service could own the name.
func (h *handler) mayOwn(n name.Name) bool {
	switch {
	case n.Kind == name.Reverse:
		return true
	case n.Key == "":
		return false
	case len(h.namespaces) == 0:
		return true
	}
	_, ok := h.namespaces[n.Namespace]
	return ok
}

// service answers for a name that the Service of set owns.
func (h *handler) service(ctx context.Context, q *query, set *records.Set) (int, error) {
	// The text of a name is never shorter than its wire form less one.
	offset := headerSize + len(q.owner()) + 1 + 4
	a := set.Answer(records.Question{
		Owner:      q.owner(),
		Name:       q.name,
		Type:       q.qtype(),
		TTL:        or(set.Limits.TTL, h.ttl),
		Offset:     offset,
		Room:       capacity(q) - offset,
		MaxAnswers: or(set.Limits.MaxAnswers, h.maxAnswers),
		Explain:    q.r.IsEdns0() != nil,
	})
	switch a.Outcome {
	case records.Elsewhere:
		return h.follow(ctx, q, set)
	case records.Found:
		m := newReply(q.r)
		m.Answer, m.Truncated = a.Records, a.Truncated
		if len(a.Extra) > 0 {
			m.Extra = a.Extra
		}
		if a.Note != "" {
			explain(q, m, dns.ExtendedErrorCodeOther, a.Note)
		}
		return h.write(ctx, q, m)
	}
	rcode := dns.RcodeSuccess
	if a.Outcome == records.NoName {
		rcode = dns.RcodeNameError
	}
	return h.deny(ctx, q, denial{rcode: rcode, ttl: or(set.Limits.NegativeTTL, h.negativeTTL), note: a.Note})
}

// or returns what a Service says, or else what the stanza says.
func or[T any](said *T, otherwise T) T {
	if said != nil {
		return *said
	}
	return otherwise
}

// headerSize is the size of a message's header, in bytes (RFC 1035, section
// 4.1.1).
const headerSize = 12

// sizeOPT is the size of an OPT record without options, in bytes (RFC 6891,
// section 6.1.2).
const sizeOPT = 11

// capacity returns how many bytes of a message the client takes, less the OPT
// record that the server adds, with what says that the answer is stale.
func capacity(q *query) int {
	state := request.Request{W: q.w, Req: q.r}
	size := state.Size()
	asked := q.r.IsEdns0()
	if asked == nil {
		return size
	}
	size -= sizeOPT
	for _, option := range asked.Option {
		// The server sends back only those that a plugin has registered.
		if edns.SupportedOption(option.Option()) {
			size -= dns.Len(&dns.OPT{Option: []dns.EDNS0{option}}) - dns.Len(&dns.OPT{})
		}
	}
	if q.stale {
		size -= records.NoteSize(staleNote)
	}
	return size
}

// reverse answers for the address that the sets publish: a PTR record for each
// of their Services.
func (h *handler) reverse(ctx context.Context, q *query, sets []*records.Set) (int, error) {
	if q.qtype() != dns.TypePTR {
		return h.negative(ctx, q, dns.RcodeSuccess, "an address has PTR records only")
	}
	m := newReply(q.r)
	for _, set := range sets {
		endpoint, ok := set.Reverse(q.name.Address)
		if !ok {
			continue
		}
		labels := strings.Join([]string{endpoint, set.Service.Name, set.Service.Namespace, "svc"}, ".")
		if target := under(labels, h.primary); len(target) <= name.Max {
			m.Answer = append(m.Answer, &dns.PTR{Hdr: header(q.owner(), dns.TypePTR, or(set.Limits.TTL, h.ttl)), Ptr: target})
		}
	}
	if len(m.Answer) == 0 {
		return h.negative(ctx, q, dns.RcodeNameError, "no endpoint with this address")
	}
	return h.write(ctx, q, m)
}

// version answers for the version of the specification (Kubernetes DNS
// specification 1.1.0, section 2.2).
func (h *handler) version(ctx context.Context, q *query) (int, error) {
	if q.qtype() != dns.TypeTXT {
		return h.negative(ctx, q, dns.RcodeSuccess, "the version has TXT records only")
	}
	m := newReply(q.r)
	m.Answer = []dns.RR{&dns.TXT{Hdr: header(q.owner(), dns.TypeTXT, versionTTL), Txt: []string{specification}}}
	return h.write(ctx, q, m)
}

// The version of the Kubernetes DNS specification, and the TTL of its record in
// seconds, which is the stock plugin's.
const (
	specification = "1.1.0"
	versionTTL    = 28800
)

// notOwned answers for a name in the zone that no Service owns.
func (h *handler) notOwned(ctx context.Context, q *query) (int, error) {
	switch q.name.Kind {
	case name.Apex:
		return h.apex(ctx, q)
	case name.Services, name.ReverseTree:
		return h.negative(ctx, q, dns.RcodeSuccess, "no records here, only below")
	case name.Namespace:
		if !q.cache.synced.Load() {
			return h.notReady(ctx, q)
		}
		if q.cache.serves(q.name.Namespace) {
			return h.negative(ctx, q, dns.RcodeSuccess, "no records here, only below")
		}
		return h.negative(ctx, q, dns.RcodeNameError, "no headless or ExternalName Service in the namespace "+q.name.Namespace)
	case name.Reverse:
		return h.negative(ctx, q, dns.RcodeNameError, "no endpoint with this address")
	case name.Other:
		return h.negative(ctx, q, dns.RcodeNameError, "no name of a Service")
	}
	service, _, _ := strings.Cut(q.name.Key, ".")
	return h.negative(ctx, q, dns.RcodeNameError, "no headless or ExternalName Service "+q.name.Namespace+"/"+service)
}

func (h *handler) apex(ctx context.Context, q *query) (int, error) {
	m := newReply(q.r)
	switch q.qtype() {
	case dns.TypeSOA:
		soa := authority(q, h.ttl, h.negativeTTL)
		m.Answer = []dns.RR{&soa}
	case dns.TypeNS:
		m.Answer = []dns.RR{&dns.NS{Hdr: header(q.owner(), dns.TypeNS, h.ttl), Ns: under("ns.dns", q.zone)}}
	default:
		return h.negative(ctx, q, dns.RcodeSuccess, "no records of this type at the zone")
	}
	return h.write(ctx, q, m)
}
