package endpoints

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/coredns/coredns/plugin"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/external"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/place"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/wire"

	"github.com/miekg/dns"
)

// handler answers the questions of one server block.
type handler struct {
	next plugin.Handler
	terms
	// cache is the one of the stanza's feed once that is started, and an empty
	// one before.
	cache atomic.Pointer[cache]
	// clients are where those of the stanza are, nil where that does not matter.
	clients  atomic.Pointer[place.Table]
	upstream upstream
	// book has what targets of ExternalName Services had last.
	book *external.Book
	// failsCheck returns what says of an address whether its check fails, nil where those of
	// the Service are not checked. It may be nil.
	failsCheck func(*records.Set) func(netip.Addr) bool
	// observed are the checks of targets that change no answer. It may be nil.
	observed *targetChecks
	counters counters
}

// Name implements plugin.Handler.
func (h *handler) Name() string { return pluginName }

// CacheBypassZones implements cache.ZoneBypasser: a cache in front keeps out of the zones
// that change within the TTL of what it would keep. One behind is asked only for what
// passes on, and may keep that.
func (h *handler) CacheBypassZones() []string {
	if !h.beside.cacheInFront {
		return nil
	}
	return slices.Clone(h.zones)
}

// ServeDNS implements plugin.Handler.
//
// Do not call WriteMsg from answer: a query's goroutine starts with a small stack,
// and packing on top of these frames grows it, which costs as much as the answer
// (BenchmarkServeDNS).
func (h *handler) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	a := h.answer(ctx, w, r)
	if a.bytes != nil {
		return h.sendBytes(ctx, w, r, a.bytes)
	}
	m := a.message
	if m == nil {
		m = h.refuse(r)
	}
	if m == nil {
		if a.mayBeOwned {
			w = &passedOn{ResponseWriter: w, negativeTTL: h.negativeTTL}
		}
		return plugin.NextOrFailure(pluginName, h.next, ctx, w, r)
	}
	counters, qtype := h.counters.of(ctx), typeIndex(r.Question[0].Qtype)
	counters.count(qtype, resultIndex(m))
	err := w.WriteMsg(m)
	// The server sets TC, too, where it leaves records out.
	if m.Truncated {
		counters.countTruncated(qtype)
	}
	return sent(err)
}

// sendBytes sends an answer with records.
func (h *handler) sendBytes(ctx context.Context, w dns.ResponseWriter, r *dns.Msg, m *wire.Message) (int, error) {
	counters, qtype := h.counters.of(ctx), typeIndex(r.Question[0].Qtype)
	counters.count(qtype, resultSuccess)
	counters.countWire()
	if m.Truncated() {
		counters.countTruncated(qtype)
	}
	return sent(m.Send(w))
}

func sent(err error) (int, error) {
	if err != nil {
		return dns.RcodeServerFailure, err
	}
	return dns.RcodeSuccess, nil
}

// answer is what a question gets: a message, or bytes, or neither where it passes on.
type answer struct {
	message *dns.Msg
	bytes   *wire.Message
	// mayBeOwned is true where a name passes on that a Service may have.
	mayBeOwned bool
}

func (h *handler) answer(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) answer {
	q := query{terms: &h.terms, cache: h.cache.Load(), clients: h.clients.Load()}
	if !q.read(w, r) {
		return answer{}
	}
	if q.clients != nil {
		if m := q.readSubnet(); m != nil {
			return answer{message: m}
		}
	}
	m := h.reply(ctx, &q)
	if m != nil && q.stale {
		q.noteStale(m)
	}
	if m != nil && q.subnet != nil {
		q.subnet.tell(&q, m)
	}
	return answer{m, q.bytes, m == nil && q.bytes == nil && q.mayBeOwned()}
}

func (h *handler) reply(ctx context.Context, q *query) *dns.Msg {
	if q.mayBeOwned() && !q.cache.isSynced() {
		return q.notReady()
	}
	switch q.asked.Name.Kind {
	case name.Version:
		return q.version()
	case name.Reverse:
		if m := q.reverse(); m != nil {
			return m
		}
	case name.Apex:
		if m := q.reverseApex(); m != nil {
			return m
		}
	case name.Namespace:
		if q.asked.Type != dns.TypeSOA {
			break
		}
		if serial := q.cache.serialIn(q.asked.Name.Namespace); serial > 0 {
			return q.serial(serial, q.ttl)
		}
	case name.Zonal, name.ZonalTree, name.ZonalOther:
		if q.leavesZonal() && q.fallsThrough() {
			return nil
		}
		fallthrough
	default:
		if q.asked.Name.Key == "" {
			break
		}
		if set := q.cache.set(q.asked.Name.Key); set != nil {
			return h.service(ctx, q, set)
		}
	}
	switch {
	case !q.fallsThrough(), q.isNobodys():
		return q.notOwned()
	case q.isAbove():
		return q.negative(dns.RcodeSuccess, textOnlyBelow)
	}
	return nil
}

// leavesZonal reports whether a name below _zone is another plugin's, where there is one:
// a directive of the future is.
func (q *query) leavesZonal() bool { return !q.zonal || q.asked.Name.Kind == name.ZonalOther }

// isNobodys reports whether nobody has a name, so that it does not pass on to a plugin
// that may not know that yet: of all the names that a search path makes of one, some
// clients give up at the first that fails.
func (q *query) isNobodys() bool {
	if q.beside.answersAny {
		return false
	}
	switch q.asked.Name.Kind {
	case name.Below, name.Searched:
		return true
	case name.Endpoint:
		return q.beside.noEndpoints && (q.stale || q.fails())
	case name.Other:
		return !q.beside.isStocks(q.lower) && q.fails()
	}
	return false
}

