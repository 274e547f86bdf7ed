package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/documents"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Where dig asks from. Two networks are zones by the Corefile, and others are those of
// Nodes.
const (
	inZoneA, inZoneB = "127.0.1.7", "127.0.2.7"
	podOnA, podOnB   = "127.0.11.7", "127.0.12.7"
	hostA            = "127.0.10.1"
	nowhere          = "127.0.0.9"
	// Who asks from here says for whom.
	resolver = "127.0.3.7"
)

// The zones. The first one is that of the Node on which Pods run that name none.
const zoneA, zoneB = "zone-a", "zone-b"

// What answers say that have only a part of the endpoints.
const (
	onlyZoneA = "endpoints in zone " + zoneA + ", where the client is"
	onlyZoneB = "endpoints in zone " + zoneB + ", where the client is"
	onlyNode  = "endpoints on the client's own node"
)

// topologyOptions are those of the stanza in which clients have places.
var topologyOptions = []string{
	"explain",
	"topology on",
	"clients zone " + zoneA + " 127.0.1.0/24",
	"clients zone " + zoneB + " 127.0.2.0/24",
	"clients nodes",
	"clients subnet 127.0.3.0/24",
	"zonal",
}

// proxied is a server block more: who asks through it says in front who that is. The
// endpoints of all tests are in a network of the first zone.
const proxied = `cluster.local:{{.Port.proxied}} {
    bind 127.0.0.1
    proxyproto
    k8s_endpoints {
        OPTIONS
        clients zone ` + zoneA + ` 10.1.0.0/16
    }
}
`

// A neighbourhood is a server that knows where clients are, and a Node in each of two
// zones. It has no rights but those of the documents.
type neighbourhood struct {
	server *server.Server
	// a and b are the Nodes.
	a, b string
}

func newNeighbourhood(t *testing.T, p *place, more ...string) *neighbourhood {
	t.Helper()
	token := p.token(t)
	p.bindEverywhere(t, append(slices.Clone(leastRights), nodeRights(t)...))
	n := &neighbourhood{
		a: p.node(t, cluster.Node{Name: "a", Zone: zoneA, PodCIDRs: []string{"127.0.11.0/24"}, Addresses: []string{hostA}, CPUs: 4}),
		b: p.node(t, cluster.Node{Name: "b", Zone: zoneB, PodCIDRs: []string{"127.0.12.0/24"}, CPUs: 4}),
	}
	options := append([]string{"kubeconfig " + openGate(t, p.Cluster).kubeconfig(token)}, append(more, topologyOptions...)...)
	corefile := aloneCorefile(options...)
	if !server.IsSlim() {
		corefile += strings.Replace(proxied, "OPTIONS", strings.Join(options, "\n        "), 1)
	}
	n.server = server.New(t, corefile)
	return n
}

func nodeRights(t *testing.T) []rbacv1.PolicyRule {
	t.Helper()
	rules, err := documents.NodeRights(t.Context())
	must(t, err)
	return rules
}

// node creates a Node that is gone after the test, and returns its name.
func (p *place) node(t *testing.T, n cluster.Node) string {
	t.Helper()
	n.Name = p.namespace + "-" + n.Name
	must(t, p.CreateNode(within(t), n))
	t.Cleanup(func() {
		if err := p.DeleteNode(context.WithoutCancel(t.Context()), n.Name); !apierrors.IsNotFound(err) {
			must(t, err)
		}
	})
	return n.Name
}

// runPods runs the Service db, and a Pod of it on each of the nodes, ready at the addresses
// of hosts from 1 on. The Pods are db-1 and so on.
func (p *place) runPods(t *testing.T, nodes ...string) {
	t.Helper()
	ctx := within(t)
	must(t, p.CreateService(ctx, cluster.HeadlessService(p.namespace, "db", app, cluster.Port("sql", corev1.ProtocolTCP, 5432))))
	for i, node := range nodes {
		pod := p.dbPod(fmt.Sprintf("db-%d", i+1))
		pod.Node = node
		must(t, p.CreatePod(ctx, pod), p.PodReady(ctx, p.namespace, pod.Name, p.v4(i+1)))
	}
}

