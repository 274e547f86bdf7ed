package records

import (
	"unique"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

// checked is what a Set knows of the checks of its endpoints.
type checked struct {
	// wanted is shared: many Services want the same.
	wanted unique.Handle[check.Wanted]
	mode   check.Mode
	// asked tells that somebody has asked. It may be nil.
	asked func()
	// called are those whom their slices, or the Service, call up or draining.
	called roster.Selection
	// failing has how many endpoints of each family are sick because their check fails. Where
	// checks are only observed, observed is how many would not be published as their slices
	// say.
	failing  [roster.Families]int
	observed int
}
