package health

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// Publish says when an endpoint is up.
type Publish uint8

const (
	// ByReady goes by the condition ready, which publishNotReadyAddresses sets.
	ByReady Publish = iota
	// ByServing goes by the Pod's own readiness.
	ByServing
)

// Up reports whether a slice that says these conditions calls an endpoint up.
func (p Publish) Up(is model.Conditions) bool {
	if p == ByServing {
		return is.Has(model.Serving) && !is.Has(model.Terminating)
	}
	return is.Has(model.Ready)
}

// Calls reports whether such a slice calls it up or draining.
func (p Publish) Calls(is model.Conditions) bool {
	return p.Up(is) || is.Has(model.Serving|model.Terminating)
}

// PodNames says which endpoints have a name of their own.
type PodNames uint8

const (
	// NamesReady is for those that are up.
	NamesReady PodNames = iota
	// NamesServing is also for those that serve while they terminate.
	NamesServing
	// NamesAll is for all that have an address.
	NamesAll
)

// Fallback says what the Service name has where no endpoint is up.
type Fallback uint8

const (
	// FallbackDraining is for endpoints that serve while they terminate, as
	// kube-proxy has it.
	FallbackDraining Fallback = iota
	// FallbackNone is for nothing.
	FallbackNone
)

// SRVTiers says which endpoints SRV records list.
type SRVTiers uint8

const (
	// SRVPublished is for those of the Service name.
	SRVPublished SRVTiers = iota
	// SRVAll adds lower tiers as backups.
	SRVAll
)

// DampingMode says what is done about endpoints that flap.
type DampingMode uint8

const (
	// DampingOff does not look.
	DampingOff DampingMode = iota
	// DampingObserve counts what DampingOn would do.
	DampingObserve
	// DampingOn publishes them only where there is nothing better.
	DampingOn
)

// Damping is how endpoints that flap are treated.
type Damping struct {
	Mode     DampingMode
	HalfLife time.Duration
}

// What Policy.FailOpen may be besides a percentage.
const (
	// FailOpenUnset is that nobody says. It is off where endpoints are not checked.
	FailOpenUnset = 0
	// FailOpenOff is never.
	FailOpenOff = -1
	// FailOpenByCheck is where endpoints are checked, and nobody says: those whose check
	// fails are published while nobody is up. Those that their slice calls down are not: who
	// wrote that has decided.
	FailOpenByCheck = -2
)

// byCheck is the percentage of FailOpenByCheck.
const byCheck = 1

// DefaultHalfLife is how long a penalty takes to decay to its half.
const DefaultHalfLife = 2 * time.Minute

// Policy is what decides about the endpoints of a Service. The zero value is
// the default, but for the half-life of damping.
type Policy struct {
	Publish  Publish
	PodNames PodNames
	Fallback Fallback
	SRVTiers SRVTiers
	// FailOpen is the percentage from 1 to 100 of endpoints that are up below which sick ones
	// are published, too, or FailOpenUnset, FailOpenOff or FailOpenByCheck.
	FailOpen int
	Damping  Damping
}

// Checked returns the policy of a Service whose endpoints are checked.
func (p Policy) Checked() Policy {
	if p.FailOpen == FailOpenUnset {
		p.FailOpen = FailOpenByCheck
	}
	return p
}

// opensBelow is the percentage for fail open, 0 where that never is.
func (p *Policy) opensBelow() int {
	switch p.FailOpen {
	case FailOpenUnset, FailOpenOff:
		return 0
	case FailOpenByCheck:
		return byCheck
	}
	return p.FailOpen
}

// ParsePublish reads "ready" or "serving".
func ParsePublish(args []string) (Publish, error) {
	n, err := word(args, "ready", "serving")
	return Publish(n), err
}

// ParsePodNames reads "ready", "serving" or "all".
func ParsePodNames(args []string) (PodNames, error) {
	n, err := word(args, "ready", "serving", "all")
	return PodNames(n), err
}

// ParseFallback reads "draining" or "none".
func ParseFallback(args []string) (Fallback, error) {
	n, err := word(args, "draining", "none")
	return Fallback(n), err
}

// ParseSRVTiers reads "published", or "all", which is what no argument means.
func ParseSRVTiers(args []string) (SRVTiers, error) {
	if len(args) == 0 {
		return SRVAll, nil
	}
	n, err := word(args, "published", "all")
	return SRVTiers(n), err
}

func word(args []string, words ...string) (int, error) {
	if len(args) == 1 {
		if at := slices.Index(words, args[0]); at >= 0 {
			return at, nil
		}
	}
	return 0, fmt.Errorf("want %s, not %q", strings.Join(words, " or "), strings.Join(args, " "))
}

// ParseFailOpen reads a percentage from 1 to 100, with or without its sign, or
// "off", which is FailOpenOff.
func ParseFailOpen(args []string) (int, error) {
	if len(args) == 1 {
		if args[0] == "off" {
			return FailOpenOff, nil
		}
		if n, err := strconv.Atoi(strings.TrimSuffix(args[0], "%")); err == nil && n >= 1 && n <= 100 {
			return n, nil
		}
	}
	return FailOpenUnset, fmt.Errorf("want a percentage from 1 to 100, or off, not %q", strings.Join(args, " "))
}

// shortestHalfLife keeps a flap from being forgotten before the next one.
const shortestHalfLife = 10 * time.Second

// ParseDamping reads "off", or "observe" or "on" with a half-life.
func ParseDamping(args []string) (Damping, error) {
	if len(args) == 0 || len(args) > 2 {
		return Damping{}, errors.New("want off, observe or on, and a half-life")
	}
	mode, err := word(args[:1], "off", "observe", "on")
	if err != nil {
		return Damping{}, err
	}
	d := Damping{Mode: DampingMode(mode), HalfLife: DefaultHalfLife}
	if len(args) == 1 {
		return d, nil
	}
	if d.Mode == DampingOff {
		return Damping{}, errors.New("off has no half-life")
	}
	if d.HalfLife, err = time.ParseDuration(args[1]); err != nil || d.HalfLife < shortestHalfLife {
		return Damping{}, fmt.Errorf("the half-life must be a duration of %v or more, not %q", shortestHalfLife, args[1])
	}
	if ceiling(d.HalfLife) < suppressAbove {
		return Damping{}, fmt.Errorf("with a half-life of %v no endpoint would ever be damped: a penalty that decays within %v stays below %d",
			d.HalfLife, longestDamping, suppressAbove)
	}
	return d, nil
}

// String returns the word as the Corefile has it.
func (n PodNames) String() string { return [...]string{"ready", "serving", "all"}[n] }

// String returns the policy as the Corefile has it.
func (p Policy) String() string {
	return fmt.Sprintf("publish %s, pod_names %s, fallback %s, fail_open %s, damping %s, srv_tiers %s",
		[...]string{"ready", "serving"}[p.Publish],
		p.PodNames,
		[...]string{"draining", "none"}[p.Fallback],
		p.failOpenText(), p.Damping, [...]string{"published", "all"}[p.SRVTiers])
}

func (p *Policy) failOpenText() string {
	switch percent := p.opensBelow(); {
	case percent == 0:
		return "off"
	case p.FailOpen == FailOpenByCheck:
		return strconv.Itoa(percent) + "% by check"
	default:
		return strconv.Itoa(percent) + "%"
	}
}

// String returns the mode and, where it counts, the half-life.
func (d Damping) String() string {
	if d.Mode == DampingOff {
		return "off"
	}
	return [...]string{"off", "observe ", "on "}[d.Mode] + d.HalfLife.String()
}
