package health

import (
	"math"
	"time"
)

// Route flap damping (RFC 2439) for endpoints, with thresholds that leave those
// alone that flap once or twice (as RFC 7196 advises), and caps of its own. A
// flap is a Pod that stops serving without being told to, or one whose check begins to
// fail: an endpoint that is added, replaced or terminates has no penalty. Leaving DNS is
// never delayed.
const (
	flapPenalty    = 1000
	suppressAbove  = 2500
	reuseBelow     = 750
	forgetBelow    = 375
	longestDamping = 300 * time.Second
	// flapsApart makes what both address families report one flap.
	flapsApart = time.Second
)

// Past is what is remembered of a Pod that went down or flapped.
type Past struct {
	// WasUp means that the Pod served before.
	WasUp bool
	// Penalty is what flaps add up to, as of At.
	Penalty float64
	At      time.Time
	// Until is when damping ends; zero where the Pod is not damped.
	Until time.Time
	// missing is since when no slice has the Pod; zero while one has it.
	missing time.Time
}

// ceiling returns the largest penalty: the one that decays in the longest time.
// Half-lives for which it is below the threshold of damping make no sense.
func ceiling(halfLife time.Duration) float64 {
	return reuseBelow * math.Exp2(longestDamping.Seconds()/halfLife.Seconds())
}

func decayed(penalty float64, passed, halfLife time.Duration) float64 {
	return penalty * math.Exp2(-passed.Seconds()/halfLife.Seconds())
}

// flap takes note of a Pod that stops serving, and returns whether it counts.
func (p *Past) flap(d Damping, now time.Time) bool {
	p.WasUp = true
	return p.penalize(d, now)
}

// penalize takes note of a flap, and returns whether it counts.
func (p *Past) penalize(d Damping, now time.Time) bool {
	if d.Mode == DampingOff || !p.At.IsZero() && now.Sub(p.At) < flapsApart {
		return false
	}
	p.Penalty = min(decayed(p.Penalty, now.Sub(p.At), d.HalfLife)+flapPenalty, ceiling(d.HalfLife))
	p.At = now
	if p.Penalty >= suppressAbove || now.Before(p.Until) {
		lasts := time.Duration(d.HalfLife.Seconds() * math.Log2(p.Penalty/reuseBelow) * float64(time.Second))
		p.Until = now.Add(min(lasts, longestDamping))
	}
	return true
}

// forgotten reports whether the penalty does not matter any more. It does while the
// Pod is damped: the half-life may have become shorter since that began.
func (p *Past) forgotten(d Damping, now time.Time) bool {
	if p.Penalty == 0 || d.Mode == DampingOff {
		return true
	}
	return !now.Before(p.Until) && decayed(p.Penalty, now.Sub(p.At), d.HalfLife) < forgetBelow
}
