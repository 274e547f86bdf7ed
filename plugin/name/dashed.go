package name

import (
	"net/netip"
	"strings"
)

// maxDashed is the length of the longest dashed address, in bytes.
const maxDashed = len("ffff-ffff-ffff-ffff-ffff-ffff-ffff-ffff")

// fewestHyphens is how many a dashed address has at least: "1--1".
const fewestHyphens = 2

// AppendDashed appends the label that stands for an address: its text with
// hyphens for dots and colons. A zero takes the place behind a trailing "::",
// since a label cannot end in a hyphen.
func AppendDashed(dst []byte, addr netip.Addr) []byte {
	at := len(dst)
	dst = addr.AppendTo(dst)
	for i := at; i < len(dst); i++ {
		if dst[i] == '.' || dst[i] == ':' {
			dst[i] = '-'
		}
	}
	if dst[len(dst)-1] == '-' {
		dst = append(dst, '0')
	}
	return dst
}

// ParseDashed returns the address that a lower-case label stands for. It reads
// only the form that AppendDashed writes, so one address has one label. It does
// not allocate.
func ParseDashed(label string) (netip.Addr, bool) {
	// Nearly all labels are names of Pods, which cost no more than this.
	if len(label) == 0 || len(label) > maxDashed {
		return netip.Addr{}, false
	}
	if _, ok := hexDigit(label[0]); !ok && label[0] != '-' || strings.Count(label, "-") < fewestHyphens {
		return netip.Addr{}, false
	}
	addr, ok := parseDashed4(label)
	if !ok {
		addr, ok = parseDashed6(label)
	}
	if !ok {
		return netip.Addr{}, false
	}
	var again [maxDashed + 1]byte
	return addr, string(AppendDashed(again[:0], addr)) == label
}

func parseDashed4(label string) (netip.Addr, bool) {
	var b [4]byte
	rest := label
	for i := range b {
		part, after, more := strings.Cut(rest, "-")
		number, ok := decimal(part)
		if !ok || more == (i == len(b)-1) {
			return netip.Addr{}, false
		}
		b[i], rest = number, after
	}
	return netip.AddrFrom4(b), true
}

// parseDashed6 reads eight groups of hexadecimal digits, or fewer and one empty
// group, which stands for as many zeros as are missing.
func parseDashed6(label string) (netip.Addr, bool) {
	var groups [8]uint16
	n, gap := 0, -1
	if rest, ok := strings.CutPrefix(label, "--"); ok {
		label, gap = rest, 0
	}
	for label != "" {
		part, after, more := strings.Cut(label, "-")
		group, ok := hexGroup(part)
		if !ok || n == len(groups) || more && after == "" {
			return netip.Addr{}, false
		}
		groups[n] = group
		n++
		if rest, ok := strings.CutPrefix(after, "-"); ok {
			if gap >= 0 {
				return netip.Addr{}, false
			}
			after, gap = rest, n
		}
		label = after
	}
	return expand(groups, n, gap)
}

// expand puts zeros where the gap is.
func expand(groups [8]uint16, n, gap int) (netip.Addr, bool) {
	if n == len(groups) != (gap < 0) {
		return netip.Addr{}, false
	}
	var b [16]byte
	for i, group := range groups[:n] {
		if gap >= 0 && i >= gap {
			i += len(groups) - n
		}
		b[2*i], b[2*i+1] = byte(group>>8), byte(group)
	}
	return netip.AddrFrom16(b), true
}

func hexGroup(text string) (uint16, bool) {
	if text == "" || len(text) > 4 {
		return 0, false
	}
	var group uint16
	for i := 0; i < len(text); i++ {
		digit, ok := hexDigit(text[i])
		if !ok {
			return 0, false
		}
		group = group<<4 | uint16(digit)
	}
	return group, true
}
