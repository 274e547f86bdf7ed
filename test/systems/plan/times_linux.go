package plan

import (
	"cmp"
	"slices"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/systems/drivers"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/node"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/results"
)

// What a trial takes besides what is measured, where nobody has looked at how long all of it
// took.
const (
	// around is for its namespace, and for what is counted after its end.
	around = 3 * time.Second
	// apart is for the API server and its controllers to start again.
	apart = 8 * time.Second
	// lost is what a system gets to become whole, at least.
	lost = 45 * time.Second
	// unbound is for a life without a bound.
	unbound = 10 * time.Second
)

// Took is how long a round takes with so many systems at a time, which each take what Order
// gives them first.
func (r Round) Took(file *results.File, together int) time.Duration {
	lanes := make([]time.Duration, together)
	for _, s := range r.Order(file) {
		first := slices.Index(lanes, slices.Min(lanes))
		lanes[first] += r.tookOf(file, s)
	}
	return slices.Max(lanes)
}

// Order is in which order systems begin: the one that takes longest first, since all others
// have ended by the time that it ends.
func (r Round) Order(file *results.File) []drivers.System {
	all := slices.Clone(drivers.All)
	slices.SortStableFunc(all, func(a, b drivers.System) int { return cmp.Compare(r.tookOf(file, b), r.tookOf(file, a)) })
	return all
}

func (r Round) tookOf(file *results.File, s drivers.System) (sum time.Duration) {
	for _, step := range r.Steps(s) {
		sum += time.Duration(step.End-step.First) * tookOnce(file, s, step)
	}
	return sum
}

// tookOnce is how long one trial takes: as long as before, or else by its parts.
func tookOnce(file *results.File, s drivers.System, step Step) time.Duration {
	if row := file.Find(s.Key, step.Script.Name, step.Server); row != nil {
		if took := mean(row, func(t results.Trial) float64 { return t.Took }); took > 0 {
			return took
		}
	}
	if step.Server != node.Ours && !step.Script.Fresh && NeverBegins(file.Find(s.Key, drivers.Cold, step.Server)) {
		return 0
	}
	took := around + lifeOf(file, s, step.Script.Name, step.Server)
	if !step.Script.Fresh {
		took += lifeOf(file, s, drivers.Cold, step.Server)
	}
	if step.Script.Name == drivers.Exchange {
		took += lifeOf(file, s, drivers.Cold, step.Server)
	}
	if step.Script.WithoutAPI {
		took += apart
	}
	return took
}

// NeverBegins reports whether lives that begin with a system that is whole need not be tried, by
// the row of its cold starts, which may be nil.
func NeverBegins(cold *results.Row) bool { return cold != nil && cold.Never() }

// lifeOf is how long a life takes alone, by its row, by that of ours, or by half of its bound.
func lifeOf(file *results.File, s drivers.System, name, server string) time.Duration {
	bounds, _ := s.Life(name)
	for _, each := range []string{server, node.Ours} {
		if row := file.Find(s.Key, name, each); row != nil && len(row.Trials) > 0 {
			return mean(row, func(t results.Trial) float64 {
				if t.Whole {
					return t.Seconds
				}
				return max(lost, 3*bounds.Formed).Seconds()
			})
		}
	}
	if bounds.Formed > 0 {
		return bounds.Formed / 2
	}
	return unbound
}

// mean is that of a number of seconds.
func mean(row *results.Row, of func(results.Trial) float64) time.Duration {
	sum := 0.0
	for _, each := range row.Trials {
		sum += of(each)
	}
	return time.Duration(sum / float64(len(row.Trials)) * float64(time.Second))
}
