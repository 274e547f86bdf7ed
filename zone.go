package endpoints

import (
	"net"
	"net/netip"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"

	"github.com/miekg/dns"
)

// nameServerReply answers for the name server that the zone names, and for the name above
// it: a resolver that believes the zone has to find it. It returns nil for other names.
func (q *query) nameServerReply() *dns.Msg {
	label := strings.TrimSuffix(strings.TrimSuffix(q.lower, strings.ToLower(q.zone)), ".")
	switch {
	case label == "dns":
		return q.negative(dns.RcodeSuccess, textOnlyBelow)
	case label != nameServerLabels:
		return nil
	}
	m := newReply(q.r)
	switch q.asked.Type {
	case dns.TypeA, dns.TypeAAAA:
	case dns.TypeANY:
		return q.any(q.ttl)
	default:
		return q.negative(dns.RcodeSuccess, textServerTypes)
	}
	addresses := q.nameServer
	if len(addresses) == 0 {
		addresses = localAddresses(q.w.LocalAddr())
	}
	for _, addr := range addresses {
		switch {
		case addr.Is4() && q.asked.Type == dns.TypeA:
			m.Answer = append(m.Answer, &dns.A{Hdr: records.Header(q.asked.Owner, dns.TypeA, q.ttl), A: addr.AsSlice()})
		case addr.Is6() && q.asked.Type == dns.TypeAAAA:
			m.Answer = append(m.Answer, &dns.AAAA{Hdr: records.Header(q.asked.Owner, dns.TypeAAAA, q.ttl), AAAA: addr.AsSlice()})
		}
	}
	if len(m.Answer) == 0 {
		return q.negative(dns.RcodeSuccess, textNoServerAddress)
	}
	return m
}

// localAddresses returns the address that a question came to. Of a socket that is bound to
// none, that is not known: then they are those of the machine, but for loopback ones.
func localAddresses(bound net.Addr) (all []netip.Addr) {
	addr := addressOf(bound)
	if addr.IsValid() && !addr.IsUnspecified() {
		return []netip.Addr{addr}
	}
	interfaces, _ := net.InterfaceAddrs()
	for _, each := range interfaces {
		if network, ok := each.(*net.IPNet); ok {
			if addr, _ := netip.AddrFromSlice(network.IP); addr.Unmap().IsGlobalUnicast() {
				all = append(all, addr.Unmap())
			}
		}
	}
	return all
}

// wrapped is what CoreDNS puts around the address of a client behind a proxy that says who
// asks (the plugin proxyproto).
type wrapped interface{ Unwrap() net.Addr }

// addressOf returns the IP address of a socket, or the zero value where it has none.
func addressOf(socket net.Addr) netip.Addr {
	switch socket := socket.(type) {
	case *net.UDPAddr:
		return socket.AddrPort().Addr().Unmap()
	case *net.TCPAddr:
		return socket.AddrPort().Addr().Unmap()
	case wrapped:
		return addressOf(socket.Unwrap())
	}
	return netip.Addr{}
}

// refuse refuses what belongs to a name server of the zone and what nobody here does:
// transfers (RFC 5936, section 2.2.1), and the news of changes (RFC 1996, section
// 3.10). Passed on, it would leave for an upstream. It returns nil for all else.
func (t *terms) refuse(r *dns.Msg) *dns.Msg {
	if t.beside.transfers || len(r.Question) != 1 || r.Question[0].Qclass != dns.ClassINET {
		return nil
	}
	asked := &r.Question[0]
	rcode := 0
	switch {
	case r.Opcode == dns.OpcodeNotify:
		rcode = dns.RcodeNotImplemented
	case r.Opcode == dns.OpcodeQuery && (asked.Qtype == dns.TypeAXFR || asked.Qtype == dns.TypeIXFR):
		rcode = dns.RcodeRefused
	default:
		return nil
	}
	if t.zones.Match(strings.ToLower(asked.Name)) == "" {
		return nil
	}
	m := newReply(r)
	m.Rcode, m.Authoritative = rcode, false
	return m
}
