package place

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/miekg/dns"
)

// SubnetOf returns the EDNS Client Subnet option of a question, where its sender is a
// resolver that is believed. The option of anybody else is nil: the server ignores it, and
// does not send it back (RFC 7871, section 7.2.1).
func (t *Table) SubnetOf(r *dns.Msg, sender netip.Addr) *dns.EDNS0_SUBNET {
	if t == nil || len(t.subnets) == 0 {
		return nil
	}
	opt := r.IsEdns0()
	if opt == nil || !t.believes(sender) {
		return nil
	}
	for _, option := range opt.Option {
		if subnet, ok := option.(*dns.EDNS0_SUBNET); ok {
			return subnet
		}
	}
	return nil
}

func (t *Table) believes(sender netip.Addr) bool {
	sender = sender.Unmap().WithZone("")
	return slices.ContainsFunc(t.subnets, func(p netip.Prefix) bool { return p.Contains(sender) })
}

// The families of addresses in a Client Subnet option.
const (
	noFamily = 0
	familyIP = 1
	family6  = 2
)

// errSubnet is what a server answers with FORMERR.
var errSubnet = errors.New("the Client Subnet option is malformed")

// Network returns the network of the client that a resolver asks for, to be given to
// LookupPrefix. It is the zero Prefix where the client does not want to be found: then
// the answer is the one for everybody (RFC 7871, section 7.1.2). An error is to be answered
// with FORMERR (sections 6 and 7.2.1).
func Network(asked *dns.EDNS0_SUBNET) (netip.Prefix, error) {
	if asked.Family == noFamily && asked.SourceNetmask == 0 {
		// So does dig, and section 7.1.2 says that the family makes no difference then.
		return netip.Prefix{}, nil
	}
	addr, ok := netip.AddrFromSlice(asked.Address)
	switch {
	case !ok:
		return netip.Prefix{}, errSubnet
	case asked.Family == familyIP:
		addr = addr.Unmap()
		ok = addr.Is4()
	case asked.Family == family6:
		ok = addr.Is6()
	default:
		ok = false
	}
	network := netip.PrefixFrom(addr, int(asked.SourceNetmask))
	// PrefixFrom makes a length that the family has not invalid.
	if !ok || !network.IsValid() || network.Masked().Addr() != addr {
		return netip.Prefix{}, errSubnet
	}
	if network.Bits() == 0 {
		return netip.Prefix{}, nil
	}
	return canonical(network), nil
}

// ForNetwork returns the option of an answer that is for the network of the question only,
// also where it is not narrowed: who is where may change, and an answer for a larger network
// would cover those for its parts (RFC 7871, section 7.2.1).
func ForNetwork(asked *dns.EDNS0_SUBNET) *dns.EDNS0_SUBNET {
	answer := ForEverybody(asked)
	answer.SourceScope = asked.SourceNetmask
	return answer
}

// ForEverybody returns the option of an answer that is the same for each network, as a
// negative one has to be (RFC 7871, section 7.4).
func ForEverybody(asked *dns.EDNS0_SUBNET) *dns.EDNS0_SUBNET {
	return &dns.EDNS0_SUBNET{
		Code:          dns.EDNS0SUBNET,
		Family:        asked.Family,
		SourceNetmask: asked.SourceNetmask,
		Address:       asked.Address,
	}
}

// SubnetSize returns how many bytes the option of the answer takes in an OPT record.
func SubnetSize(asked *dns.EDNS0_SUBNET) int {
	const header, fixed = 4, 4
	return header + fixed + (int(asked.SourceNetmask)+7)/8
}
