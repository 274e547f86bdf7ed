package contacts

import (
	"encoding/binary"
	"net/netip"
)

// Of an IPv4 packet with a TCP segment (RFC 791, section 3.1; RFC 9293, section 3.1).
const (
	shortest   = 20 // bytes of a header of either
	protocolAt = 9
	fromAt     = 12
	toAt       = 16
	tcp        = 6
	flagsAt    = 13
	flagsSYN   = 0x02
	flagsACK   = 0x10
)

// syn reads an IPv4 packet, and reports whether it opens a TCP connection.
func syn(packet []byte) (from, to netip.AddrPort, ok bool) {
	if len(packet) < shortest || packet[0]>>4 != 4 || packet[protocolAt] != tcp {
		return
	}
	header := int(packet[0]&15) * 4
	if header < shortest || len(packet) < header+shortest {
		return
	}
	segment := packet[header:]
	if segment[flagsAt]&(flagsSYN|flagsACK) != flagsSYN {
		return
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(packet[fromAt:])), binary.BigEndian.Uint16(segment)),
		netip.AddrPortFrom(netip.AddrFrom4([4]byte(packet[toAt:])), binary.BigEndian.Uint16(segment[2:])), true
}
