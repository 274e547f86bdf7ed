package why

import "fmt"

// CauseID is the name of a Cause. It stays the same for the same thing, and is never used for another one.
type CauseID string

// Level says how bad something is.
type Level string

// The levels. Follows is what follows from a cause that stands before, and Skipped what nobody looked at.
const (
	Fine    Level = "ok"
	Warning Level = "warning"
	Broken  Level = "error"
	Follows Level = "follows"
	Skipped Level = "skipped"
)

// Cause is one thing that may keep a name from having what somebody expects, or one that is as it should be.
type Cause struct {
	ID    CauseID
	Level Level
	// format is the sentence, as fmt has it.
	format string
}

// Text returns the sentence about these things.
func (c *Cause) Text(about ...any) string { return fmt.Sprintf(c.format, about...) }

// The ids, in causal order: what stands first explains what stands behind it.
const (
	IDResolver      CauseID = "resolver"
	IDSearch        CauseID = "search"
	IDServerPods    CauseID = "server-pods"
	IDServerPlugin  CauseID = "server-plugin"
	IDServerCurrent CauseID = "server-current"
	IDReplicas      CauseID = "replicas"
	IDZone          CauseID = "zone"
	IDService       CauseID = "service"
	IDType          CauseID = "type"
	IDSelected      CauseID = "selected"
	IDAnnotation    CauseID = "annotation"
	IDSelector      CauseID = "selector"
	IDScheduled     CauseID = "scheduled"
	IDContainers    CauseID = "containers"
	IDReady         CauseID = "ready"
	IDAddress       CauseID = "address"
	IDHostname      CauseID = "hostname"
	IDSlices        CauseID = "slices"
	IDMirror        CauseID = "mirror"
	IDController    CauseID = "controller"
	IDPorts         CauseID = "ports"
	IDTypeFQDN      CauseID = "type-fqdn"
	IDTier          CauseID = "tier"
	IDPolicy        CauseID = "policy"
	IDAnswer        CauseID = "answer"
	IDTarget        CauseID = "target"
	IDCached        CauseID = "cached"
	IDPath          CauseID = "path"
	IDHistory       CauseID = "history"
)

// CauseIDs are all of them, in causal order.
var CauseIDs = []CauseID{
	IDResolver, IDSearch,
	IDServerPods, IDServerPlugin, IDServerCurrent, IDReplicas,
	IDZone, IDService, IDType, IDSelected, IDAnnotation,
	IDSelector, IDScheduled, IDContainers, IDReady, IDAddress, IDHostname,
	IDSlices, IDMirror, IDController, IDPorts, IDTypeFQDN,
	IDTier, IDPolicy, IDAnswer, IDTarget, IDCached, IDPath, IDHistory,
}

// Of whoever asks.
var (
	CauseResolver      = Cause{IDResolver, Fine, "asks %s"}
	CauseResolverOther = Cause{IDResolver, Warning, "%s: nameserver %s, which is not the cluster's DNS %s"}
	CauseResolverCache = Cause{IDResolver, Warning, "%s: nameserver %s (a node cache)"}
	CauseResolverNode  = Cause{IDResolver, Broken, "%s has the resolver of its node (dnsPolicy %s): that does not know names of the cluster"}
	CauseResolverMesh  = Cause{IDResolver, Warning, "%s is in a mesh (%s), which may answer in place of DNS"}
	CauseSearch        = Cause{IDSearch, Warning, "ndots %d: %s before %s"}
	CauseSearchWrong   = Cause{IDSearch, Broken, "%s asks for %s: that is another name than %s"}
)

// Of the servers.
var (
	CauseServerPodsFew    = Cause{IDServerPods, Warning, "%d of %s ready"}
	CauseServerPodsNone   = Cause{IDServerPods, Broken, "%d of %s ready: nobody answers"}
	CauseServerSilent     = Cause{IDServerPods, Broken, "%s does not answer: %s"}
	CauseServerPlugin     = Cause{IDServerPlugin, Warning, "%s gives no reasons: it is not k8s_endpoints, or somebody between leaves them out"}
	CauseServerNotReady   = Cause{IDServerCurrent, Broken, "%s says nothing yet: %s"}
	CauseServerStale      = Cause{IDServerCurrent, Warning, "%s answers %s"}
	CauseServerLost       = Cause{IDServerCurrent, Broken, "%s does not see the cluster since %s, for %s: %s"}
	CauseReplicasDiffer   = Cause{IDReplicas, Broken, "replicas differ: %s"}
	CauseReplicasDisagree = Cause{IDReplicas, Warning, "replicas answer this alike, and know different things of its Service: %s"}
)

