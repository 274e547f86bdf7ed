package name

import (
	"net/netip"
	"strings"
)

const (
	tree4 = "in-addr.arpa."
	tree6 = "ip6.arpa."
)

// IsReverse reports whether a lower-case name lies in one of the two reverse
// trees.
func IsReverse(lower string) bool {
	return isIn(lower, tree4) || isIn(lower, tree6)
}

// parseReverse takes a name in one of the two reverse trees apart. It is not
// ok for a name outside of both.
func parseReverse(lower string) (n Name, ok bool) {
	if text, in := strings.CutSuffix(lower, tree4); in && isWhole(text) {
		return parse4(text), true
	}
	if text, in := strings.CutSuffix(lower, tree6); in && isWhole(text) {
		return parse6(text), true
	}
	return Name{}, false
}

// isWhole reports whether a suffix was cut off where a label ends.
func isWhole(text string) bool { return text == "" || text[len(text)-1] == '.' }

// parse4 reads labels of decimal numbers, the last byte of the address first.
func parse4(text string) Name {
	var b [4]byte
	n := 0
	for text != "" {
		var label string
		text, label = cutLast(text)
		number, ok := decimal(label)
		if !ok || n == len(b) {
			return Name{}
		}
		b[n] = number
		n++
	}
	if n < len(b) {
		return Name{Kind: ReverseTree, Network: netip.PrefixFrom(netip.AddrFrom4(b), n*8)}
	}
	return Name{Kind: Reverse, Address: netip.AddrFrom4(b)}
}

// decimal reads a byte as RFC 1035 has it: without leading zeros.
func decimal(text string) (byte, bool) {
	if text == "" || len(text) > 3 || text[0] == '0' && len(text) > 1 {
		return 0, false
	}
	n := 0
	for i := 0; i < len(text); i++ {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
		n = n*10 + int(text[i]-'0')
	}
	return byte(n), n < 256
}

// parse6 reads labels of one hexadecimal digit, the last one of the address
// first.
func parse6(text string) Name {
	if len(text) > 64 {
		return Name{}
	}
	var b [16]byte
	n := 0
	for i := len(text); i > 0; i -= 2 {
		if i < 2 || text[i-1] != '.' {
			return Name{}
		}
		digit, ok := hexDigit(text[i-2])
		if !ok {
			return Name{}
		}
		b[n/2] |= digit << (4 * (1 - n%2))
		n++
	}
	if n < 32 {
		return Name{Kind: ReverseTree, Network: netip.PrefixFrom(netip.AddrFrom16(b), n*4)}
	}
	return Name{Kind: Reverse, Address: netip.AddrFrom16(b)}
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}
