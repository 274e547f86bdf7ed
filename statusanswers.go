package endpoints

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"

	"github.com/miekg/dns"
)

// Bounds of the answers that a page shows.
const (
	// shownSize is what the client takes that they are for, in bytes.
	shownSize = 1232
	// mostPorts and mostNames are of how many ports and endpoints.
	mostPorts = 8
	mostNames = 5
	// mostRecords is how many records of each.
	mostRecords = 12
	// allRoom is enough for all records of any Service.
	allRoom = 1 << 30
)

// nobodyAsks is the client of answers that are only shown.
type nobodyAsks struct{ dns.ResponseWriter }

// LocalAddr implements dns.ResponseWriter.
func (nobodyAsks) LocalAddr() net.Addr { return &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 53} }

// RemoteAddr implements dns.ResponseWriter.
func (nobodyAsks) RemoteAddr() net.Addr { return &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 53} }

// ask returns what a question about a Service gets now, from memory: nobody else is asked,
// nothing is waited for, and nothing is counted. Below is what stands in front of the name of
// the Service, with a dot behind, or nothing.
func (s *shown) ask(set *records.Set, below string, qtype uint16) v1.Name {
	name := below + set.Service.Name + "." + set.Service.Namespace + ".svc." + s.handler.primary
	n := v1.Name{Name: name, Type: dns.TypeToString[qtype], Rcode: "SERVFAIL"}
	r := new(dns.Msg).SetQuestion(name, qtype)
	r.SetEdns0(shownSize, false)
	q := query{terms: &s.handler.terms, cache: s.handler.cache.Load()}
	if !q.read(nobodyAsks{}, r) {
		return n
	}
	if !q.cache.isSynced() {
		n.EDE = textNotReady
		return n
	}
	set = set.Unasked()
	q.asked.TTL, q.asked.Explain = q.ttlOf(set), true
	q.asked.Offset = q.offset()
	q.asked.MaxAnswers = or(set.Declared().MaxAnswers, q.maxAnswers)
	q.asked.Room = q.capacity() - q.asked.Offset
	a := set.Answer(&q.asked)
	n.EDE, n.Truncated, n.AtMost = a.Note, a.Truncated, q.asked.MaxAnswers
	q.asked.Room, q.asked.MaxAnswers, q.asked.Explain = allRoom, 0, false
	all := set.Answer(&q.asked)
	n.Total = len(all.Records)
	n.Rcode, n.TTL = dns.RcodeToString[dns.RcodeSuccess], int(or(set.Declared().NegativeTTL, q.negativeTTL))
	switch all.Outcome {
	case records.Found:
		n.TTL = int(q.asked.TTL)
		n.Records = dataOf(all.Records)
	case records.NoName:
		n.Rcode = dns.RcodeToString[dns.RcodeNameError]
	}
	return n
}

// dataOf returns the data of the first records, in an order that stays.
func dataOf(all []dns.RR) (data []string) {
	var addresses []netip.Addr
	for _, rr := range all {
		switch rr := rr.(type) {
		case *dns.A:
			addresses = append(addresses, addressOfBytes(rr.A))
		case *dns.AAAA:
			addresses = append(addresses, addressOfBytes(rr.AAAA))
		default:
			data = append(data, strings.TrimPrefix(rr.String(), rr.Header().String()))
		}
	}
	slices.Sort(data)
	slices.SortFunc(addresses, netip.Addr.Compare)
	for _, addr := range addresses[:min(len(addresses), mostRecords)] {
		data = append(data, addr.String())
	}
	return data[:min(len(data), mostRecords)]
}

func addressOfBytes(ip net.IP) netip.Addr {
	addr, _ := netip.AddrFromSlice(ip)
	return addr.Unmap()
}

// names returns what questions about a Service get now: for its name, its ports, and the
// endpoints that are in trouble.
func (s *shown) names(set *records.Set, endpoints []v1.Endpoint) (all []v1.Name) {
	if set.Service.Kind == model.ExternalName || set.HasOutsiders() {
		// These lead elsewhere, and the page asks nobody.
		return nil
	}
	all = append(all, s.ask(set, "", dns.TypeA), s.ask(set, "", dns.TypeAAAA))
	ports := set.PortNames()
	for _, port := range ports[:min(len(ports), mostPorts)] {
		all = append(all, s.ask(set, port+".", dns.TypeSRV))
	}
	n := 0
	for i := range endpoints {
		e := &endpoints[i]
		if n == mostNames || e.Tier == health.Good.String() && e.Published {
			break
		}
		n++
		qtype := dns.TypeA
		if strings.Contains(e.Address, ":") {
			qtype = dns.TypeAAAA
		}
		all = append(all, s.ask(set, e.Name+".", qtype))
	}
	return all
}

// targets says what a Service leads to.
func (s *shown) targets(set *records.Set) (all []v1.Target) {
	if set.Service.Kind != model.ExternalName {
		return nil
	}
	plan := set.Plan()
	if plan == nil {
		return []v1.Target{{Name: targetOf(set.Service), State: "in use", Text: "an alias: who asks looks it up"}}
	}
	p := &planned{query: &query{terms: &s.handler.terms}, book: s.handler.book, set: set, plan: plan}
	for _, told := range s.tell(set) {
		t := v1.Target{Name: told.Target.String(), State: "in reserve", Text: p.how(&told)}
		switch {
		case told.Why != 0:
			t.State = "passed"
		case told.Chosen || len(plan.Targets) == 1:
			t.State = "in use"
		case plan.ByWeight:
			t.State = "by weight"
		}
		all = append(all, t)
	}
	for _, refused := range plan.Refused {
		all = append(all, v1.Target{Name: refused.String(), State: "refused", Text: "the Corefile does not let this Service lead there"})
	}
	return all
}

// places says what clients get by where they are.
func places(set *records.Set) (all []v1.Place) {
	for _, share := range set.Shares() {
		all = append(all, v1.Place{
			Zone: share.Zone.Value(), Type: [...]string{"A", "AAAA"}[share.Family], Got: share.Got, All: share.All, Result: share.Result.String(),
		})
	}
	return all
}

// portText says what a port is.
func portText(p model.Port) string {
	return strings.TrimSpace(fmt.Sprintf("%s %d/%s", p.Name, p.Number, p.Protocol))
}
