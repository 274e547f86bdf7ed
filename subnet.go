package endpoints

import (
	"net/netip"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/place"

	"github.com/miekg/dns"
)

// subnet is whom a resolver asks for, which is believed to say that (EDNS Client Subnet,
// RFC 7871).
type subnet struct {
	asked *dns.EDNS0_SUBNET
	// network is the zero Prefix where the client does not want to be found.
	network netip.Prefix
	// ofNetwork is true where the answer is for that network only.
	ofNetwork bool
}

// readSubnet finds out for whom a resolver asks. It returns a message where it cannot be
// understood.
func (q *query) readSubnet() *dns.Msg {
	asked := q.clients.SubnetOf(q.r, addressOf(q.w.RemoteAddr()))
	if asked == nil {
		return nil
	}
	network, err := place.Network(asked)
	if err != nil {
		m := newReply(q.r)
		m.Rcode, m.Authoritative = dns.RcodeFormatError, false
		return m
	}
	q.subnet = &subnet{asked: asked, network: network}
	return nil
}

// tell says for which networks the answer is.
func (s *subnet) tell(q *query, m *dns.Msg) {
	option := place.ForEverybody(s.asked)
	if s.ofNetwork {
		option = place.ForNetwork(s.asked)
	}
	if opt := m.IsEdns0(); opt != nil {
		opt.Option = append(opt.Option, option)
		return
	}
	opt := new(dns.OPT)
	answerOPT(opt, q.r.IsEdns0(), []dns.EDNS0{option})
	m.Extra = append(m.Extra, opt)
}
