package why

import (
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
)

// Standing is how an endpoint stands, as far as that says why it is published or not.
type Standing struct {
	Tier health.Tier
	// Published is that the policy has it in the name of the Service, and Waits that the name
	// waits for others.
	Published, Waits bool
	// Fails is that it is what it is because its check fails, and TakenOut that the Service
	// takes it out. Named is that it has a name of its own.
	Fails, TakenOut, Named bool
	// Since is since when it is in its tier, or, with Before, that it was when this server
	// began to watch.
	Since  time.Time
	Before bool
	// Until is when its damping ends.
	Until time.Time
}

// Why says whether the endpoint is published, and why not.
func (s *Standing) Why() string {
	switch {
	case s.Published && s.Waits:
		return "not published yet, because the name waits"
	case s.Published && s.Fails:
		return "published, although its check fails (fail open)"
	case s.Published:
		return "published"
	}
	text := "not published, because " + s.reason()
	if s.Named {
		text += "; its own name stays"
	}
	return text
}

func (s *Standing) reason() string {
	switch {
	case s.TakenOut:
		return TakenOut
	case s.Fails && s.Tier == health.Dying:
		return DyingByCheck
	case s.Fails:
		return CheckFails
	case s.Tier == health.Starting && s.Before:
		return NotReadySince(s.Since)
	case s.Tier == health.Damped && !s.Until.IsZero():
		return Unpublished(s.Tier) + " until " + s.Until.UTC().Format(time.RFC3339)
	}
	return Unpublished(s.Tier)
}