// Of the Service.
var (
	CauseZone           = Cause{IDZone, Broken, "%s is in no zone of the cluster: want a name that ends in svc.%s"}
	CauseService        = Cause{IDService, Fine, "Service %s is headless, served as %s"}
	CauseServiceByHand  = Cause{IDService, Fine, "Service %s is headless, without selector: nobody makes its endpoints"}
	CauseServiceAlias   = Cause{IDService, Fine, "Service %s is ExternalName, leads to %s"}
	CauseServiceNone    = Cause{IDService, Broken, "there is no Service %s"}
	CauseServiceUnnamed = Cause{IDService, Broken, "no Service has an endpoint with the address %s"}
	CauseServiceOwned   = Cause{IDService, Fine, "%s has the address %s"}
	CauseType           = Cause{IDType, Fine, "Service %s has the cluster IP %s, which the plugin kubernetes answers"}
	CauseTypePods       = Cause{IDType, Broken, "Service %s has the cluster IP %s: its Pods have no names in DNS"}
	CauseTypeAlias      = Cause{IDType, Broken, "Service %s is ExternalName: nothing has a name below it but its ports"}
	CauseSelected       = Cause{IDSelected, Broken, "the Corefile does not select Service %s: namespaces, labels or namespace_labels leave it out"}
	CauseAnnotation     = Cause{IDAnnotation, Warning, "the annotation %s is left out: %s"}
	CauseAnnotationAll  = Cause{IDAnnotation, Broken, "Service %s is left out: %s"}
)

// Of its Pods.
var (
	CauseSelector        = Cause{IDSelector, Fine, "selector %s matches %s, %d ready"}
	CauseSelectorNone    = Cause{IDSelector, Broken, "selector %s matches none of %s"}
	CauseScheduled       = Cause{IDScheduled, Broken, "Pod %s is Pending for %s: %s"}
	CauseContainers      = Cause{IDContainers, Broken, "Pod %s does not start, for %s: container %s: %s"}
	CauseReady           = Cause{IDReady, Broken, "%s is not ready for %s: %s"}
	CauseAddressNone     = Cause{IDAddress, Broken, "Pod %s has no address yet, for %s"}
	CauseAddressFinished = Cause{IDAddress, Broken, "Pod %s has finished (%s): it is no endpoint any more"}
	CauseTerminates      = Cause{IDReady, Broken, "%s terminates since %s"}
	CauseHostnameNobody  = Cause{IDHostname, Broken, "no Pod of %s is called %s"}
	CauseHostname        = Cause{IDHostname, Broken, "Pod %s has subdomain %s, not %s: so it has no name of its own"}
	CauseHostnameUnset   = Cause{IDHostname, Broken, "Pod %s has no hostname: so it has no name of its own, unless the Corefile has endpoint_pod_names"}
)

// Of its slices.
var (
	CauseSlices         = Cause{IDSlices, Fine, "%s of %s: %s"}
	CauseSlicesNone     = Cause{IDSlices, Broken, "no EndpointSlice has the label kubernetes.io/service-name=%s"}
	CauseSlicesEmpty    = Cause{IDSlices, Broken, "%s of %s, without an endpoint"}
	CauseMirror         = Cause{IDMirror, Warning, "the slices of %s are copies of an Endpoints object (KEP-4974): they do not say who serves while it terminates"}
	CauseController     = Cause{IDController, Broken, "slice %s is of %s, but %s has had %s since %s"}
	CauseControllerNone = Cause{IDController, Broken, "no slice of %s has %s, which has had %s since %s"}
	CauseControllerLate = Cause{IDController, Broken, "slice %s is of %s, but %s is %s since %s"}
	CausePortsNone      = Cause{IDPorts, Broken, "%s has no port %s; it has %s"}
	CausePortsTarget    = Cause{IDPorts, Broken, "port %s: targetPort %q is a port of no container of %s; they name: %s"}
	CauseTypeFQDN       = Cause{IDTypeFQDN, Warning, "slice %s has the address type FQDN, which needs fqdn_slices"}
)

// Of the plugin, and of what it answers.
var (
	CauseTier         = Cause{IDTier, Broken, "%s"}
	CauseTierPart     = Cause{IDTier, Warning, "%s"}
	CausePolicy       = Cause{IDPolicy, Warning, "publishNotReadyAddresses is set and publish is ready: %d of %s of Pods that are not ready"}
	CauseAnswer       = Cause{IDAnswer, Fine, "%s answers %s"}
	CauseAnswerWarn   = Cause{IDAnswer, Warning, "%s answers %s"}
	CauseAnswerNone   = Cause{IDAnswer, Broken, "%s: %s"}
	CauseTarget       = Cause{IDTarget, Fine, "%s resolves: %s"}
	CauseTargetFails  = Cause{IDTarget, Broken, "%s: %s from %s"}
	CauseCached       = Cause{IDCached, Broken, "%s still says %s, %s; the cluster's DNS says %s"}
	CausePath         = Cause{IDPath, Warning, "%s"}
	CausePathFine     = Cause{IDPath, Fine, "all %s connect"}
	CauseHistory      = Cause{IDHistory, Fine, "%s"}
	CauseHistoryWrong = Cause{IDHistory, Warning, "%s"}
)

// As returns the same cause with another sentence.
func (c Cause) As(format string) Cause {
	c.format = format
	return c
}
