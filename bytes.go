package endpoints

import (
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/wire"

	"github.com/miekg/dns"
)

// wire returns where records may be written as bytes, or nil where only a message will
// do. A record set decides what is in the answer, for both.
func (q *query) wire(set *records.Set) *wire.Message {
	if set.Service.Kind != model.Headless || q.subnet != nil || set.HasNames() {
		return nil
	}
	switch q.asked.Type {
	case dns.TypeA, dns.TypeAAAA, dns.TypeSRV:
	default:
		return nil
	}
	if !q.takesBytes(q.w) {
		return nil
	}
	m := wire.New()
	if !m.Begin(q.r) {
		m.Release()
		return nil
	}
	return m
}

// end makes the answer of the bytes, and reports whether there are any: what is no
// address and no SRV record of a headless Service is a message.
func (q *query) end(a *records.Answer) bool {
	m := q.asked.Wire
	if m == nil {
		return false
	}
	if a.Outcome != records.Found || a.Records != nil {
		m.Release()
		return false
	}
	var notes [2]wire.Note
	n := 0
	if a.Note != "" {
		notes[n] = wire.Note{Code: dns.ExtendedErrorCodeOther, Text: q.shortened(a.Note)}
		n++
	}
	if q.stale {
		notes[n] = wire.Note{Code: dns.ExtendedErrorCodeStaleAnswer, Text: textStale}
		n++
	}
	m.End(q.r, a.Truncated, notes[:n])
	q.bytes = m
	return true
}
