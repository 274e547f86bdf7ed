package topology

import (
	"cmp"
	"fmt"
	"strings"
	"unique"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/topology"
)

// Figure is one row of the table: what is measured, without topology and with it, and
// what is accepted.
type Figure struct {
	Measure  string
	Off, On  float64
	Accepted string
	// Accepts is whether On is good enough.
	Accepts bool
	// unit is behind the numbers.
	unit string
	// digits are behind the point where there is no unit; 0 is two.
	digits int
}

var (
	off = topology.Policy{}
	on  = topology.Policy{Mode: topology.On, Count: 1, Percent: 50}
	// even is a third of the clients in each zone, as nearly as whole clients go.
	even = []int{33, 33, 33}
)

// Figures are all that is measured. They are the same in each run.
func Figures() (all []Figure) {
	all = append(all, sameZone(10, 10, 10), sameZone(4, 4, 3))
	all = append(all,
		skew("even demand on 4, 4 and 3 Pods", even, 1.25, 4, 4, 3),
		skew("60, 30 and 10 % of the demand on 4, 4 and 4 Pods", []int{60, 30, 10}, 1.85, 4, 4, 4))
	all = append(all, overloaded()...)
	all = append(all, zoneDies(), zoneIsGone())
	all = append(all, partialOutage())
	return append(all, rollingRestart(2, 2, 2), rollingRestart(10, 10, 10))
}

func both(measure func(topology.Policy) float64) (without, with float64) {
	return measure(off), measure(on)
}

func sameZone(inZone ...int) Figure {
	f := Figure{Measure: fmt.Sprintf("connections in the client's zone, %s Pods", counts(inZone)), unit: " %", Accepted: "100 %"}
	f.Off, f.On = both(func(p topology.Policy) float64 {
		l := newWorld(p, inZone...).run(even...)
		return l.percentNear()
	})
	f.Accepts = f.On == 100
	return f
}

func skew(what string, demand []int, most float64, inZone ...int) Figure {
	f := Figure{Measure: "busiest Pod over the mean, " + what, Accepted: fmt.Sprintf("at most %.2f", most)}
	f.Off, f.On = both(func(p topology.Policy) float64 {
		w := newWorld(p, inZone...)
		return w.skew(w.run(demand...))
	})
	f.Accepts = f.On <= most
	return f
}

// overloaded bounds the skew, and shows how many connections stay in their zone.
func overloaded() []Figure {
	demand := []int{60, 30, 10}
	bounded := on
	bounded.Overload = 20
	w := newWorld(bounded, 4, 4, 4)
	w.demand = make(topology.Demand)
	for i, percent := range demand {
		w.demand[unique.Make(zones[i])] = float64(percent) / 100
	}
	w.compile()
	// Which answers are narrowed is drawn: so many draws, and so few digits, are the same
	// each time.
	w.rounds = 5 * lookups
	l := w.run(demand...)
	without := newWorld(off, 4, 4, 4)
	plain := without.run(demand...)
	skew := Figure{
		Measure: "Pods of the busiest zone over the mean, the same with `overload 20%`", digits: 1,
		Off: without.skewOfZones(plain), On: w.skewOfZones(l), Accepted: "at most 1.22",
	}
	skew.Accepts = skew.On <= 1.22
	near := Figure{Measure: "connections in the client's zone, the same", unit: " %", Accepted: "at least 78 %"}
	near.Off, near.On = plain.percentNear(), l.percentNear()
	near.Accepts = near.On >= 78
	return []Figure{skew, near}
}

// zoneDies is before Kubernetes has noticed: all Pods of zone a are dead, and called
// ready.
func zoneDies() Figure {
	f := Figure{Measure: "dead addresses in answers to zones b and c, before it is noticed that zone a died", unit: " %", Accepted: "0 %"}
	f.Off, f.On = both(func(p topology.Policy) float64 {
		w := newWorld(p, 10, 10, 10)
		for i := range w.pods {
			w.pods[i].dead = w.pods[i].zone == 0
		}
		l := w.run(even...)
		return 100 * float64(l.deadIn[1]+l.deadIn[2]) / float64(l.givenIn[1]+l.givenIn[2])
	})
	f.Accepts = f.On == 0
	return f
}

// zoneIsGone is after that.
func zoneIsGone() Figure {
	f := Figure{Measure: "answers with a dead address, after it is noticed", unit: " %", Accepted: "0 %"}
	f.Off, f.On = both(func(p topology.Policy) float64 {
		w := newWorld(p, 10, 10, 10)
		for i := range w.pods {
			if w.pods[i].zone == 0 {
				w.pods[i].dead, w.pods[i].conditions = true, 0
			}
		}
		w.compile()
		l := w.run(even...)
		return 100 * float64(l.deadAnswers) / float64(l.lookups)
	})
	f.Accepts = f.On == 0
	return f
}

// partialOutage leaves one Pod after the other of zone a sick, and looks at the busiest
// one, in terms of what each had before.
func partialOutage() Figure {
	f := Figure{Measure: "busiest Pod over its normal load, for any number of 10 Pods of zone a that fail", Accepted: "at most 2.00"}
	f.Off, f.On = both(func(p topology.Policy) (worst float64) {
		normal := float64(clients/3*lookups) / 10
		for bad := range 10 {
			w := newWorld(p, 10, 10, 10)
			for i := range bad {
				w.pods[i].conditions = model.Serving // sick
			}
			w.compile()
			for _, n := range w.run(even...).connections {
				worst = max(worst, float64(n)/normal)
			}
		}
		return worst
	})
	f.Accepts = f.On < 2.005
	return f
}

// rollingRestart restarts one Pod after the other: it terminates, is gone, and starts anew.
func rollingRestart(inZone ...int) Figure {
	f := Figure{Measure: fmt.Sprintf("connections in the client's zone while all %s Pods restart, at the worst moment", counts(inZone)), unit: " %", Accepted: "at least 95 %"}
	f.Off, f.On = both(func(p topology.Policy) float64 {
		worst := 100.0
		w := newWorld(p, inZone...)
		// There are many moments to look at.
		w.rounds = 3
		for i := range w.pods {
			for _, conditions := range []model.Conditions{model.Serving | model.Terminating, model.Terminating, 0, up} {
				w.pods[i].conditions = conditions
				w.compile()
				l := w.run(even...)
				worst = min(worst, l.percentNear())
			}
		}
		return worst
	})
	f.Accepts = f.On >= 95
	return f
}

func counts(inZone []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(inZone), " ", "/"), "[]")
}

// Table returns the figures as documents have them.
func Table(all []Figure) string {
	var b strings.Builder
	b.WriteString("| measure | topology off | on | accepted |\n|---|---|---|---|\n")
	for _, f := range all {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", f.Measure, f.number(f.Off), f.number(f.On), f.Accepted)
	}
	return b.String()
}

func (f *Figure) number(n float64) string {
	if f.unit != "" {
		return fmt.Sprintf("%.0f%s", n, f.unit)
	}
	return fmt.Sprintf("%.*f", cmp.Or(f.digits, 2), n)
}
