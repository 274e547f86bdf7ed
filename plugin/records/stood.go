package records

import (
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/history"
)

// stood is how the endpoints of a Set stand, where somebody asks later what was, or why. It
// takes a byte an endpoint, and four more where somebody asks since when.
type stood struct {
	history.State
	// since has, by place, since when endpoints are in their tiers. It may be nil.
	since []dated
	// explained has a line for each endpoint and one for the policy, or nothing.
	explained []string
	// found is what checks have found, nil where nobody looks at the Set.
	found *check.Findings
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
