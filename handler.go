package endpoints

import (
	"context"
	"math/rand/v2"
	"slices"
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
	zone string
	// asked is what a record set needs to know.
	asked records.Question
	cache *cache
	// stale tells that the answer is from a snapshot.
	stale bool
}

// Name implements plugin.Handler.
func (h *handler) Name() string { return pluginName }

// ServeDNS implements plugin.Handler.
func (h *handler) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	m := h.answer(ctx, w, r)
	// A question has a goroutine of its own, whose stack begins small: what
	// follows must not stand upon the frames of what made the answer, or the
	// stack has to grow for it once more, which costs as much as the answer.
	if m == nil {
		return plugin.NextOrFailure(pluginName, h.next, ctx, w, r)
	}
	counters, qtype := h.counters.of(ctx), typeIndex(r.Question[0].Qtype)
	counters.count(qtype, m)
	err := w.WriteMsg(m)
	// What does not fit is in the end the server's to tell.
	if m.Truncated {
		counters.countTruncated(qtype)
	}
	if err != nil {
		return dns.RcodeServerFailure, err
	}
	return dns.RcodeSuccess, nil
}

// answer returns nil for a question that passes on.
func (h *handler) answer(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) *dns.Msg {
	var q query
	if !h.parse(&q, w, r) {
		return nil
	}
	m := h.reply(ctx, &q)
	if m != nil && q.stale {
		explainStale(&q, m)
	}
	return m
}

func (h *handler) reply(ctx context.Context, q *query) *dns.Msg {
	if h.mayOwn(&q.asked.Name) && !q.cache.isSynced() {
		return h.notReady(q)
	}
	switch q.asked.Name.Kind {
	case name.Version:
		return h.version(q)
	case name.Reverse:
		if m := h.reverse(q); m != nil {
			return m
		}
	case name.Apex:
		if m := h.reverseApex(q); m != nil {
			return m
		}
	default:
		if q.asked.Name.Key == "" {
			break
		}
		if set := q.cache.set(q.asked.Name.Key); set != nil {
			return h.service(ctx, q, set)
		}
	}
	if h.fall.Match(q.lower) != "" {
		return nil
	}
	return h.notOwned(q)
}

// parse reads the question into q. It is not ours for what the design leaves to
// other plugins: other classes and opcodes, zone transfers, names outside of the
// zones.
func (h *handler) parse(q *query, w dns.ResponseWriter, r *dns.Msg) (ours bool) {
	if r.Opcode != dns.OpcodeQuery || len(r.Question) != 1 {
		return false
	}
	asked := &r.Question[0]
	if asked.Qclass != dns.ClassINET || asked.Qtype == dns.TypeAXFR || asked.Qtype == dns.TypeIXFR {
		return false
	}
	q.lower = strings.ToLower(asked.Name)
	zone := h.zones.Match(q.lower)
	if zone == "" {
		return false
	}
	q.w, q.r = w, r
	q.zone = asked.Name[len(q.lower)-len(zone):]
	q.asked.Owner, q.asked.Type = asked.Name, asked.Qtype
	q.asked.Name = name.Parse(q.lower, zone)
	q.cache = h.cache.Load()
	// Read before the answer is made, so that none from a snapshot passes for a
	// current one.
	q.stale = q.cache.isStale()
	return true
}

