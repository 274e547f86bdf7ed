package why

// The texts of Extended DNS Errors of record sets and of names that have none, as fmt has them. Pages and commands say the
// same. docs/health.md has a row for each of them, and TestEveryReasonIsDocumented holds it to
// that. N/S is a Service.
const (
	// Of slices that are left out: how many, and why.
	TextLeftOut        = "1 EndpointSlice was left out: %s"
	TextSeveralLeftOut = "%d EndpointSlices were left out, the first: %s"
	// TextApartFrom joins one of these with what there is to say of the others.
	TextApartFrom = "%s; apart from that, %s"

	// Of who is published. The words are tiers, with how many are in each.
	TextNobodyReady      = "no endpoint is ready: %s"
	TextNobodyPasses     = "no endpoint passes its check: %s"
	TextNobodyUp         = "no endpoint is up: %s"
	TextNobodyServesYet  = "nobody serves yet: %s, as publishNotReadyAddresses asks"
	TextNobodyServes     = "nobody serves: %s, as publishNotReadyAddresses asks"
	TextCalledReady      = "nobody serves: the EndpointSlices call endpoints ready that do not"
	TextNobodyServesPort = "nobody who offers this port serves"
	TextDamped           = "damped endpoints only"
	TextDraining         = "draining endpoints only"
	TextFailOpen         = "fail open: %d of %d serving"
	TextFailOpenByCheck  = "fail open: %d of %d serving, by check"
	TextBounded          = "%d of %d addresses"
	TextBoundedNear      = "%d of %d %s"
	TextBoundedSRV       = "%d of %d SRV records"

	// Of a name that waits until there are as many endpoints as min-endpoints asks for.
	TextWaits       = "the name waits: %d of %d endpoints have an address"
	TextWaitsBeside = "the name waits: %d of %d endpoints have an address, %d terminating besides"

	// Of a Service, whose name follows where a text ends in a space.
	TextNoEndpoints  = "%s has no endpoints"
	TextNoFamily     = "%s has no endpoints of this address family"
	TextNoEndpoint   = "no such endpoint in "
	TextNoPort       = "no such port at any endpoint of "
	TextNobodyOffers = "nobody who is published offers this port, in "
	TextNobodyInZone = "nobody who is published is in that zone, in "
	TextNoName       = "no such name in "
	TextNoType       = "no records of this type here, in "
	// TextNotOfExternalName has which part of a name there is not.
	TextNotOfExternalName = "no such %s in %s, which is an ExternalName Service"

	// Of names that no Service has which is served.
	TextNoService      = "no headless or ExternalName Service "
	TextNoSelected     = "no headless or ExternalName Service %s that the Corefile selects"
	TextNoServices     = "no headless or ExternalName Service in the namespace %s is served"
	TextServiceLeftOut = "the Service %s was left out: %s"

	// Of an endpoint: its name, its tier, and the policy. TextIn joins that with the
	// Service, where only the address was asked for.
	TextNameless = "endpoint %s is %s, and pod_names %s gives no name to it"
	TextIn       = "%s, in %s"
)