// distribute sets trafficDistribution of the Service db, or takes it away.
func (p *place) distribute(t *testing.T, how string) {
	t.Helper()
	value := "null"
	if how != "" {
		value = `"` + how + `"`
	}
	must(t, p.PatchService(within(t), p.namespace, "db", `{"spec":{"trafficDistribution":`+value+`}}`))
}

// annotate sets an annotation of the Service db, until the test ends: servers of other tests
// would take it for a bad one.
func (p *place) annotate(t *testing.T, key, value string) {
	t.Helper()
	t.Cleanup(func() {
		must(t, p.PatchService(context.WithoutCancel(t.Context()), p.namespace, "db", `{"metadata":{"annotations":null}}`))
	})
	must(t, p.PatchService(within(t), p.namespace, "db", fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, key, value)))
}

// asked is the question for the addresses of the Service db, from an address. Without a
// reason, the answer has none.
func (p *place) asked(from, reason string, hosts ...int) question {
	db := p.name("db")
	q := question{name: db, qtype: "A", args: []string{"-b", from}}
	for _, host := range hosts {
		q.want.answer = append(q.want.answer, at(db, p.v4(host))...)
	}
	if reason != "" {
		q.want = q.want.because(reason)
	}
	return q
}

// srvFrom is the question for the port of the Service db. Hosts has the endpoints by their
// priorities.
func (p *place) srvFrom(from string, hosts map[int]int) question {
	port := p.name("_sql._tcp.db")
	q := question{name: port, qtype: "SRV", args: []string{"-b", from}}
	for host, priority := range hosts {
		target := p.name(fmt.Sprintf("db-%d.db", host))
		q.want.answer = append(q.want.answer, record(port, ttl, "SRV", fmt.Sprintf("%d 100 5432 %s", priority, target)))
		q.want.additional = append(q.want.additional, at(target, p.v4(host))...)
	}
	return q
}

// wantAlways checks that all have the same addresses, wherever they ask from.
func (n *neighbourhood) wantAlways(t *testing.T, p *place, hosts ...int) {
	t.Helper()
	for _, from := range []string{inZoneA, inZoneB, podOnA, hostA, nowhere} {
		wantSoon(t, n.server, p.asked(from, "", hosts...))
	}
}

// TestTopology shares one server between its cases.
func TestTopology(t *testing.T) {
	n := newNeighbourhood(t, newPlace(t))
	for _, tc := range []struct {
		name string
		test func(*neighbourhood, *testing.T)
	}{
		{"trafficDistribution is set, changed and removed", (*neighbourhood).distribution},
		{"topology-mode Auto gives endpoints to zones that have too few", (*neighbourhood).auto},
		{"a slice by hand says for whom each endpoint is", (*neighbourhood).byHand},
		{"mirrored Endpoints have the zones of their Nodes", (*neighbourhood).mirrored},
		{"a Node gets its zone after its Pod is ready", (*neighbourhood).lateZone},
		{"a Node comes and goes, and with it where its clients are", (*neighbourhood).nodeGoes},
		{"a zone loses its Pods one after the other", (*neighbourhood).readiness},
		{"a resolver says for whom it asks", (*neighbourhood).subnets},
		{"who is an endpoint gets all", (*neighbourhood).peers},
		{"a Service of peers is left alone", (*neighbourhood).notReadyAddresses},
		{"the annotation goes before all else", (*neighbourhood).annotation},
		{"names of zones have who is there", (*neighbourhood).zones},
		{"a Node gets its zone late, and names of zones follow", (*neighbourhood).zonesOfNodes},
		{"_explain says who asks", (*neighbourhood).explained},
	} {
		t.Run(tc.name, func(t *testing.T) { tc.test(n, t) })
	}
	wantQuiet(t, n.server)
}

