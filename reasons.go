package endpoints

// The texts of Extended DNS Errors that are not those of record sets and Services (see
// plugin/why). docs/health.md has a row for each of them, and
// TestEveryReasonIsDocumented holds it to that. The name of a Service follows where a
// text ends in a space.
const (
	// Of the server. A stale answer is from a snapshot, or from before a reload.
	textNotReady = "the first list of Services and EndpointSlices is not complete"
	textStale    = "as known before, until the first list is complete"

	// Of names that no Service owns.
	textNoServiceName = "no name of a Service"
	textNoAddress     = "no endpoint with this address is known"
	textLongName      = "the name that this address has is too long, in "

	// Of names that have no records of the type.
	textOnlyBelow       = "no records here, at most below"
	textAddressTypes    = "an address has PTR records only"
	textVersionTypes    = "the version has TXT records only"
	textZoneTypes       = "no records of this type at the zone"
	textServerTypes     = "the name server has address records only"
	textNoServerAddress = "the name server has no address of this family"

	// Of the target of an ExternalName Service.
	textNoTarget      = "no answer for the external name %s"
	textTargetRefused = "the look-up of the external name %s is refused"
	textTargetFailed  = "%s for the external name %s"
	// Of a target among several, or one that is kept: which it is of how many, and why not the
	// first, or since when it could not be resolved.
	textTargetPassed     = "target %d of %d, %s: %s does not resolve"
	textTargetFailsCheck = "target %d of %d, %s: the check of %s fails"
	textTargetStays      = "target %d of %d, %s: it was chosen less than a minute ago"
	textTargetFamily     = "the external name %s has no address of this family"
	textLastGood         = "%s could not be resolved for %s (%s)"
	// Of what the Corefile denies.
	textTargetBlocked    = "the Corefile does not let %s lead to %s"
	textAddressesBlocked = "no address of the external name %s may be given"
	textChain            = "ExternalName Services lead to each other in a loop or too long a chain"
)
