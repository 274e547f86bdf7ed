package plan

import (
	"cmp"
	"slices"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/systems/drivers"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/life"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/node"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/results"
)

// A Round is what all systems go through before any of them goes on with the next one.
type Round struct {
	// Name is that of its tests.
	Name string

	servers []string
	// has says whether a life of a system is in the round.
	has func(life.Script, drivers.Bounds) bool
	// trials says of which number the first trial is, and which comes after the last one.
	trials func(drivers.System, life.Script, string) (first, end int)
}

// A Step is one life of one system that asks one server, in one round.
type Step struct {
	Script life.Script
	Bounds drivers.Bounds
	// Server is one of node.Names.
	Server string
	// First is the number of the first trial, and End the one after the last.
	First, End int
}

// AtOnce is how many systems live at the same time in `make systems`: most of it they wait.
const AtOnce = 3

// Rounds are those of `make systems`. What matters most comes first, so that a run that is
// broken off has it: ours, once each; ours again, where once proves little; and then the
// others, of which it is only written down what they do.
var Rounds = []Round{
	{"ours", []string{node.Ours}, isShort, once},
	{"ours-long", []string{node.Ours}, isLong, once},
	{"ours-away", []string{node.Ours}, isAway, once},
	{"ours-again", []string{node.Ours}, isAny, again},
	{"stock", []string{node.Stock}, isOfStock, upTo},
	{"serving", []string{node.Serving}, isOfServing, upTo},
	{"stock-away", []string{node.Stock}, isWithoutAPI, upTo},
}

// All is a round with all lives on some servers, each as often as that.
func All(servers []string, times int) Round {
	return Round{"all", servers, isAny, func(drivers.System, life.Script, string) (first, end int) { return 0, times }}
}

// Has reports whether `make systems` takes a system through a life on a server: what was written
// down of it before, when it did, is of no use any more.
func Has(system, name, server string) bool {
	for _, s := range drivers.All {
		if s.Key != system {
			continue
		}
		for _, round := range Rounds {
			if slices.ContainsFunc(round.Steps(s), func(each Step) bool { return each.Script.Name == name && each.Server == server }) {
				return true
			}
		}
	}
	return false
}

// On is the round with those of its servers that are among some.
func (r Round) On(servers []string) Round {
	r.servers = slices.DeleteFunc(slices.Clone(r.servers), func(each string) bool { return !slices.Contains(servers, each) })
	return r
}

// Steps are what a system goes through in the round, in the order of its life.
func (r Round) Steps(s drivers.System) (all []Step) {
	for _, script := range life.All {
		bounds, has := s.Life(script.Name)
		if !has || !r.has(script, bounds) {
			continue
		}
		for _, server := range r.servers {
			if first, end := r.trials(s, script, server); first < end {
				all = append(all, Step{script, bounds, server, first, end})
			}
		}
	}
	return all
}

func isAny(life.Script, drivers.Bounds) bool { return true }

func isShort(_ life.Script, b drivers.Bounds) bool { return !b.Long }

func isLong(script life.Script, b drivers.Bounds) bool { return b.Long && !script.WithoutAPI }

func isAway(script life.Script, b drivers.Bounds) bool { return b.Long && script.WithoutAPI }

// isWithoutAPI are lives that share the times without the API server where they come together.
func isWithoutAPI(script life.Script, _ drivers.Bounds) bool { return script.WithoutAPI }

// isOfStock leaves out members that wait for each other: nobody is told of them early or late.
// Lives without the API server have a round of their own.
func isOfStock(script life.Script, _ drivers.Bounds) bool {
	return !script.WithoutAPI && script.Name != drivers.Ordered
}

// isOfServing leaves out also those in which it does not matter who is published.
func isOfServing(script life.Script, b drivers.Bounds) bool {
	return isOfStock(script, b) && script.Name != drivers.Reload
}

func once(drivers.System, life.Script, string) (first, end int) { return 0, 1 }

// again are the trials but the first one.
func again(s drivers.System, script life.Script, server string) (first, end int) {
	return 1, times(s, script, server)
}

// upTo are all trials.
func upTo(s drivers.System, script life.Script, server string) (first, end int) {
	return 0, times(s, script, server)
}

const (
	// coldStarts is how many there are of each kind where a System says nothing.
	coldStarts = 8
	// coldStartsThere is how many there are on others than ours, of a system that makes more of
	// them than most.
	coldStartsThere = 2
	// longest is the bound of a life that is lived more than once for what is known of it.
	longest = time.Minute
)

// times is how often a life is lived.
func times(s drivers.System, script life.Script, server string) int {
	starts := cmp.Or(s.Starts, coldStarts)
	bounds, _ := s.Life(script.Name)
	switch {
	case server != node.Ours && script.Fresh && !script.OwnServer && starts > coldStarts:
		return coldStartsThere
	case server != node.Ours, script.Name == drivers.Ordered:
		return 1
	case script.OwnServer && script.Fresh:
		return min(starts, coldStarts)
	case script.Fresh:
		return starts
	case results.MayBeLoose(bounds) && bounds.Formed <= longest:
		// So that results.Row.Loose has something to say.
		return results.Enough
	}
	return 1
}
