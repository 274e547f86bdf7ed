package records

import (
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/history"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

// stood is how the endpoints of a Set stand, where somebody asks later what was, or why. It
// takes a byte an endpoint, and what dates take where somebody asks since when.
type stood struct {
	history.State
	// dates say, by place, since when endpoints are in their tiers. They may be empty.
	dates dates
	// explanation has a line for each endpoint and one for the policy. It may be nil.
	explanation *[]string
	// found is what checks have found, nil where nobody looks at the Set.
	found *check.Findings
}

// since returns since when an endpoint is in its tier.
func (n *stood) since(at roster.At) dated { return n.dates.of(int(at), len(n.Marks)) }

// explain adds a line to the explanation.
func (n *stood) explain(lines ...string) {
	if n.explanation == nil {
		n.explanation = new([]string)
	}
	*n.explanation = append(*n.explanation, lines...)
}

// dated is since when an endpoint is in its tier, in seconds since the beginning of 2020, or
// that it has been for longer.
type dated uint32

const forLonger dated = 1 << 31

var dating = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// datedAt is good until 2088.
func datedAt(t time.Time) dated {
	return dated(min(max(t.Unix()-dating.Unix(), 0), int64(forLonger)-1))
}

// time returns the time, or the one before which it was.
func (d dated) time() time.Time {
	return dating.Add(time.Duration(d&^forLonger) * time.Second)
}

func (d dated) isBefore() bool { return d&forLonger != 0 }

// String returns the time as explanations have it.
func (d dated) String() string {
	text := d.time().Format(time.RFC3339)
	if d.isBefore() {
		return "before " + text
	}
	return text
}