// mayOwn tells whether a Service could own the name.
func (h *handler) mayOwn(n *name.Name) bool {
	switch {
	case n.Address.IsValid():
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
func (h *handler) service(ctx context.Context, q *query, set *records.Set) *dns.Msg {
	// The text of a name is never shorter than its wire form less one.
	offset := headerSize + len(q.asked.Owner) + 1 + 4
	q.asked.TTL = or(set.Limits.TTL, h.ttl)
	q.asked.Offset, q.asked.Room = offset, capacity(q)-offset
	q.asked.MaxAnswers = or(set.Limits.MaxAnswers, h.maxAnswers)
	q.asked.Explain = q.r.IsEdns0() != nil
	a := set.Answer(&q.asked)
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
		return m
	}
	rcode := dns.RcodeSuccess
	if a.Outcome == records.NoName {
		rcode = dns.RcodeNameError
	}
	return h.deny(q, denial{rcode: rcode, ttl: or(set.Limits.NegativeTTL, h.negativeTTL), note: a.Note})
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

// reverse answers for an address with a PTR record for each Service that
// publishes it, or returns nil where none does. No more records are made than
// could fit, beginning anywhere: thousands of Services may share an address.
func (h *handler) reverse(q *query) *dns.Msg {
	keys := q.cache.holders(q.asked.Name.Address)
	if q.asked.Type != dns.TypePTR {
		if !slices.ContainsFunc(keys, func(key string) bool { return q.names(key) }) {
			return nil
		}
		return h.negative(q, dns.RcodeSuccess, "an address has PTR records only")
	}
	if len(keys) == 0 {
		return nil
	}
	m := newReply(q.r)
	room := capacity(q) - headerSize - len(q.asked.Owner)
	first := rand.IntN(len(keys))
	for i := range keys {
		set := q.cache.set(keys[(first+i)%len(keys)])
		if set == nil {
			continue
		}
		endpoint, ok := set.Reverse(q.asked.Name.Address)
		if !ok {
			continue
		}
		labels := strings.Join([]string{endpoint, set.Service.Name, set.Service.Namespace, "svc"}, ".")
		target := under(labels, h.primary)
		if len(target) > name.Max {
			continue
		}
		if room -= sizePTR + len(endpoint); room < 0 {
			// The server drops of the others what does not fit.
			m.Truncated = true
			break
		}
		m.Answer = append(m.Answer, &dns.PTR{Hdr: header(q.asked.Owner, dns.TypePTR, or(set.Limits.TTL, h.ttl)), Ptr: target})
	}
	if len(m.Answer) == 0 && !m.Truncated {
		return nil
	}
	shareTTL(m.Answer)
	return m
}

// names reports whether the Service of a key has a name for the address that was
// asked for.
func (q *query) names(key string) bool {
	set := q.cache.set(key)
	if set == nil {
		return false
	}
	_, ok := set.Reverse(q.asked.Name.Address)
	return ok
}

// reverseApex answers for the PTR records that stand beside the SOA record of a
// zone: a network smaller than a byte, such as 10.0.0.0/30, is a zone for each address.
func (h *handler) reverseApex(q *query) *dns.Msg {
	if !q.asked.Name.Address.IsValid() || q.asked.Type != dns.TypePTR {
		return nil
	}
	return h.reverse(q)
}

// sizePTR is the least that a PTR record takes besides the first label of its
// target, in bytes, with all else compressed.
const sizePTR = 2 + 10 + 1 + 2

// version answers for the version of the specification (Kubernetes DNS
// specification 1.1.0, section 2.2).
func (h *handler) version(q *query) *dns.Msg {
	if q.asked.Type != dns.TypeTXT {
		return h.negative(q, dns.RcodeSuccess, "the version has TXT records only")
	}
	m := newReply(q.r)
	m.Answer = []dns.RR{&dns.TXT{Hdr: header(q.asked.Owner, dns.TypeTXT, versionTTL), Txt: []string{specification}}}
	return m
}

// The version of the Kubernetes DNS specification, and the TTL of its record in
// seconds, which is the stock plugin's.
const (
	specification = "1.1.0"
	versionTTL    = 28800
)

// notOwned answers for a name in the zone that no Service owns.
func (h *handler) notOwned(q *query) *dns.Msg {
	switch q.asked.Name.Kind {
	case name.Apex:
		return h.apex(q)
	case name.Services, name.ReverseTree:
		return h.negative(q, dns.RcodeSuccess, "no records here, only below")
	case name.Namespace:
		if !q.cache.isSynced() {
			return h.notReady(q)
		}
		if q.cache.serves(q.asked.Name.Namespace) {
			return h.negative(q, dns.RcodeSuccess, "no records here, only below")
		}
		return h.negative(q, dns.RcodeNameError, "no headless or ExternalName Service in the namespace "+q.asked.Name.Namespace)
	case name.Reverse:
		return h.negative(q, dns.RcodeNameError, "no endpoint with this address")
	case name.Other:
		return h.negative(q, dns.RcodeNameError, "no name of a Service")
	}
	service, _, _ := strings.Cut(q.asked.Name.Key, ".")
	return h.negative(q, dns.RcodeNameError, "no headless or ExternalName Service "+q.asked.Name.Namespace+"/"+service)
}

func (h *handler) apex(q *query) *dns.Msg {
	m := newReply(q.r)
	switch q.asked.Type {
	case dns.TypeSOA:
		soa := authority(q, h.ttl, h.negativeTTL)
		m.Answer = []dns.RR{&soa}
	case dns.TypeNS:
		m.Answer = []dns.RR{&dns.NS{Hdr: header(q.asked.Owner, dns.TypeNS, h.ttl), Ns: under("ns.dns", q.zone)}}
	default:
		return h.negative(q, dns.RcodeSuccess, "no records of this type at the zone")
	}
	return m
}
