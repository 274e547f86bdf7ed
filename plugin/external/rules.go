package external

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// Rules say which names an object may lead to, and which addresses of those are never
// given. Of several rules for a name or an address the longest suffix or prefix counts, and
// of two of the same length the one that denies. Where one of them allows a name, all that
// none allows are denied; and so for addresses. The nil value, and the zero one, have only
// the rules that nobody has to write.
type Rules struct {
	names    map[string]verdict
	networks map[netip.Prefix]verdict
	// onlyNames and onlyNetworks are true where something is allowed, and so all else denied.
	onlyNames, onlyNetworks bool
}

// verdict is what a rule says.
type verdict uint8

const (
	// unsaid is that no rule says anything.
	unsaid verdict = iota
	allowed
	denied
)

// unsafe are the networks whose addresses are not given unless a rule allows them: those that
// are never dialled.
var unsafe = func() map[netip.Prefix]verdict {
	all := make(map[netip.Prefix]verdict)
	for network := range check.NeverNetworks {
		all[network] = denied
	}
	return all
}()

// ParseRule reads the arguments of external_allow, or those of external_deny: suffixes of
// names, addresses and networks. It returns them as they stand in the text of Rules, one a
// line.
func ParseRule(option string, args []string) (lines string, err error) {
	if len(args) == 0 {
		return "", errors.New("want one or more domain names such as example.org, or networks such as 10.0.0.0/8")
	}
	for _, arg := range args {
		text, err := canonical(strings.ToLower(arg))
		if err != nil {
			return "", err
		}
		lines += option + " " + text + "\n"
	}
	return lines, nil
}

// The options that rules are written with.
const (
	Allow = "external_allow"
	Deny  = "external_deny"
)

// canonical returns a suffix with a final dot, or a network.
func canonical(text string) (string, error) {
	if network, err := netip.ParsePrefix(text); err == nil && !network.Addr().Is4In6() {
		return network.Masked().String(), nil
	}
	if text == "." {
		return text, nil
	}
	name, addr, err := model.ParseTarget(text)
	switch {
	case err != nil:
		return "", fmt.Errorf("%q is neither a domain name such as example.org nor a network such as 10.0.0.0/8", text)
	case addr.IsValid():
		return netip.PrefixFrom(addr, addr.BitLen()).String(), nil
	}
	return name, nil
}

// CanonicalRules returns the text of Rules with its lines sorted, each once: it can be
// compared.
func CanonicalRules(text string) string {
	lines := slices.Compact(slices.Sorted(strings.Lines(text)))
	return strings.Join(lines, "")
}

// NewRules returns those of a text that ParseRule has made, nil where that is empty.
func NewRules(text string) *Rules {
	if text == "" {
		return nil
	}
	r := &Rules{names: make(map[string]verdict), networks: make(map[netip.Prefix]verdict)}
	for line := range strings.Lines(text) {
		option, of, _ := strings.Cut(strings.TrimSpace(line), " ")
		v := denied
		if option == Allow {
			v = allowed
		}
		if network, err := netip.ParsePrefix(of); err == nil {
			r.networks[network] = max(r.networks[network], v)
			r.onlyNetworks = r.onlyNetworks || v == allowed
			continue
		}
		r.names[of] = max(r.names[of], v)
		r.onlyNames = r.onlyNames || v == allowed
	}
	return r
}

// AllowsName reports whether an object may lead to a name, which has a final dot.
func (r *Rules) AllowsName(name string) bool {
	if r == nil {
		return true
	}
	for suffix := strings.ToLower(name); ; {
		if v := r.names[suffix]; v != unsaid {
			return v == allowed
		}
		if suffix == "." {
			return !r.onlyNames
		}
		if _, suffix, _ = strings.Cut(suffix, "."); suffix == "" {
			suffix = "."
		}
	}
}

// HasNetworks reports whether there are rules for addresses beyond those that nobody has to
// write.
func (r *Rules) HasNetworks() bool { return r != nil && len(r.networks) > 0 }

// AllowsAddress reports whether an address may be given, as far as rules are written.
func (r *Rules) AllowsAddress(addr netip.Addr) bool { return r.allows(addr, nil) }

// AllowsStrictly also goes by the rules that nobody has to write.
func (r *Rules) AllowsStrictly(addr netip.Addr) bool { return r.allows(addr, unsafe) }

// allows looks at an address in all of its forms: one that is denied in any of them is
// denied.
func (r *Rules) allows(addr netip.Addr, defaults map[netip.Prefix]verdict) bool {
	own := true
	for form := range check.Forms(addr) {
		v := r.said(form, defaults)
		if v == denied || own && v == unsaid && r != nil && r.onlyNetworks {
			return false
		}
		own = false
	}
	return true
}

// said returns what the rule with the longest prefix says.
func (r *Rules) said(addr netip.Addr, defaults map[netip.Prefix]verdict) verdict {
	for bits := addr.BitLen(); bits >= 0; bits-- {
		network, _ := addr.Prefix(bits)
		if r != nil {
			if v := r.networks[network]; v != unsaid {
				return v
			}
		}
		if v := defaults[network]; v != unsaid {
			return v
		}
	}
	return unsaid
}
