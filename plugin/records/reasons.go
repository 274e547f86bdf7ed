package records

// The texts of Extended DNS Errors. docs/health.md has a row for each of them, and
// TestEveryReasonIsDocumented holds it to that. N/S is a Service.
const (
	// Of slices that are left out: how many, and why.
	textLeftOut        = "1 EndpointSlice was left out: %s"
	textSeveralLeftOut = "%d EndpointSlices were left out, the first: %s"
	// textApartFrom joins one of these with what there is to say of the others.
	textApartFrom = "%s; apart from that, %s"

	// Of who is published. The words are tiers, with how many are in each.
	textNobodyReady      = "no endpoint is ready: %s"
	textNobodyPasses     = "no endpoint passes its check: %s"
	textNobodyUp         = "no endpoint is up: %s"
	textNobodyServesYet  = "nobody serves yet: %s, as publishNotReadyAddresses asks"
	textNobodyServes     = "nobody serves: %s, as publishNotReadyAddresses asks"
	textCalledReady      = "nobody serves: the EndpointSlices call endpoints ready that do not"
	textNobodyServesPort = "nobody who offers this port serves"
	textDamped           = "damped endpoints only"
	textDraining         = "draining endpoints only"
	textFailOpen         = "fail open: %d of %d serving"
	textFailOpenByCheck  = "fail open: %d of %d serving, by check"
	textBounded          = "%d of %d addresses"
	textBoundedNear      = "%d of %d %s"
	textBoundedSRV       = "%d of %d SRV records"

	// Of a name that waits until there are as many endpoints as min-endpoints asks for.
	textWaits       = "the name waits: %d of %d endpoints have an address"
	textWaitsBeside = "the name waits: %d of %d endpoints have an address, %d terminating besides"

	// Of a Service, whose name follows where a text ends in a space.
	textNoEndpoints  = "%s has no endpoints"
	textNoFamily     = "%s has no endpoints of this address family"
	textNoEndpoint   = "no such endpoint in "
	textNoPort       = "no such port at any endpoint of "
	textNobodyOffers = "nobody who is published offers this port, in "
	textNobodyInZone = "nobody who is published is in that zone, in "
	textNoName       = "no such name in "
	textNoType       = "no records of this type here, in "
	// textNotOfExternalName has which part of a name there is not.
	textNotOfExternalName = "no such %s in %s, which is an ExternalName Service"

	// Of an endpoint: its name, its tier, and the policy. textIn joins that with the
	// Service, where only the address was asked for.
	textNameless = "endpoint %s is %s, and pod_names %s gives no name to it"
	textIn       = "%s, in %s"
)