func (n *neighbourhood) distribution(t *testing.T) {
	p := newPlace(t)
	p.runPods(t, n.a, n.b, cluster.DefaultNode)
	n.wantAlways(t, p, 1, 2, 3)
	wantNow(t, n.server, p.srvFrom(inZoneA, map[int]int{1: 0, 2: 0, 3: 0}))

	zonal := []question{
		p.asked(inZoneA, onlyZoneA, 1, 3), p.asked(inZoneB, onlyZoneB, 2),
		p.asked(podOnB, onlyZoneB, 2), p.asked(nowhere, "", 1, 2, 3),
		p.srvFrom(inZoneA, map[int]int{1: 0, 2: 5, 3: 0}), p.srvFrom(nowhere, map[int]int{1: 0, 2: 0, 3: 0}),
	}
	p.distribute(t, "PreferClose")
	wantSoon(t, n.server, zonal...)
	wantNow(t, n.server, p.asked(podOnA, onlyZoneA, 1, 3), p.asked(hostA, onlyZoneA, 1, 3))
	n.wantTheSameForAll(t, p)

	p.distribute(t, "PreferSameNode")
	wantSoon(t, n.server, p.asked(podOnA, onlyNode, 1), p.asked(hostA, onlyNode, 1), p.asked(podOnB, onlyNode, 2))
	// Who is on no node that is known is in its zone still.
	wantNow(t, n.server, p.asked(inZoneA, onlyZoneA, 1, 3), p.asked(nowhere, "", 1, 2, 3))

	p.distribute(t, "PreferSameZone")
	wantSoon(t, n.server, p.asked(podOnA, onlyZoneA, 1, 3))
	wantNow(t, n.server, zonal...)

	p.distribute(t, "")
	n.wantAlways(t, p, 1, 2, 3)
	wantNow(t, n.server, p.srvFrom(inZoneA, map[int]int{1: 0, 2: 0, 3: 0}))
}

// wantTheSameForAll asks for what is never narrowed.
func (n *neighbourhood) wantTheSameForAll(t *testing.T, p *place) {
	t.Helper()
	far, from := p.name("db-2.db"), []string{"-b", inZoneA}
	wantNow(t, n.server,
		question{name: far, qtype: "A", args: from, want: found(at(far, p.v4(2))...)},
		question{name: reverse(p.v4(2)), qtype: "PTR", args: from, want: found(record(reverse(p.v4(2)), ttl, "PTR", far))},
		question{name: p.name("db"), qtype: "AAAA", args: from, want: p.noFamily("db")},
	)
}

// hintedFor returns the hosts whose endpoints are for a zone, as their slices say.
func (p *place) hintedFor(ctx context.Context, zone string) (hosts []int, err error) {
	all, err := p.Slices(ctx, p.namespace, "db")
	for _, s := range all {
		for _, e := range s.Endpoints {
			if e.Hints == nil || !slices.Contains(e.Hints.ForZones, discoveryv1.ForZone{Name: zone}) {
				continue
			}
			var host int
			if _, err := fmt.Sscanf(e.Addresses[0], fmt.Sprintf("10.1.%d.%%d", p.network), &host); err != nil {
				return nil, err
			}
			hosts = append(hosts, host)
		}
	}
	return hosts, err
}

func (n *neighbourhood) auto(t *testing.T) {
	p := newPlace(t)
	p.runPods(t, n.a, n.a, n.a, n.b)
	n.wantAlways(t, p, 1, 2, 3, 4)
	p.annotate(t, "service.kubernetes.io/topology-mode", "Auto")
	// Both zones have the same CPU, so one endpoint of the first zone is for the second.
	var forA, forB []int
	until(t, func(ctx context.Context) (err error) {
		if forA, err = p.hintedFor(ctx, zoneA); err != nil {
			return err
		}
		forB, err = p.hintedFor(ctx, zoneB)
		if err == nil && (len(forA) != 2 || len(forB) != 2) {
			err = fmt.Errorf("the slices have %d endpoints for one zone, and %d for the other", len(forA), len(forB))
		}
		return err
	})
	wantSoon(t, n.server, p.asked(inZoneA, onlyZoneA, forA...), p.asked(inZoneB, onlyZoneB, forB...))
	wantNow(t, n.server, p.asked(podOnA, onlyZoneA, forA...), p.asked(nowhere, "", 1, 2, 3, 4))
}

