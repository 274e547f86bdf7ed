package endpoints

import (
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"

	"github.com/miekg/dns"
)

// mostPointers bounds how many Services of one address an answer looks at: hostile ones
// may be thousands, and no answer carries more.
const mostPointers = 4096

// pointer is a PTR record to be.
type pointer struct {
	records.Pointer
	set *records.Set
}

// reverse answers for an address with a PTR record for each Service that
// publishes it, or returns nil where none does. Whoever takes the first one gets
// the best name of the Pod, always the same.
func (q *query) reverse() *dns.Msg {
	keys := q.cache.holders(q.asked.Name.Address)
	if m := q.pointTo(keys); m != nil || len(keys) == 0 {
		return m
	}
	// What looks like nobody's may be on its way from one Service to another.
	q.cache.swapping.RLock()
	defer q.cache.swapping.RUnlock()
	return q.pointTo(q.cache.holders(q.asked.Name.Address))
}

func (q *query) pointTo(keys []string) *dns.Msg {
	if q.asked.Type != dns.TypePTR {
		return q.reverseOther(keys)
	}
	pointers := q.pointers(keys[:min(len(keys), mostPointers)])
	if len(pointers) == 0 {
		return nil
	}
	m := newReply(q.r)
	m.Truncated = len(keys) > mostPointers
	room := q.capacity() - headerSize - len(q.asked.Owner)
	for _, p := range pointers {
		labels := strings.Join([]string{p.Endpoint, p.set.Service.Name, p.set.Service.Namespace, "svc"}, ".")
		target := under(labels, q.primary)
		if len(target) > name.Max {
			continue
		}
		if room -= sizePTR + len(p.Endpoint); room < 0 {
			// The server drops of the others what does not fit.
			m.Truncated = true
			break
		}
		m.Answer = append(m.Answer, &dns.PTR{Hdr: records.Header(q.asked.Owner, dns.TypePTR, q.ttlOf(p.set)), Ptr: target})
	}
	if len(m.Answer) == 0 && !m.Truncated {
		return nil
	}
	shareTTL(m.Answer)
	return m
}

// pointers returns what Services have for the address: by hostname first, and of those
// alike in the order of the keys.
func (q *query) pointers(keys []string) []pointer {
	var all []pointer
	for _, key := range keys {
		if p, ok := q.holder(key); ok {
			all = append(all, p)
		}
	}
	slices.SortStableFunc(all, func(a, b pointer) int { return a.Rank - b.Rank })
	return all
}

// reverseOther answers for an address where another type than PTR is asked for.
func (q *query) reverseOther(keys []string) *dns.Msg {
	for _, key := range keys {
		p, ok := q.holder(key)
		switch {
		case !ok:
		case q.asked.Type == dns.TypeANY:
			return q.any(q.ttlOf(p.set))
		default:
			return q.negative(dns.RcodeSuccess, textAddressTypes)
		}
	}
	return nil
}

// holder returns what the Service of a key has for the address that was asked for, if
// anything.
func (q *query) holder(key string) (p pointer, ok bool) {
	if p.set = q.cache.set(key); p.set != nil {
		p.Pointer, ok = p.set.Reverse(q.asked.Name.Address)
	}
	return p, ok
}

// noteNoAddress says why an address has no name.
func (q *query) noteNoAddress() string {
	for _, key := range q.cache.holders(q.asked.Name.Address) {
		p, named := q.holder(key)
		if named {
			return textLongName + p.set.Service.String()
		}
		if p.set == nil {
			continue
		}
		if text := p.set.NoteReverse(q.asked.Name.Address); text != "" {
			return text
		}
	}
	return textNoAddress
}

// reverseApex answers for the PTR records that stand beside the SOA record of a
// zone: a network smaller than a byte, such as 10.0.0.0/30, is a zone for each address.
func (q *query) reverseApex() *dns.Msg {
	if !q.asked.Name.Address.IsValid() || q.asked.Type != dns.TypePTR {
		return nil
	}
	return q.reverse()
}
