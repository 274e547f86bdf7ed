package records

import (
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

func TestSickIsWhoWasUpBefore(t *testing.T) {
	c := newCourse(Options{})
	c.report(pod(1, ready), pod(2, down))
	c.expect(t, "at first", "1 good, 1 starting")
	c.report(pod(1, ready), pod(2, ready))
	c.expect(t, "when both are up", "2 good")
	c.report(pod(1, down), pod(2, ready))
	c.expect(t, "when one goes down", "1 good, 1 sick")
	c.pass(100 * time.Hour)
	c.report(pod(1, down), pod(2, ready), pod(3, down))
	c.expect(t, "long after", "1 good, 1 sick, 1 starting")
	c.report(pod(1, ready), pod(2, down), pod(3, down))
	c.expect(t, "when they change places", "1 good, 1 sick, 1 starting")
	c.report(pod(1, draining), pod(2, dying), pod(3, dying))
	c.expect(t, "when all are deleted", "1 draining, 2 dying")
}

func TestWhatIsThereAtTheStartWasNotUp(t *testing.T) {
	c := newCourse(Options{})
	s := c.state("only", nil, pod(1, ready), pod(2, down))
	c.slices[s.Name] = s
	c.tally = Compile(c.service, c.all(), c.options, &c.memory, c.now).Tally()
	c.expect(t, "at first", "1 good, 1 starting")
	c.report(pod(1, down), pod(2, down))
	c.expect(t, "then", "1 sick, 1 starting")
}

func TestANewPodStarts(t *testing.T) {
	c := newCourse(Options{})
	c.report(endpoint(1, "10.0.0.1", "db-0", ready))
	c.report(endpoint(1, "10.0.0.1", "db-0", down))
	c.expect(t, "the old Pod", "1 sick")
	c.report(endpoint(2, "10.0.0.1", "db-0", down))
	c.expect(t, "the new Pod with its name and address", "1 starting")
}

func TestPodsThatAreGoneAreForgotten(t *testing.T) {
	c := newCourse(Options{Explain: true, Policy: health.Policy{Damping: health.Damping{Mode: health.DampingOn, HalfLife: health.DefaultHalfLife}}})
	c.report(pod(1, ready), pod(2, ready), pod(3, ready))
	c.report(pod(1, down), pod(2, down), pod(3, ready))
	c.expect(t, "while they are there", "1 good, 2 sick")
	c.report(pod(2, down), pod(3, ready))
	c.pass(time.Second)
	c.turn()
	if remembered(c) != 1 {
		t.Errorf("it remembers %d Pods", remembered(c))
	}
	c.turn(c.state("only", nil))
	c.pass(time.Second)
	c.turn()
	if remembered(c) != 0 || !c.memory.Empty() {
		t.Errorf("it remembers %d Pods in %+v", remembered(c), c.memory)
	}
	c.report(pod(1, down))
	c.expect(t, "when it is back", "1 starting")
}

func TestAServiceWithoutTroubleRemembersNothing(t *testing.T) {
	c := newCourse(Options{Policy: health.Policy{FailOpen: 50, Damping: health.Damping{Mode: health.DampingOn, HalfLife: health.DefaultHalfLife}}})
	c.report(pod(1, down))
	c.report(pod(1, ready), pod(2, down))
	c.report(pod(1, draining), pod(2, ready), pod(3, down))
	c.report(pod(1, dying), pod(2, ready), pod(3, ready))
	if !c.memory.Empty() || c.flaps != 0 {
		t.Errorf("it remembers %+v, %d flaps", c.memory, c.flaps)
	}
}

// The first Pod has been down once, and is up.
func TestAnEndpointThatMovesBetweenSlices(t *testing.T) {
	for _, row := range []struct {
		name string
		// after is the state of the Pod in its new slice.
		after model.Conditions
		move  func(c *course, here, there *model.Slice)
		flaps int
		tier  string
	}{
		{"it comes first", ready, func(c *course, here, there *model.Slice) { c.turn(there); c.turn(here) }, 1, "2 good"},
		{"it goes first", ready, func(c *course, here, there *model.Slice) { c.turn(here); c.turn(there) }, 1, "2 good"},
		{"it comes first, in one turn", ready, func(c *course, here, there *model.Slice) { c.turn(there, here) }, 1, "2 good"},
		{"it goes first, in one turn", ready, func(c *course, here, there *model.Slice) { c.turn(here, there) }, 1, "2 good"},
		{"it comes first, and is down", down, func(c *course, here, there *model.Slice) { c.turn(there); c.turn(here) }, 2, "1 good, 1 sick"},
		{"it comes first, and is down, in one turn", down, func(c *course, here, there *model.Slice) { c.turn(there, here) }, 2, "1 good, 1 sick"},
		{"it goes first, and is down, in one turn", down, func(c *course, here, there *model.Slice) { c.turn(here, there) }, 2, "1 good, 1 sick"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newCourse(Options{Policy: health.Policy{Damping: health.Damping{Mode: health.DampingOn, HalfLife: health.DefaultHalfLife}}})
			c.turn(c.state("here", nil, pod(1, ready), pod(2, ready)), c.state("there", nil))
			c.turn(c.state("here", nil, pod(1, down), pod(2, ready)))
			c.pass(time.Minute)
			c.turn(c.state("here", nil, pod(1, ready), pod(2, ready)))
			c.pass(time.Minute)
			row.move(c, c.state("here", nil, pod(2, ready)), c.state("there", nil, pod(1, row.after)))
			if c.flaps != row.flaps {
				t.Errorf("%d flaps, want %d", c.flaps, row.flaps)
			}
			c.expect(t, "in the end", row.tier)
			if past, _ := c.memory.health.Past(model.PodID{1}); past.Penalty < 500 {
				t.Errorf("its past is %+v", past)
			}
		})
	}
}

