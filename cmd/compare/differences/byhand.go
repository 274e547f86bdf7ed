package differences

// A ByHand is a change that no question to a DNS server shows: whoever switches has to know whether it concerns them.
// The texts may have marks of Markdown.
type ByHand struct {
	// Question asks for what makes the change matter.
	Question string
	// Noendpoints says what changes where kubernetes has noendpoints, and what to do. Kept says the same where it
	// keeps its endpoints, and is empty where all stays as it was.
	Noendpoints, Kept string
}

// Change is what changes, and what to do; empty, nothing does.
func (b *ByHand) Change(endpointsKept bool) string {
	if endpointsKept {
		return b.Kept
	}
	return b.Noendpoints
}

// AllByHand are the changes of this kind, the worst first.
var AllByHand = []ByHand{
	{
		Question:    "Does *kubernetes* have `ignore empty_service`?",
		Noendpoints: "Every name of a Service with a cluster IP becomes NXDOMAIN. Take the option out, or keep endpoints.",
	},
	{
		Question:    "Does *kubernetes* have zones under `multicluster`?",
		Noendpoints: "Do not give these zones to *k8s_endpoints*: it would answer for Services of this cluster there.",
		Kept:        "Do not give these zones to *k8s_endpoints*: it would answer for Services of this cluster there.",
	},
	{
		Question:    "Does *k8s_external* have `headless`?",
		Noendpoints: "No headless Service is found in its zones any more. Keep endpoints.",
	},
	{
		Question:    "Does *kubernetes* have `zonal`?",
		Noendpoints: "The start fails. Take the option out, and set `zonal` of *k8s_endpoints* where somebody asks for names below `_zone`; or keep endpoints.",
	},
	{
		Question:    "Does *transfer* have a zone of *kubernetes*?",
		Noendpoints: "A transfer lacks every headless Service, and secondaries deny their names. Keep endpoints.",
	},
	{
		Question:    "Does the server block have *hosts*, *template*, *minimal* or *header*?",
		Noendpoints: "They stand behind *k8s_endpoints*, and do not change what it answers.",
		Kept:        "They stand behind *k8s_endpoints*, and do not change what it answers.",
	},
	{
		Question:    "Does *rewrite* turn names of other zones into those of the cluster?",
		Noendpoints: "The Corefile in `deploy` answers for them in two server blocks, and a rewritten name does not get from one to the other. Take one block for all names.",
		Kept:        "The Corefile in `deploy` answers for them in two server blocks, and a rewritten name does not get from one to the other. Take one block for all names.",
	},
	{
		Question:    "Does a dashboard or an alert read the label `zone` of CoreDNS's own metrics?",
		Noendpoints: "With the Corefile in `deploy`, names of the cluster are under their zone there, no longer under `.`.",
		Kept:        "With the Corefile in `deploy`, names of the cluster are under their zone there, no longer under `.`.",
	},
	{
		Question:    "Does a dashboard or an alert read `coredns_kubernetes_dns_programming_duration_seconds`?",
		Noendpoints: "It becomes empty. Read `coredns_k8s_endpoints_dns_programming_duration_seconds`, or keep endpoints.",
	},
	{
		Question:    "Does somebody ask for `NS` records of the cluster's zone?",
		Noendpoints: "They name `ns.dns` in the zone instead of the Service of the DNS. Keep endpoints.",
	},
}
