package external

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// MaxTargets is how many targets an ExternalName Service has at most, spec.externalName
// included.
const MaxTargets = 8

// maxWeight is the largest weight of a target.
const maxWeight = 1000

// LastGood says for how long a target that cannot be resolved is answered with what it had
// last. The zero value is not at all. It can be compared.
type LastGood struct {
	// For is from 10 s to 72 h, from the first failure on (RFC 8767, section 5).
	For time.Duration
	// NXDomain is true where a denial of the target counts as a failure, too: RFC 8767 has
	// it for an answer.
	NXDomain bool
}

// Bounds of LastGood.For.
const (
	minLastGood = 10 * time.Second
	maxLastGood = 72 * time.Hour
)

// Target is one name or address that an ExternalName Service may lead to.
type Target struct {
	// Name has a final dot. Where the target is an address, Address holds it and Name is
	// empty.
	Name    string
	Address netip.Addr
	// Weight counts only where targets are chosen by weight.
	Weight int
}

// leadsWhere reports whether two targets are the same but for their weights.
func (t *Target) leadsWhere(o *Target) bool { return t.Name == o.Name && t.Address == o.Address }

// String returns the target as people write it.
func (t Target) String() string {
	if t.Address.IsValid() {
		return t.Address.String()
	}
	return strings.TrimSuffix(t.Name, ".")
}

// Targets are those that a Service has beside spec.externalName.
type Targets struct {
	// Others are in the order in which they are written.
	Others []Target
	// ByWeight is true where one is drawn for each answer, and own is then the weight of
	// spec.externalName.
	ByWeight bool
	own      int
}

// Wish is what a Service wants done about what it leads to. The zero value is nothing.
type Wish struct {
	Targets  Targets
	LastGood LastGood
	// Flatten is true where the Service's name has the addresses itself, and is no alias.
	Flatten bool
	// Checked is true where the addresses of targets are checked: then they have to be kept.
	Checked bool
}

// ParseLastGood reads "10m", "10m nxdomain", or "off".
func ParseLastGood(args []string) (l LastGood, err error) {
	if len(args) == 1 && args[0] == "off" {
		return l, nil
	}
	if len(args) == 0 || len(args) > 2 || len(args) == 2 && args[1] != "nxdomain" {
		return l, errors.New("want a duration such as 1h, nxdomain behind it where a denial counts as a failure, or off")
	}
	l.For, err = time.ParseDuration(args[0])
	if err != nil || l.For < minLastGood || l.For > maxLastGood {
		return LastGood{}, fmt.Errorf("want a duration from 10s to 72h, or off, not %q", args[0])
	}
	l.NXDomain = len(args) == 2
	return l, nil
}

// Of reads what a Service says by annotation, where l is what the stanza says: not longer
// than that, where it is set.
func (l LastGood) Of(args []string) (LastGood, error) {
	own, err := ParseLastGood(args)
	switch {
	case err != nil:
		return l, err
	case l.For > 0 && own.For > l.For:
		return l, fmt.Errorf("%s is longer than last_good of the Corefile, which is %s", own.For, l.For)
	}
	return own, nil
}

// ParseFlatten reads "on" or "off".
func ParseFlatten(args []string) (bool, error) {
	switch strings.Join(args, " ") {
	case "on":
		return true, nil
	case "off":
		return false, nil
	}
	return false, fmt.Errorf("want on or off, not %q", strings.Join(args, " "))
}

// ParseTargets reads "order NAME..." or "weight .=N NAME=N...", where the dot is
// spec.externalName.
func ParseTargets(args []string) (t Targets, err error) {
	if len(args) < 2 {
		return t, errTargets
	}
	switch args[0] {
	case "order":
		t, err = ordered(args[1:])
	case "weight":
		t, err = weighted(args[1:])
	default:
		err = errTargets
	}
	if err == nil && len(t.Others) >= MaxTargets {
		err = fmt.Errorf("%d targets are more than %d, spec.externalName included", len(t.Others)+1, MaxTargets)
	}
	if err != nil {
		return Targets{}, err
	}
	return t, nil
}

var errTargets = errors.New(`want "order NAME..." or "weight .=N NAME=N...", where the dot is spec.externalName`)

func ordered(names []string) (t Targets, err error) {
	for _, name := range names {
		target, err := parseTarget(name)
		if err != nil {
			return t, err
		}
		if err := t.add(target); err != nil {
			return t, err
		}
	}
	return t, nil
}

func weighted(pairs []string) (t Targets, err error) {
	t.ByWeight, t.own = true, -1
	for _, pair := range pairs {
		name, text, _ := strings.Cut(pair, "=")
		weight, ok := parseWeight(text)
		if !ok {
			return t, fmt.Errorf("want NAME=N with a whole number N in range [0, %d], not %q", maxWeight, pair)
		}
		if name == "." {
			if t.own >= 0 {
				return t, errors.New("the weight of spec.externalName is given twice")
			}
			t.own = weight
			continue
		}
		target, err := parseTarget(name)
		if err != nil {
			return t, err
		}
		target.Weight = weight
		if err := t.add(target); err != nil {
			return t, err
		}
	}
	switch {
	case t.own < 0:
		return t, errors.New("the weight of spec.externalName is missing: .=N")
	case len(t.Others) == 0:
		return t, errTargets
	}
	return t, nil
}

func parseWeight(text string) (n int, ok bool) {
	if text == "" || len(text) > 4 {
		return 0, false
	}
	for _, digit := range []byte(text) {
		if digit < '0' || digit > '9' {
			return 0, false
		}
		n = 10*n + int(digit-'0')
	}
	return n, n <= maxWeight
}

func parseTarget(text string) (t Target, err error) {
	t.Name, t.Address, err = model.ParseTarget(text)
	if err != nil {
		return t, fmt.Errorf("%q is neither a domain name nor an address", text)
	}
	return t, nil
}

// add refuses a target that is there already.
func (t *Targets) add(target Target) error {
	same := func(other Target) bool { return other.Name == target.Name && other.Address == target.Address }
	if slices.ContainsFunc(t.Others, same) {
		return fmt.Errorf("%s is given twice", target)
	}
	t.Others = append(t.Others, target)
	return nil
}