func (n *neighbourhood) byHand(t *testing.T) {
	p, ctx := newPlace(t), within(t)
	slice := cluster.HandmadeSlice(p.namespace, "db-hand", "db", nil, p.v4(1), p.v4(2), p.v4(3))
	for i, zones := range [][]discoveryv1.ForZone{{{Name: zoneA}}, {{Name: zoneA}, {Name: zoneB}}, {{Name: zoneB}}} {
		slice.Endpoints[i].Hints = &discoveryv1.EndpointHints{ForZones: zones}
	}
	must(t, p.CreateService(ctx, cluster.HeadlessService(p.namespace, "db", nil)), p.CreateSlice(ctx, slice))
	wantSoon(t, n.server, p.asked(inZoneA, onlyZoneA, 1, 2), p.asked(inZoneB, onlyZoneB, 2, 3), p.asked(nowhere, "", 1, 2, 3))

	// One endpoint without a hint is for everybody, and nobody may lose it.
	must(t, p.CreateSlice(ctx, cluster.HandmadeSlice(p.namespace, "db-more", "db", nil, p.v4(4))))
	n.wantAlways(t, p, 1, 2, 3, 4)
}

func (n *neighbourhood) mirrored(t *testing.T) {
	p, ctx := newPlace(t), within(t)
	service := cluster.HeadlessService(p.namespace, "db", nil)
	service.Spec.TrafficDistribution = new(corev1.ServiceTrafficDistributionPreferSameZone)
	endpoints := cluster.LegacyEndpoints(p.namespace, "db", nil, p.v4(1), p.v4(2))
	endpoints.Subsets[0].Addresses[0].NodeName, endpoints.Subsets[0].Addresses[1].NodeName = &n.a, &n.b
	must(t, p.CreateService(ctx, service), p.CreateEndpoints(ctx, endpoints))
	wantSoon(t, n.server, p.asked(inZoneA, onlyZoneA, 1), p.asked(inZoneB, onlyZoneB, 2), p.asked(nowhere, "", 1, 2))
}

func (n *neighbourhood) lateZone(t *testing.T) {
	p := newPlace(t)
	late := p.node(t, cluster.Node{Name: "late"})
	p.runPods(t, n.a, late)
	p.distribute(t, "PreferSameZone")
	n.wantAlways(t, p, 1, 2)
	must(t, p.PatchNode(within(t), late, `{"metadata":{"labels":{"topology.kubernetes.io/zone":"`+zoneB+`"}}}`))
	wantSoon(t, n.server, p.asked(inZoneA, onlyZoneA, 1), p.asked(inZoneB, onlyZoneB, 2))
}

func (n *neighbourhood) nodeGoes(t *testing.T) {
	const client = "127.0.13.7"
	p := newPlace(t)
	p.runPods(t, n.a, n.b)
	p.distribute(t, "PreferSameZone")
	wantSoon(t, n.server, p.asked(inZoneA, onlyZoneA, 1), p.asked(client, "", 1, 2))
	node := p.node(t, cluster.Node{Name: "gone", Zone: zoneB, PodCIDRs: []string{"127.0.13.0/24"}})
	wantSoon(t, n.server, p.asked(client, onlyZoneB, 2))
	must(t, p.DeleteNode(within(t), node))
	wantSoon(t, n.server, p.asked(client, "", 1, 2))
	wantNow(t, n.server, p.asked(inZoneB, onlyZoneB, 2))
}

