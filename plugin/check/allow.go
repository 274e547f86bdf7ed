package check

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// allowForm is how a line of check_allow is written.
const allowForm = "NAMESPACE...|* to CIDR... ports PORT|FIRST-LAST... kinds KIND..."

// mostNetworks bounds those of one line: each check looks at all of them.
const mostNetworks = 256

// everyNamespace is the word for it.
const everyNamespace = "*"

// line is a line of check_allow. Its lists are sorted, and have nothing twice.
type line struct {
	// namespaces has * alone for all.
	namespaces []string
	networks   []netip.Prefix
	ports      []portRange
	kinds      kindSet
}

// portRange has the ports from first to last.
type portRange struct{ first, last uint16 }

// ParseAllow reads the arguments of one check_allow, and returns them in the order in which
// lines that allow the same are the same.
func ParseAllow(args []string) (canonical string, err error) {
	l, err := parseLine(args)
	if err != nil {
		return "", err
	}
	return l.String(), nil
}

// parts are the words between the parts of a line.
var parts = [...]string{"to", "ports", "kinds"}

// split takes a line apart: what stands before the first of the parts, and behind each.
func split(args []string) (lists [len(parts) + 1][]string, err error) {
	for i, part := range parts {
		at := slices.Index(args, part)
		switch {
		case at < 0:
			return lists, fmt.Errorf("%q is missing: want %s", part, allowForm)
		case at == 0 && i == 0:
			return lists, fmt.Errorf("a namespace is missing in front of %q: want %s", part, allowForm)
		case at == 0:
			return lists, fmt.Errorf("nothing stands between %q and %q: want %s", parts[i-1], part, allowForm)
		}
		lists[i], args = args[:at], args[at+1:]
	}
	if len(args) == 0 {
		return lists, fmt.Errorf("nothing stands behind %q: want one or more of %s", parts[len(parts)-1], everyKind)
	}
	lists[len(parts)] = args
	return lists, nil
}

func parseLine(args []string) (l line, err error) {
	lists, err := split(args)
	if err != nil {
		return line{}, err
	}
	for i, read := range [...]func([]string) error{l.readNamespaces, l.readNetworks, l.readPorts, l.readKinds} {
		if err := read(lists[i]); err != nil {
			return line{}, err
		}
	}
	return l, nil
}

func (l *line) readNamespaces(args []string) error {
	if slices.Contains(args, everyNamespace) && len(args) > 1 {
		return fmt.Errorf("%s is every namespace: it stands alone", everyNamespace)
	}
	for _, namespace := range args {
		if namespace != everyNamespace && len(validation.IsDNS1123Label(namespace)) > 0 {
			return fmt.Errorf("%.80q is not the name of a namespace", namespace)
		}
	}
	l.namespaces = sortedOnce(args, cmp.Compare[string])
	return nil
}

func (l *line) readNetworks(args []string) error {
	if len(args) > mostNetworks {
		return fmt.Errorf("%d networks are more than %d in one line", len(args), mostNetworks)
	}
	var all []netip.Prefix
	for _, arg := range args {
		network, err := parseNetwork(arg)
		if err != nil {
			return err
		}
		all = append(all, network)
	}
	l.networks = sortedOnce(all, netip.Prefix.Compare)
	return nil
}

// parseNetwork refuses what says more, or something else, than it seems to: nobody should
// have to guess what is allowed.
func parseNetwork(arg string) (netip.Prefix, error) {
	network, err := netip.ParsePrefix(arg)
	if err != nil {
		if addr, err := netip.ParseAddr(arg); err == nil && addr.Zone() == "" {
			return network, fmt.Errorf("%s is an address: want a network, as in %s", arg, netip.PrefixFrom(addr, addr.BitLen()))
		}
		return network, fmt.Errorf("%.80q is not a network such as 10.0.0.0/16, or fd00::/64", arg)
	}
	addr, bits := network.Addr(), network.Bits()
	switch why := neverIn(network); {
	case addr.Is4In6():
		const mapped = 96
		return network, fmt.Errorf("%s has addresses of IPv4: want %s", arg, netip.PrefixFrom(addr.Unmap(), max(bits-mapped, 0)).Masked())
	case network != network.Masked():
		return network, fmt.Errorf("%s is an address in a network: want %s for the network, or %s for the address",
			arg, network.Masked(), netip.PrefixFrom(addr, addr.BitLen()))
	case why != "":
		return network, fmt.Errorf("nothing in %s is ever checked, whatever is allowed: %s", arg, why)
	}
	return network, nil
}

func (l *line) readPorts(args []string) error {
	var all []portRange
	for _, arg := range args {
		from, to, isRange := strings.Cut(arg, "-")
		if !isRange {
			to = from
		}
		first, ok := portNumber(from)
		last, alsoOK := portNumber(to)
		switch {
		case !ok || !alsoOK:
			return fmt.Errorf("%.80q is neither a port nor a range of ports: want a number in range [1, 65535], or two with a hyphen between, as in 6432-6440", arg)
		case first > last:
			return fmt.Errorf("the range of ports %s ends before it begins: want %d-%d", arg, last, first)
		}
		all = append(all, portRange{first, last})
	}
	l.ports = merged(all)
	return nil
}

// merged returns the same ports in as few ranges as it takes.
func merged(all []portRange) (few []portRange) {
	slices.SortFunc(all, func(a, b portRange) int { return cmp.Compare(a.first, b.first) })
	for _, r := range all {
		if last := len(few) - 1; last >= 0 && int(r.first) <= int(few[last].last)+1 {
			few[last].last = max(few[last].last, r.last)
			continue
		}
		few = append(few, r)
	}
	return few
}

func (l *line) readKinds(args []string) error {
	for _, arg := range args {
		kind, ok := kindNamed(arg)
		if !ok {
			return fmt.Errorf("%.80q is no kind of check: want one or more of %s", arg, everyKind)
		}
		l.kinds |= setOf(kind)
	}
	return nil
}

// sortedOnce returns a sorted copy without what is there twice.
func sortedOnce[T comparable](all []T, compare func(a, b T) int) []T {
	all = slices.Clone(all)
	slices.SortFunc(all, compare)
	return slices.Compact(all)
}

// String returns the line as ParseAllow has read it.
func (l *line) String() string {
	var b strings.Builder
	b.WriteString(strings.Join(l.namespaces, " "))
	b.WriteString(" to")
	for _, network := range l.networks {
		b.WriteString(" " + network.String())
	}
	b.WriteString(" ports")
	for _, r := range l.ports {
		b.WriteString(" " + r.String())
	}
	b.WriteString(" kinds " + l.kinds.String())
	return b.String()
}

func (r portRange) String() string {
	if r.first == r.last {
		return strconv.Itoa(int(r.first))
	}
	return fmt.Sprintf("%d-%d", r.first, r.last)
}

// admit says how far an address, port and kind comes through the line: a later refusal is
// one of a later part.
func (l *line) admit(at netip.AddrPort, kind Kind) Refusal {
	switch addr := at.Addr(); {
	case !slices.ContainsFunc(l.networks, func(n netip.Prefix) bool { return n.Contains(addr) }):
		return ByAddress
	case !slices.ContainsFunc(l.ports, func(r portRange) bool { return r.first <= at.Port() && at.Port() <= r.last }):
		return ByPort
	case !l.kinds.has(kind):
		return ByKind
	}
	return NoRefusal
}
