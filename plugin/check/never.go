package check

import (
	"encoding/binary"
	"iter"
	"net/netip"
)

// networkWhy is a network and what is there.
type networkWhy struct {
	network netip.Prefix
	why     string
}

// What is on the list, in words.
const (
	unspecified = "that is no host, or this one"
	loopback    = "that is this host"
	linkLocal   = "that is link-local, where clouds have their metadata"
	multicast   = "that is multicast"
	broadcast   = "that is broadcast"
	metadata    = "clouds have their metadata there"
)

// never are the networks in which nothing is ever dialled. An API server lets slices have
// those from broadcast on. Names are those of who documents the address.
var never = []networkWhy{
	{netip.MustParsePrefix("0.0.0.0/8"), unspecified},
	{netip.MustParsePrefix("::/128"), unspecified},
	{netip.MustParsePrefix("127.0.0.0/8"), loopback},
	{netip.MustParsePrefix("::1/128"), loopback},
	{netip.MustParsePrefix("169.254.0.0/16"), linkLocal},
	{netip.MustParsePrefix("fe80::/10"), linkLocal},
	{netip.MustParsePrefix("224.0.0.0/4"), multicast},
	{netip.MustParsePrefix("ff00::/8"), multicast},
	{netip.MustParsePrefix("255.255.255.255/32"), broadcast},
	{netip.MustParsePrefix("168.63.129.16/32"), metadata},       // Azure
	{netip.MustParsePrefix("100.100.100.200/32"), metadata},     // Alibaba
	{netip.MustParsePrefix("fd00:100::100:200/128"), metadata},  // Alibaba
	{netip.MustParsePrefix("192.0.0.192/32"), metadata},         // Oracle
	{netip.MustParsePrefix("fd00:c1::a9fe:a9fe/128"), metadata}, // Oracle
	{netip.MustParsePrefix("fd00:ec2::/32"), metadata},          // AWS
	{netip.MustParsePrefix("fd20:ce::254/128"), metadata},       // Google
	{netip.MustParsePrefix("fd00:42::42/128"), metadata},        // Scaleway
	{netip.MustParsePrefix("fd00:a9fe:a9fe::1/128"), metadata},  // Akamai
}

// Never reports whether an address is one that nobody may have dialled, or given as that of
// a target: whatever is allowed, and in whichever form it leads there. It does not allocate.
func Never(addr netip.Addr) bool {
	// A zone is for addresses of a link.
	if !addr.IsValid() || addr.Zone() != "" {
		return true
	}
	f := formsOf(addr)
	for _, form := range f.all[:f.n] {
		if whyNever(form) != "" {
			return true
		}
	}
	return false
}

// NeverNetworks yields the networks of the list that Never goes by.
func NeverNetworks(yield func(netip.Prefix) bool) {
	for i := range never {
		if !yield(never[i].network) {
			return
		}
	}
}

// Forms yields an address and each one of IPv4 that it leads to, as Never looks at them.
func Forms(addr netip.Addr) iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		f := formsOf(addr)
		for _, form := range f.all[:f.n] {
			if !yield(form) {
				return
			}
		}
	}
}

func whyNever(addr netip.Addr) string {
	for i := range never {
		if never[i].network.Contains(addr) {
			return never[i].why
		}
	}
	return ""
}

// neverIn returns why all of a network is on the list, or nothing where some is not.
func neverIn(network netip.Prefix) string {
	for i := range never {
		if never[i].network.Bits() <= network.Bits() && never[i].network.Contains(network.Addr()) {
			return never[i].why
		}
	}
	if network.IsSingleIP() && Never(network.Addr()) {
		return "it leads to an address of IPv4 that is not"
	}
	return ""
}

// forms are the addresses that one leads to, itself first.
type forms struct {
	all [6]netip.Addr
	n   int
}

func (f *forms) add(addr netip.Addr) {
	f.all[f.n] = addr
	f.n++
}

func (f *forms) addFour(b0, b1, b2, b3 byte) { f.add(netip.AddrFrom4([4]byte{b0, b1, b2, b3})) }

// The first bytes of addresses that have one of IPv4 in them.
const (
	translated = 0x0064_ff9b_0000_0000 // 64:ff9b::/96 (RFC 6052, section 2.1)
	localNAT64 = 0x0064_ff9b_0001      // 64:ff9b:1::/48 (RFC 8215)
	sixToFour  = 0x2002                // 2002::/16 (RFC 3056, section 2)
	teredo     = 0x2001_0000           // 2001::/32 (RFC 4380, section 2.6)
	isatap     = 0x5efe                // in bytes 10 and 11 (RFC 5214, section 6.1)
)

// formsOf returns an address and each one of IPv4 that it has in it, in any form that some
// host or router takes for a way there. Prefixes that one network has chosen for its
// translator do not show: whoever allows such a network allows what is behind it.
func formsOf(addr netip.Addr) (f forms) {
	addr = addr.Unmap().WithZone("")
	f.add(addr)
	if !addr.Is6() {
		return f
	}
	b := addr.As16()
	high, low := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	switch {
	case high == 0 && low>>32 == 0 && low > 1, // IPv4-compatible (RFC 4291, section 2.5.5.1)
		high == 0 && low>>32 == 0xffff_0000, // IPv4-translated (RFC 2765, section 2.1)
		high == translated && low>>32 == 0:
		f.addFour(b[12], b[13], b[14], b[15])
	case high>>16 == localNAT64:
		f.addLocal(b)
	case high>>48 == sixToFour:
		f.addFour(b[2], b[3], b[4], b[5])
	case high>>32 == teredo:
		// The server's, and the client's, whose bits are turned over.
		f.addFour(b[4], b[5], b[6], b[7])
		f.addFour(^b[12], ^b[13], ^b[14], ^b[15])
	}
	if low>>32&^0x0200_0000 == isatap {
		f.addFour(b[12], b[13], b[14], b[15])
	}
	return f
}

// addLocal adds what an address of the local translator's leads to: its network has chosen
// one of four lengths of prefixes, each of which has another place for the address
// (RFC 6052, section 2.2). Byte 8 is none of it. What begins with 0 is no address, but at
// least one place has to have one.
func (f *forms) addLocal(b [16]byte) {
	before := f.n
	for _, four := range [...][4]byte{
		{b[6], b[7], b[9], b[10]},
		{b[7], b[9], b[10], b[11]},
		{b[9], b[10], b[11], b[12]},
		{b[12], b[13], b[14], b[15]},
	} {
		if four[0] != 0 {
			f.add(netip.AddrFrom4(four))
		}
	}
	if f.n == before {
		f.add(netip.IPv4Unspecified())
	}
}
