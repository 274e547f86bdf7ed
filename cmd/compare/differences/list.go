package differences

import (
	"slices"
)

// All are the differences, in the order in which they are applied and documented.
var All = slices.Concat(
	[]Difference{negativeTTLs},
	published,
	ports,
	endpointNames,
	zones,
	externalNames,
	planned,
	reverseNames,
	existence,
	form,
	alone,
	[]Difference{anyType, reasons},
)