func (n *neighbourhood) readiness(t *testing.T) {
	p := newPlace(t)
	p.runPods(t, n.a, n.a, n.a, n.b)
	p.distribute(t, "PreferSameZone")
	wantSoon(t, n.server, p.asked(inZoneA, onlyZoneA, 1, 2, 3))
	must(t, p.PodUnready(within(t), p.namespace, "db-1"))
	wantSoon(t, n.server, p.asked(inZoneA, onlyZoneA, 2, 3))
	// One of three is too few to carry the zone.
	must(t, p.PodUnready(within(t), p.namespace, "db-2"))
	wantSoon(t, n.server, p.asked(inZoneA, "", 3, 4))
	wantNow(t, n.server, p.asked(inZoneB, onlyZoneB, 4), p.srvFrom(inZoneA, map[int]int{3: 0, 4: 0}))
	must(t, p.PodUnready(within(t), p.namespace, "db-3"))
	wantSoon(t, n.server, p.asked(inZoneA, "", 4))
	for _, pod := range []string{"db-1", "db-2", "db-3"} {
		must(t, p.PodReady(within(t), p.namespace, pod))
	}
	wantSoon(t, n.server, p.asked(inZoneA, onlyZoneA, 1, 2, 3))
}

func (n *neighbourhood) subnets(t *testing.T) {
	p := newPlace(t)
	p.runPods(t, n.a, n.b)
	for_ := func(q question, from, subnet, scope string) question {
		q.args = []string{"-b", from, "+subnet=" + subnet}
		if scope != "" {
			q.want.subnet = subnet + "/" + scope
		}
		return q
	}
	all := p.asked("", "", 1, 2)
	wantSoon(t, n.server, for_(all, resolver, "127.0.1.0/24", "0"))
	p.distribute(t, "PreferSameZone")
	wantSoon(t, n.server, for_(p.asked("", onlyZoneA, 1), resolver, "127.0.1.0/24", "24"))
	wantNow(t, n.server,
		for_(p.asked("", onlyZoneB, 2), resolver, "127.0.12.7/32", "32"),
		// A part of this network is in one zone, and another part in the other.
		for_(all, resolver, "127.0.0.0/16", "16"),
		for_(all, resolver, "0.0.0.0/0", "0"),
		// Names of endpoints are the same for all.
		for_(question{name: p.name("db-2.db"), qtype: "A", want: found(at(p.name("db-2.db"), p.v4(2))...)}, resolver, "127.0.1.0/24", "0"),
		for_(question{name: p.name("db-3.db"), qtype: "A", want: p.noEndpoint("db")}, resolver, "127.0.1.0/24", "0"),
		// Who is not believed is where its own address is.
		for_(p.asked("", onlyZoneB, 2), inZoneB, "127.0.1.0/24", ""),
	)
}

func (n *neighbourhood) peers(t *testing.T) {
	if server.IsSlim() {
		t.Skip("no endpoint may have an address of this machine, and the plugin proxyproto is not in this build")
	}
	p := newPlace(t)
	p.runPods(t, n.a, n.b)
	p.distribute(t, "PreferSameZone")
	all, own := p.asked("", "", 1, 2), p.asked("", onlyZoneA, 1)
	other := p.v4(99)
	wantProxiedSoon(t, n.server, other, own)
	wantProxiedSoon(t, n.server, p.v4(1), all)
	wantProxiedSoon(t, n.server, p.v4(2), all)

	p.annotate(t, "k8s-endpoints.coredns.io/topology", "on peers")
	wantProxiedSoon(t, n.server, p.v4(1), own)
	p.annotate(t, "k8s-endpoints.coredns.io/topology", "on")
	wantProxiedSoon(t, n.server, p.v4(1), all)

	// It looks for the others before it is ready.
	must(t, p.CreatePod(within(t), cluster.Pod{Namespace: p.namespace, Name: "db-3", Labels: app, Node: n.a}))
	wantProxiedSoon(t, n.server, p.v4(3), own)
	must(t, p.PodReady(within(t), p.namespace, "db-3", p.v4(3)), p.PodUnready(within(t), p.namespace, "db-3"))
	wantProxiedSoon(t, n.server, p.v4(3), all)
	wantProxiedSoon(t, n.server, other, own)
}