func TestASickPodThatMovesStaysSick(t *testing.T) {
	for name, move := range map[string]func(c *course, here, there *model.Slice){
		"it comes first":              func(c *course, here, there *model.Slice) { c.turn(there); c.turn(here) },
		"it comes first, in one turn": func(c *course, here, there *model.Slice) { c.turn(there, here) },
		"it goes first, in one turn":  func(c *course, here, there *model.Slice) { c.turn(here, there) },
		"it goes first":               func(c *course, here, there *model.Slice) { c.turn(here); c.turn(there) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCourse(Options{})
			c.turn(c.state("here", nil, pod(1, ready), pod(2, ready)), c.state("there", nil))
			c.turn(c.state("here", nil, pod(1, down), pod(2, ready)))
			move(c, c.state("here", nil, pod(2, ready)), c.state("there", nil, pod(1, down)))
			c.expect(t, "in the end", "1 good, 1 sick")
		})
	}
}

// Changes that come while others are compiled are compiled in one turn.
func TestAPodThatStartsWithinOneTurnHasNotFlapped(t *testing.T) {
	for name, states := range map[string]func(c *course) []*model.Slice{
		"in one slice": func(c *course) []*model.Slice {
			return []*model.Slice{c.state("here", nil, pod(1, down)), c.state("here", nil, pod(1, ready))}
		},
		"in slices of both families": func(c *course) []*model.Slice {
			return []*model.Slice{
				c.state("here", nil, pod(1, down)), c.state("there", nil, pod6(1, down)),
				c.state("here", nil, pod(1, ready)), c.state("there", nil, pod6(1, ready)),
			}
		},
		"in a slice that was there": func(c *course) []*model.Slice {
			return []*model.Slice{c.state("old", nil, pod(9, ready), pod(1, down)), c.state("old", nil, pod(9, ready), pod(1, ready))}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCourse(Options{Policy: health.Policy{Damping: health.Damping{Mode: health.DampingOn, HalfLife: health.DefaultHalfLife}}})
			c.turn(c.state("old", nil, pod(9, ready)))
			c.turn(states(c)...)
			if c.flaps != 0 || remembered(c) != 0 {
				t.Errorf("%d flaps, it remembers %d Pods", c.flaps, remembered(c))
			}
		})
	}
}

func TestChangesOfOneTurnCountInTheirOrder(t *testing.T) {
	for _, row := range []struct {
		name   string
		states []model.Conditions
		flaps  int
		want   string
	}{
		{"down and up again", []model.Conditions{down, ready}, 1, "2 good"},
		{"down", []model.Conditions{ready, down}, 1, "1 good, 1 sick"},
		{"down and deleted", []model.Conditions{down, dying}, 1, "1 good, 1 dying"},
		{"deleted", []model.Conditions{draining, dying}, 0, "1 good, 1 dying"},
	} {
		c := newCourse(Options{Policy: health.Policy{Damping: health.Damping{Mode: health.DampingOn, HalfLife: health.DefaultHalfLife}}})
		c.report(pod(1, ready), pod(2, ready))
		var states []*model.Slice
		for _, conditions := range row.states {
			states = append(states, c.state("only", nil, pod(1, ready), pod(2, conditions)))
		}
		c.turn(states...)
		if c.flaps != row.flaps {
			t.Errorf("%s: %d flaps, want %d", row.name, c.flaps, row.flaps)
		}
		c.expect(t, row.name, row.want)
	}
}

func TestBothFamiliesHaveOnePast(t *testing.T) {
	c := newCourse(Options{Policy: health.Policy{Damping: health.Damping{Mode: health.DampingOn, HalfLife: health.DefaultHalfLife}}})
	states := func(cond model.Conditions) (v4, v6 *model.Slice) {
		return c.state("v4", nil, append(pods(2, 4, ready), pod(1, cond))...),
			c.state("v6", nil, pod6(2, ready), pod6(3, ready), pod6(4, ready), pod6(5, ready), pod6(1, cond))
	}
	v4, v6 := states(ready)
	c.turn(v4, v6)
	for n := range 3 {
		v4, v6 = states(down)
		c.turn(v4)
		c.pass(200 * time.Millisecond)
		c.turn(v6)
		c.expect(t, "while it is down", "8 good, 2 sick")
		c.pass(5 * time.Second)
		v4, v6 = states(ready)
		c.turn(v4)
		c.turn(v6)
		if c.flaps != n+1 {
			t.Errorf("%d flaps, want %d", c.flaps, n+1)
		}
		c.pass(5 * time.Second)
	}
	c.expect(t, "after three flaps", "8 good, 2 damped")
}
