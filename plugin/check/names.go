package check

import (
	"net/netip"
	"strings"
)

// Bounds in bytes: of a domain name without its final dot and of one label (RFC 1035,
// section 2.3.4), of a path, and of the name of a service.
const (
	maxDomain  = 253
	maxLabel   = 63
	maxPath    = 256
	maxService = 255
)

// domain returns a domain name as Specs have it: in lower case and without its final dot.
func domain(text string) (string, bool) {
	name := strings.TrimSuffix(strings.ToLower(text), ".")
	if len(name) > maxDomain {
		return "", false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > maxLabel || !only(label, "-_") {
			return "", false
		}
	}
	return name, true
}

// address returns an address as text, and whether it is one of IPv6.
func address(text string) (canonical string, six, ok bool) {
	addr, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil || addr.Zone() != "" {
		return "", false, false
	}
	addr = addr.Unmap()
	return addr.String(), addr.Is6(), true
}

// pathForm says what isPath takes.
const pathForm = "a / and up to 255 characters of a URL behind it, without a segment . or .., and without escapes of control characters or of . / \\ and %"

// isPath reports whether a text can stand in a request for it: the characters of a path and
// a query (RFC 3986, sections 3.3 and 3.4), none of which ends a line or a word.
func isPath(text string) bool {
	return len(text) <= maxPath && strings.HasPrefix(text, "/") && only(text, "/?:@-._~!$&'()*+,;=%") && !misleads(text)
}

// misleads reports whether a path may mean another one to who takes it apart: by its
// segments . and .., or by escapes, which hide what the path would not have as it stands.
func misleads(path string) bool {
	path, query, _ := strings.Cut(path, "?")
	for segment := range strings.SplitSeq(path, "/") {
		// Some servers leave out what stands behind a semicolon.
		segment, _, _ = strings.Cut(segment, ";")
		if segment == "." || segment == ".." {
			return true
		}
	}
	return badEscape(path) || badEscape(query)
}

// badEscape reports whether a text has an escape that is none (RFC 3986, section 2.1), or
// one of a control character, a dot, a slash, a backslash or a percent sign.
func badEscape(text string) bool {
	for {
		_, rest, found := strings.Cut(text, "%")
		if !found {
			return false
		}
		if len(rest) < 2 {
			return true
		}
		high, ok1 := hexDigit(rest[0])
		low, ok2 := hexDigit(rest[1])
		c := high<<4 | low
		if !ok1 || !ok2 || c < ' ' || c == 0x7f || strings.IndexByte(`./\%`, c) >= 0 {
			return true
		}
		text = rest[2:]
	}
}

func hexDigit(c byte) (n byte, ok bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// isService reports whether a text can be the name of a gRPC service, which may be empty:
// that is the server as a whole.
func isService(text string) bool { return len(text) <= maxService && only(text, "._/-") }

// isPortName reports whether a text in lower case can be the name of a port of a slice.
func isPortName(text string) bool {
	return text != "" && len(text) <= maxLabel && only(text, "-") && !strings.HasPrefix(text, "-") && !strings.HasSuffix(text, "-")
}

// only reports whether a text has nothing but letters and digits of ASCII, and these signs.
func only(text, signs string) bool {
	for i := range len(text) {
		c := text[i]
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z') && strings.IndexByte(signs, c) < 0 {
			return false
		}
	}
	return true
}
