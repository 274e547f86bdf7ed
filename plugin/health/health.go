// Package health is the policy: which endpoints of a Service are published, and
// what has to be remembered to decide that. It knows neither DNS nor a clock.
//
// Reading order: policy.go has what the Corefile and annotations say, health.go the
// tiers, standings.go the decision. memory.go remembers Pods and decisions of one
// Service; damping.go says what flaps are worth, observe.go finds them.
package health

// Tier is how good an endpoint is, the best first.
type Tier uint8

// The tiers. "Up" means ready, or, with ByServing, serving and not terminating, and that no
// check fails.
const (
	// Good is up.
	Good Tier = iota
	// Damped is up, and was not too often of late.
	Damped
	// Draining serves while it terminates, or is taken out by name.
	Draining
	// Sick is not up, and served before, in the same Pod, or still does, or is up but for its
	// check, which fails.
	Sick
	// Starting is not up, and never served.
	Starting
	// Dying terminates and does not serve any more.
	Dying
	// Tiers is how many there are.
	Tiers = int(Dying) + 1
)

// String returns the tier as it stands in metrics and explanations.
func (t Tier) String() string {
	return [...]string{"good", "damped", "draining", "sick", "starting", "dying"}[t]
}