func (n *neighbourhood) notReadyAddresses(t *testing.T) {
	p := newPlace(t)
	p.runPods(t, n.a, n.b)
	must(t, p.PatchService(within(t), p.namespace, "db", `{"spec":{"trafficDistribution":"PreferSameZone"}}`))
	wantSoon(t, n.server, p.asked(inZoneA, onlyZoneA, 1))
	must(t, p.PatchService(within(t), p.namespace, "db", `{"spec":{"publishNotReadyAddresses":true}}`))
	n.wantAlways(t, p, 1, 2)
	p.annotate(t, "k8s-endpoints.coredns.io/topology", "on")
	wantSoon(t, n.server, p.asked(inZoneA, onlyZoneA, 1))
}

func (n *neighbourhood) annotation(t *testing.T) {
	p := newPlace(t)
	p.runPods(t, n.a, cluster.DefaultNode, n.b)
	const key = "k8s-endpoints.coredns.io/topology"
	p.annotate(t, key, "node")
	wantSoon(t, n.server, p.asked(podOnA, onlyNode, 1))
	wantNow(t, n.server, p.asked(inZoneA, onlyZoneA, 1, 2))
	p.annotate(t, key, "zone 2")
	wantSoon(t, n.server, p.asked(podOnA, onlyZoneA, 1, 2))
	wantNow(t, n.server, p.asked(inZoneB, "", 1, 2, 3))
	p.distribute(t, "PreferSameZone")
	p.annotate(t, key, "observe")
	n.wantAlways(t, p, 1, 2, 3)
	p.annotate(t, key, "off")
	n.wantAlways(t, p, 1, 2, 3)
	p.annotate(t, key, "on")
	wantSoon(t, n.server, p.asked(inZoneB, onlyZoneB, 3))
}

func (n *neighbourhood) explained(t *testing.T) {
	p := newPlace(t)
	p.runPods(t, n.a, n.b, cluster.DefaultNode)
	p.distribute(t, "PreferSameNode")
	wantSoon(t, n.server, p.asked(nowhere, "", 1, 2, 3), p.asked(podOnA, onlyNode, 1))
	for _, tc := range []struct{ from, want string }{
		{inZoneA, "you: 127.0.1.7 is in zone-a (zone 127.0.1.0/24); A: 2 of 3, zone"},
		{podOnB, "you: 127.0.12.7 is on " + n.b + " in zone-b (podCIDR 127.0.12.0/24); A: 1 of 3, node"},
		{hostA, "you: 127.0.10.1 is on " + n.a + " in zone-a (address 127.0.10.1/32); A: 1 of 3, node"},
		{nowhere, "you: 127.0.0.9 is nowhere that is known; A: 3 of 3, unknown_client"},
	} {
		a := n.server.MustDig(t, p.name("_explain.db"), "TXT", "-b", tc.from)
		if want := record(p.name("_explain.db"), 0, "TXT", `"`+tc.want+`"`); len(a.Answer) == 0 || a.Answer[0] != want {
			t.Errorf("from %s: got\n%swant first\n%s", tc.from, a, want)
		}
	}
	for _, want := range []string{
		"(PreferSameNode)", "topology: A zone-a 2, zone-b 1; 3 nodes of 3",
		"published; on " + n.b + " in zone-b, for zone-b " + n.b,
	} {
		// The controller writes hints after the Service has its field.
		until(t, func(ctx context.Context) error {
			a, err := n.server.Dig(ctx, p.name("_explain.db"), "TXT")
			if err == nil && !strings.Contains(a.String(), want) {
				err = fmt.Errorf("got\n%swant %q in it", a, want)
			}
			return err
		})
	}
}