// fails reports whether a name ends at the stock plugin while that knows of none.
func (q *query) fails() bool { return q.beside.fails(q.lower, strings.ToLower(q.zone)) }

// isAbove reports whether names of Services or addresses lie below a name: whoever is
// next may deny it, and with it all of them (RFC 8020, section 2). At a zone, that one
// has the records of a zone.
func (q *query) isAbove() bool {
	n := &q.asked.Name
	switch n.Kind {
	case name.Services:
		return q.cache.servesAny()
	case name.Namespace:
		return q.cache.serves(n.Namespace)
	case name.Apex:
		if q.asked.Type == dns.TypeSOA || q.asked.Type == dns.TypeNS {
			return false
		}
	}
	return n.Network.IsValid() && q.cache.holdsIn(n.Network)
}

// service answers for a name that the Service of set owns.
func (h *handler) service(ctx context.Context, q *query, set *records.Set) *dns.Msg {
	q.asked.TTL = q.ttlOf(set)
	if q.asked.Type == dns.TypeSOA && q.asked.Name.Kind == name.Service && set.Declared().SOA {
		return q.serial(set.Serial, q.asked.TTL)
	}
	q.asked.Offset = q.offset()
	q.asked.Room = q.capacity() - q.asked.Offset
	q.asked.MaxAnswers = or(set.Declared().MaxAnswers, q.maxAnswers)
	q.asked.Explain, q.asked.Share = q.r.IsEdns0() != nil, records.ShareOf(addressOf(q.w.RemoteAddr()))
	if h.observed != nil {
		h.observe(ctx, q, set)
	}
	if set.HasOutside(&q.asked) {
		return h.planned(q, set).outside(ctx)
	}
	q.asked.Wire = q.wire(set)
	var a records.Answer
	if set.Wants(&q.asked) {
		a = h.answerNear(ctx, q, set)
	} else {
		a = set.AnswerTo(&q.asked, nil)
	}
	if q.end(&a) {
		return nil
	}
	if q.isEarly(set, &a) {
		q.waitFor(ctx, set)
		return h.reply(ctx, q)
	}
	rcode := dns.RcodeSuccess
	switch a.Outcome {
	case records.Alias:
		if set.Plan() != nil {
			return h.planned(q, set).answer(ctx)
		}
		return q.alias(ctx, h.upstream, set)
	case records.Found:
		return q.found(&a)
	case records.NoName:
		rcode = dns.RcodeNameError
	}
	return q.deny(rcode, or(set.Declared().NegativeTTL, q.negativeTTL), a.Note)
}

// planned returns a question for a Service that has a Plan.
func (h *handler) planned(q *query, set *records.Set) *planned {
	// A copy, so that the question of any other Service stays on the stack.
	own := *q
	p := newPlanned(&own, h.upstream, h.book, set)
	if h.failsCheck != nil {
		p.asks.Fails = h.failsCheck(set)
	}
	return p
}

// version answers for the version of the specification (Kubernetes DNS
// specification 1.1.0, section 2.2).
func (q *query) version() *dns.Msg {
	switch q.asked.Type {
	case dns.TypeTXT:
	case dns.TypeANY:
		return q.any(versionTTL)
	default:
		return q.negative(dns.RcodeSuccess, textVersionTypes)
	}
	m := newReply(q.r)
	m.Answer = []dns.RR{&dns.TXT{Hdr: records.Header(q.asked.Owner, dns.TypeTXT, versionTTL), Txt: []string{specification}}}
	return m
}

// The version of the Kubernetes DNS specification, and the TTL of its record in
// seconds, which is the stock plugin's.
const (
	specification = "1.1.0"
	versionTTL    = 28800
)

// notOwned answers for a name in the zone that no Service owns.
func (q *query) notOwned() *dns.Msg {
	switch q.asked.Name.Kind {
	case name.Apex:
		return q.apex()
	case name.Services, name.ReverseTree:
		return q.negative(dns.RcodeSuccess, textOnlyBelow)
	case name.Namespace:
		if !q.cache.isSynced() {
			return q.notReady()
		}
		if q.cache.serves(q.asked.Name.Namespace) {
			return q.negative(dns.RcodeSuccess, textOnlyBelow)
		}
		return q.negative(dns.RcodeNameError, fmt.Sprintf(why.TextNoServices, q.asked.Name.Namespace))
	case name.Reverse:
		return q.negative(dns.RcodeNameError, q.noteNoAddress())
	case name.Other, name.Searched:
		if m := q.nameServerReply(); m != nil {
			return m
		}
		return q.negative(dns.RcodeNameError, textNoServiceName)
	}
	return q.negative(dns.RcodeNameError, q.noteNoService())
}

// noteNoService says why nobody owns the name of a Service.
func (q *query) noteNoService() string {
	n := &q.asked.Name
	service := n.Namespace + "/" + strings.TrimSuffix(n.Key, "."+n.Namespace)
	if text := q.cache.whyLeftOut(n.Key); text != "" {
		return fmt.Sprintf(why.TextServiceLeftOut, service, text)
	}
	if q.selective {
		return fmt.Sprintf(why.TextNoSelected, service)
	}
	return why.TextNoService + service
}

func (q *query) apex() *dns.Msg {
	m := newReply(q.r)
	switch q.asked.Type {
	case dns.TypeSOA:
		soa := q.authority(q.ttl, q.negativeTTL)
		m.Answer = []dns.RR{&soa}
	case dns.TypeNS:
		m.Answer = []dns.RR{&dns.NS{Hdr: records.Header(q.asked.Owner, dns.TypeNS, q.ttl), Ns: under(nameServerLabels, q.zone)}}
	case dns.TypeANY:
		return q.any(q.ttl)
	default:
		return q.negative(dns.RcodeSuccess, textZoneTypes)
	}
	return m
}
