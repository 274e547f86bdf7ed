package name

import (
	"slices"
	"strings"
)

// Zones are zone names in lower case with a final dot, the longest ones first.
type Zones []string

// NewZones returns the zones in the order in which Match wants them.
func NewZones(zones []string) Zones {
	sorted := make(Zones, len(zones))
	for i, zone := range zones {
		sorted[i] = strings.ToLower(zone)
	}
	slices.SortStableFunc(sorted, func(a, b string) int { return len(b) - len(a) })
	return sorted
}

// Match returns the longest zone that a lower-case name lies in, or "". It does
// not allocate.
func (z Zones) Match(lower string) string {
	for _, zone := range z {
		if isIn(lower, zone) {
			return zone
		}
	}
	return ""
}

func isIn(lower, zone string) bool {
	if zone == "." {
		return true
	}
	at := len(lower) - len(zone)
	if at < 0 || lower[at:] != zone {
		return false
	}
	return at == 0 || lower[at-1] == '.' && !escaped(lower, at-1)
}
