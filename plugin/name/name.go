// Package name is the grammar of the names that this plugin answers for, both
// ways: from a question to its parts, and from an address to its label.
//
// It follows the Kubernetes DNS specification 1.1.0, sections 2.3 to 2.5, and
// RFC 1035, section 3.5, and RFC 3596, section 2.5, for reverse names.
package name

import (
	"net/netip"
	"strings"
)

// Max is the length in bytes of the longest name without escapes, with its
// final dot (RFC 1035, section 2.3.4).
const Max = 254

// Kind is the shape of a name.
type Kind uint8

// The shapes of names. S is a Service, N its namespace, Z the zone.
const (
	// Other is a name of no shape below: no Service can own it.
	Other Kind = iota
	// Apex is Z.
	Apex
	// Version is dns-version.Z.
	Version
	// Services is svc.Z.
	Services
	// Namespace is N.svc.Z.
	Namespace
	// Service is S.N.svc.Z.
	Service
	// Endpoint is E.S.N.svc.Z, where E has no underscore in front.
	Endpoint
	// Protocol is _T.S.N.svc.Z.
	Protocol
	// Port is _P._T.S.N.svc.Z.
	Port
	// Bare is P.T.S.N.svc.Z, where T is a protocol and an underscore is missing. Only the
	// stock plugin takes it for a port.
	Bare
	// Zonal is A.pin._zone.S.N.svc.Z, where A is a topology zone of one or more labels, or
	// the same with prefer in place of pin: the endpoints in that zone. In front of it may
	// stand _P._T, or _T alone, as in Port and Protocol.
	Zonal
	// ZonalTree is a name on the way to those: _zone.S.N.svc.Z, and that with pin or prefer
	// in front.
	ZonalTree
	// ZonalOther is any other name below _zone.S.N.svc.Z.
	ZonalOther
	// Below is any other name below S.N.svc.Z. No record stands there.
	Below
	// Searched is a name of Z with Z behind it once more, such as S.N.svc.Z.Z: clients
	// with search paths ask for it.
	Searched
	// Reverse is the reverse name of one address.
	Reverse
	// ReverseTree is a name on the way to reverse names.
	ReverseTree
)

// Name is a name and its parts, which are substrings of what was parsed.
type Name struct {
	Kind Kind
	// Prefer is true for names of the kind Zonal with prefer.
	Prefer bool
	// Key is "S.N", for the kinds from Service to Below.
	Key string
	// Namespace is N, for the kinds from Namespace to Below.
	Namespace string
	// Endpoint is E of the kind Endpoint.
	Endpoint string
	// Port and Protocol come without their underscores.
	Port, Protocol string
	// Zone is A of the kind Zonal.
	Zone string
	// At is where Key begins in the name, in bytes.
	At int
	// Address is what a Reverse name stands for, and the Apex of a reverse zone
	// of one address. Network is the same of a ReverseTree, and of the Apex of any other
	// reverse zone.
	Address netip.Addr
	Network netip.Prefix
}

// The labels of names of topology zones, as the stock plugin's option zonal has them.
const (
	zonal  = "_zone"
	pin    = "pin"
	prefer = "prefer"
)

// Parse takes a lower-case name with a final dot, in presentation format, apart.
// The name must lie in zone, which is written in the same way. It does not
// allocate.
func Parse(lower, zone string) Name {
	if len(lower) == len(zone) {
		reverse, _ := parseReverse(lower)
		return Name{Kind: Apex, Address: reverse.Address, Network: reverse.Network}
	}
	if reverse, ok := parseReverse(lower); ok {
		return reverse
	}
	if zone == "." {
		zone = ""
	}
	rest := lower[:len(lower)-len(zone)]
	if rest == "dns-version." {
		return Name{Kind: Version}
	}
	before, label := cutLast(rest)
	switch {
	case label != "svc":
		return Name{Kind: kindOfOther(rest, zone)}
	case before == "":
		return Name{Kind: Services}
	}
	return parseService(before)
}

