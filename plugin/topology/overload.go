package topology

import "github.com/k8s-endpoints/k8s_endpoints/plugin/model"

// Demand is which share of all clients is in a zone, as far as that is known: the shares
// add up to 1. Nil knows nothing.
type Demand map[model.Place]float64

// shares returns which share of the answers to each zone may be narrowed, by the numbers of
// zones, or nil where all may be.
func (n *Near) shares(demand Demand, overload int) []float64 {
	if overload == 0 || len(demand) == 0 {
		return nil
	}
	var zones []Count
	var numbers []int
	for g := range n.zones.all {
		if !n.guard.suffices(g) {
			g.n = 0
		}
		zones, numbers = append(zones, Count{n.zones.placeOf(g), g.n}), append(numbers, g.number)
	}
	found := shares(zones, n.good, demand, overload)
	if found == nil {
		return nil
	}
	all := make([]float64, n.zones.parts.Numbers())
	for i, number := range numbers {
		all[number] = found[i]
	}
	return all
}

// shares returns which share of the answers to each zone may be narrowed, so that no
// zone's endpoints get more than 1 + overload of the mean, in percent: as many as can, and
// the others go to all endpoints. It returns nil where all may be narrowed.
//
// Where a zone has the share d of the clients and c of the endpoints, and s of all answers
// are not narrowed, its endpoints get s*c of those, and as many of its own as are left up to
// c*(1+overload). So s is the least for which the zones together take the rest of all.
func shares(zones []Count, good int32, demand Demand, overload int) []float64 {
	if overload == 0 || len(demand) == 0 {
		return nil
	}
	most := 1 + float64(overload)/100
	part := func(z Count) float64 { return float64(z.N) / float64(good) }
	taken := func(spilled float64) (sum float64) {
		for _, z := range zones {
			sum += min(demand[z.Zone], part(z)*(most-spilled))
		}
		return sum
	}
	low, high := 0.0, 1.0
	for range bisections {
		if middle := (low + high) / 2; taken(middle) >= 1-middle {
			high = middle
		} else {
			low = middle
		}
	}
	all := make([]float64, len(zones))
	whole := true
	for i, z := range zones {
		all[i] = 1
		if d := demand[z.Zone]; d > 0 {
			all[i] = min(1, part(z)*(most-high)/d)
		}
		whole = whole && all[i] == 1
	}
	if whole {
		return nil
	}
	return all
}

// bisections find a share to a millionth.
const bisections = 20
