package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// What the plugin relies on where it answers by topology.

// showPlaces writes endpoints in a form to compare: address, node and zone, and for
// which zones and nodes they are.
func showPlaces(all []discoveryv1.EndpointSlice) string {
	var lines []string
	for _, s := range all {
		for _, e := range s.Endpoints {
			line := fmt.Sprintf("%s node=%s zone=%s", strings.Join(e.Addresses, "+"), orUnset(e.NodeName), orUnset(e.Zone))
			if e.Hints != nil {
				for _, zone := range e.Hints.ForZones {
					line += " forZone=" + zone.Name
				}
				for _, node := range e.Hints.ForNodes {
					line += " forNode=" + node.Name
				}
			}
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// untilPlaces waits until the Service has exactly these endpoints.
func untilPlaces(t *testing.T, namespace, service string, want ...string) {
	t.Helper()
	untilShown(t, showPlaces, namespace, service, want)
}

// nodeOf creates a Node that is gone after the test, and returns its name.
func nodeOf(t *testing.T, namespace string, n Node) string {
	t.Helper()
	n.Name = namespace + "-" + n.Name
	must(t, shared.CreateNode(within(t), n))
	t.Cleanup(func() { must(t, shared.DeleteNode(context.WithoutCancel(t.Context()), n.Name)) })
	return n.Name
}

// The controller does not ask whether a Service is headless: it writes hints, though
// nothing but kube-proxy heeds them, which leaves headless Services alone.
func TestTrafficDistributionGivesHintsToHeadlessServices(t *testing.T) {
	ctx, ns := within(t), shared.Namespace(t)
	far := nodeOf(t, ns, Node{Name: "far", Zone: "Zone.B"})
	onFar := dbPod(ns, "db-1")
	onFar.Node = far
	must(t,
		shared.CreateService(ctx, HeadlessService(ns, "db", app)),
		shared.CreatePod(ctx, dbPod(ns, "db-0")),
		shared.CreatePod(ctx, onFar),
		shared.PodReady(ctx, ns, "db-0", "10.0.0.1"),
		shared.PodReady(ctx, ns, "db-1", "10.0.0.2"),
	)
	one, two := "10.0.0.1 node="+DefaultNode+" zone=zone-a", "10.0.0.2 node="+far+" zone=Zone.B"
	untilPlaces(t, ns, "db", one, two)

	must(t, shared.PatchService(ctx, ns, "db", `{"spec":{"trafficDistribution":"PreferClose"}}`))
	untilPlaces(t, ns, "db", one+" forZone=zone-a", two+" forZone=Zone.B")
	must(t, shared.PatchService(ctx, ns, "db", `{"spec":{"trafficDistribution":"PreferSameNode"}}`))
	untilPlaces(t, ns, "db", one+" forZone=zone-a forNode="+DefaultNode, two+" forZone=Zone.B forNode="+far)
	must(t, shared.PodUnready(ctx, ns, "db-0"))
	untilPlaces(t, ns, "db", one, two+" forZone=Zone.B forNode="+far)
	must(t, shared.PatchService(ctx, ns, "db", `{"spec":{"trafficDistribution":"PreferSameZone"}}`))
	untilPlaces(t, ns, "db", one, two+" forZone=Zone.B")
	must(t, shared.PatchService(ctx, ns, "db", `{"spec":{"trafficDistribution":null}}`))
	untilPlaces(t, ns, "db", one, two)
}

// A cloud may name the zone of a Node after the first Pods run there. Their endpoints
// stay without a zone, and without a hint for one, until something else about the
// Service changes.
func TestAZoneThatIsNamedLateIsMissing(t *testing.T) {
	ctx, ns := within(t), shared.Namespace(t)
	late := nodeOf(t, ns, Node{Name: "late"})
	pod := dbPod(ns, "db-0")
	pod.Node = late
	service := HeadlessService(ns, "db", app)
	service.Spec.TrafficDistribution = new(corev1.ServiceTrafficDistributionPreferSameZone)
	must(t,
		shared.CreateService(ctx, service),
		shared.CreatePod(ctx, pod),
		shared.PodReady(ctx, ns, "db-0", "10.0.0.1"),
	)
	unplaced := "10.0.0.1 node=" + late + " zone=unset"
	untilPlaces(t, ns, "db", unplaced)
	must(t, shared.PatchNode(ctx, late, `{"metadata":{"labels":{"topology.kubernetes.io/zone":"zone-c"}}}`))
	untilController(t, ns)
	untilPlaces(t, ns, "db", unplaced)
	must(t, shared.PodUnready(ctx, ns, "db-0"))
	untilPlaces(t, ns, "db", "10.0.0.1 node="+late+" zone=zone-c")
}

func TestMirroredEndpointsHaveANodeAndNoZone(t *testing.T) {
	ctx, ns := within(t), shared.Namespace(t)
	endpoints := LegacyEndpoints(ns, "legacy", nil, "10.0.0.1", "10.0.0.2")
	endpoints.Subsets[0].Addresses[0].NodeName = new(DefaultNode)
	must(t,
		shared.CreateService(ctx, HeadlessService(ns, "legacy", nil)),
		shared.CreateEndpoints(ctx, endpoints),
	)
	untilPlaces(t, ns, "legacy", "10.0.0.1 node="+DefaultNode+" zone=unset", "10.0.0.2 node=unset zone=unset")
}

// The controllers take the hints of Services that nobody asked for any away, and leave
// slices alone that others have written.
func TestHintsByHandStay(t *testing.T) {
	ctx, ns := within(t), shared.Namespace(t)
	slice := HandmadeSlice(ns, "hand-1", "hand", nil, "10.0.0.1")
	slice.Endpoints[0].Hints = &discoveryv1.EndpointHints{
		ForZones: []discoveryv1.ForZone{{Name: "zone-a"}, {Name: "zone-b"}}, ForNodes: []discoveryv1.ForNode{{Name: "n1"}},
	}
	must(t,
		shared.CreateService(ctx, HeadlessService(ns, "hand", nil)),
		shared.CreateSlice(ctx, slice),
	)
	untilController(t, ns)
	untilPlaces(t, ns, "hand", "10.0.0.1 node=unset zone=unset forZone=zone-a forZone=zone-b forNode=n1")
}