// kindOfOther returns the kind of a name that is not in svc.Z, by what stands in front of
// Z.
func kindOfOther(rest, zone string) Kind {
	before, ok := strings.CutSuffix(rest, zone)
	before, ok2 := strings.CutSuffix(before, "svc.")
	if zone != "" && ok && ok2 && isWhole(before) {
		return Searched
	}
	return Other
}

// parseService takes what stands in front of "svc" apart.
func parseService(text string) Name {
	rest, namespace := cutLast(text)
	if rest == "" {
		return Name{Kind: Namespace, Namespace: namespace}
	}
	rest, service := cutLast(rest)
	n := Name{
		Kind:      Service,
		Namespace: namespace,
		Key:       text[len(rest) : len(rest)+len(service)+1+len(namespace)],
		At:        len(rest),
	}
	if rest == "" {
		return n
	}
	rest, first := cutLast(rest)
	if first == zonal {
		n.parseZonal(rest)
		return n
	}
	_, second := cutLast(rest)
	switch protocol, ok := strings.CutPrefix(first, "_"); {
	case rest == "" && ok:
		n.Kind, n.Protocol = Protocol, protocol
	case rest == "":
		n.Kind, n.Endpoint = Endpoint, first
	case ok && len(rest) == len(second)+1 && strings.HasPrefix(second, "_"):
		n.Kind, n.Protocol, n.Port = Port, protocol, second[1:]
	case len(rest) == len(second)+1 && isProtocol(protocol):
		n.Kind = Bare
	default:
		n.Kind = Below
	}
	return n
}

// parseZonal takes what stands in front of "_zone" apart.
func (n *Name) parseZonal(text string) {
	rest, directive := cutLast(text)
	switch {
	case text != "" && directive != pin && directive != prefer:
		n.Kind = ZonalOther
	case rest == "":
		n.Kind = ZonalTree
	default:
		n.Kind, n.Prefer = Zonal, directive == prefer
		n.parseZone(rest)
	}
}

// parseZone takes what stands in front of the directive apart. The value of a label of
// Nodes cannot begin with an underscore: what does so names a port. Where that makes no
// sense, all is a zone, which nothing is in.
func (n *Name) parseZone(text string) {
	var front [2]string
	count, rest := 0, text
	for rest != "" && rest[0] == '_' && count <= len(front) {
		label, behind := cutFirst(rest)
		if label == "_" {
			behind = ""
		}
		if count < len(front) {
			front[count] = label[1:]
		}
		count, rest = count+1, behind
	}
	if count == 0 || count > len(front) || rest == "" {
		n.Zone = text[:len(text)-1]
		return
	}
	n.Zone, n.Protocol = rest[:len(rest)-1], front[count-1]
	if count == len(front) {
		n.Port = front[0]
	}
}

// isProtocol reports whether the stock plugin takes a label, without its underscore, for a
// protocol. An empty one stands for each.
func isProtocol(label string) bool {
	return label == "" || label == "tcp" || label == "udp" || label == "sctp"
}

// cutLast cuts the last label off a relative name that ends in a dot. A dot
// behind a backslash belongs to its label.
func cutLast(text string) (before, label string) {
	if text == "" {
		return "", ""
	}
	end := len(text) - 1
	for i := end; ; {
		i = strings.LastIndexByte(text[:i], '.')
		if i < 0 {
			return "", text[:end]
		}
		if !escaped(text, i) {
			return text[:i+1], text[i+1 : end]
		}
	}
}

// cutFirst cuts the first label off a relative name that ends in a dot, as cutLast cuts
// the last.
func cutFirst(text string) (label, rest string) {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '.':
			return text[:i], text[i+1:]
		}
	}
	return text, ""
}

// escaped reports whether the byte at i stands behind an odd number of
// backslashes.
func escaped(text string, i int) bool {
	n := 0
	for i > n && text[i-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}
