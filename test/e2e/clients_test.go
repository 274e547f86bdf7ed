package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	"github.com/miekg/dns"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// wantProxiedSoon asks until the answer is right, as a client whose address a proxy says: no
// endpoint may have one of the loopback network.
func wantProxiedSoon(t *testing.T, s *server.Server, own string, q question) {
	t.Helper()
	until(t, func(ctx context.Context) error {
		got, err := askProxied(ctx, s.AddressOf("proxied"), own, q)
		if err != nil {
			return err
		}
		if got, want := normal(got), q.want.String(q.name, q.qtype); got != want {
			return fmt.Errorf("%s asks: got\n%swant\n%s", own, got, want)
		}
		return nil
	})
}

// askProxied asks over TCP, behind a header of the PROXY protocol in version 1.
func askProxied(ctx context.Context, address, own string, q question) (*server.Answer, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	m := new(dns.Msg).SetQuestion(q.name, dns.StringToType[q.qtype])
	m.SetEdns0(1232, false)
	_, err = fmt.Fprintf(conn, "PROXY TCP4 %s 127.0.0.1 40000 53\r\n", own)
	over := dns.Conn{Conn: conn}
	if err = errors.Join(err, conn.SetDeadline(time.Now().Add(answerTimeout)), over.WriteMsg(m)); err != nil {
		return nil, err
	}
	if m, err = over.ReadMsg(); err != nil {
		return nil, err
	}
	return read(m), nil
}

// counts are what a server has counted before.
type counts map[string]float64

func countsOf(t *testing.T, s *server.Server) counts {
	t.Helper()
	all, err := samples(t.Context(), s)
	must(t, err)
	return all
}

// wantMore waits until the metrics have grown by so much.
func (c counts) wantMore(t *testing.T, s *server.Server, more ...sample) {
	t.Helper()
	until(t, func(ctx context.Context) error {
		now, err := samples(ctx, s)
		for _, each := range more {
			const exact = 1e-9
			if got := now[each.series] - c[each.series]; err == nil && (got < each.value-exact || got > each.value+exact) {
				err = fmt.Errorf("%s has grown by %v, want %v", each.series, got, each.value)
			}
		}
		return err
	})
}

// TestMetricsOfTopology has a server that reads one namespace: Services of other tests come
// and go.
func TestMetricsOfTopology(t *testing.T) {
	p := newPlace(t)
	n := newNeighbourhood(t, p, "namespaces "+p.namespace)
	s := n.server
	p.runPods(t, n.a, n.b, cluster.DefaultNode)
	p.distribute(t, "PreferSameNode")
	wantMetrics(t, s,
		sample{`topology_services{state="node"}`, 1},
		sample{`topology_endpoints{zone="zone-a"}`, 2},
		sample{`topology_endpoints{zone="zone-b"}`, 1},
	)
	// The Nodes may come after all else.
	wantSoon(t, s, p.asked(podOnA, onlyNode, 1))
	before := countsOf(t, s)
	wantNow(t, s, p.asked(inZoneA, onlyZoneA, 1, 3), p.asked(podOnA, onlyNode, 1), p.asked(nowhere, "", 1, 2, 3))
	answers := func(result string, n float64) sample {
		return sample{fmt.Sprintf(`topology_answers_total{mode="on",result=%q,server=%q}`, result, "dns://"+s.Address()), n}
	}
	before.wantMore(t, s,
		answers("zone", 1), answers("node", 1), answers("unknown_client", 1), answers("none_near", 0),
		// Of the first two, each had one of three endpoints elsewhere.
		sample{`cross_zone_answers_total{addresses="all",server="dns://` + s.Address() + `"}`, 2.0 / 3},
		sample{`cross_zone_answers_total{addresses="narrowed",server="dns://` + s.Address() + `"}`, 0},
		sample{`topology_clients_total{zone="zone-a"}`, 2},
	)

	nodes, err := p.Clients().CoreV1().Nodes().List(within(t), metav1.ListOptions{})
	must(t, err)
	wantMetrics(t, s,
		sample{`objects{kind="node"}`, float64(len(nodes.Items))},
		sample{`client_prefixes{source="podCIDR"}`, 2},
		sample{`client_prefixes{source="address"}`, 1},
		sample{`stream_up{stream="nodes"}`, 1},
	)
	wantDescribed(t, s)
	must(t, p.DeleteService(within(t), p.namespace, "db"))
	wantMetrics(t, s, sample{`topology_services{state="node"}`, 0}, sample{`topology_endpoints{zone="zone-a"}`, 0})
}

// wantDescribed checks that docs/operations.md says what the metrics about topology mean.
func wantDescribed(t *testing.T, s *server.Server) {
	t.Helper()
	text, err := s.Metrics(t.Context())
	must(t, err)
	operations, err := os.ReadFile("../../docs/operations.md")
	must(t, err)
	exported := names(regexp.MustCompile(`(?m)^# TYPE `+prefix+`(\w*(?:topology|client|zone)\w*) `), text)
	if len(exported) < 6 {
		t.Errorf("the metrics about topology are %q", exported)
	}
	for _, name := range exported {
		if !strings.Contains(string(operations), "`"+name) {
			t.Errorf("%s is exported, and not in docs/operations.md", name)
		}
	}
}

// TestClientsOfNodesAreUnknownWithoutTheRight also gives the right later.
func TestClientsOfNodesAreUnknownWithoutTheRight(t *testing.T) {
	p := newPlace(t)
	token := p.token(t)
	p.bindEverywhere(t, leastRights)
	a := p.node(t, cluster.Node{Name: "a", Zone: zoneA, PodCIDRs: []string{"127.0.11.0/24"}})
	b := p.node(t, cluster.Node{Name: "b", Zone: zoneB, PodCIDRs: []string{"127.0.12.0/24"}})
	p.runPods(t, a, b)
	p.distribute(t, "PreferSameZone")
	s := server.New(t, aloneCorefile(append([]string{"kubeconfig " + openGate(t, p.Cluster).kubeconfig(token)}, topologyOptions...)...))
	wantSoon(t, s, p.asked(inZoneA, onlyZoneA, 1))
	wantNow(t, s, p.asked(podOnA, "", 1, 2), p.asked(podOnB, "", 1, 2))
	wantMetrics(t, s, sample{`stream_up{stream="nodes"}`, 0}, sample{`stream_up{stream="services"}`, 1})
	until(t, func(context.Context) error {
		if !strings.Contains(s.Log(), "Cannot watch nodes,") {
			return fmt.Errorf("the log does not say what is forbidden: %s", s.Log())
		}
		return nil
	})

	role, err := p.Clients().RbacV1().ClusterRoles().Get(within(t), p.namespace, getOptions)
	must(t, err)
	role.Rules = append(role.Rules, nodeRights(t)...)
	_, err = p.Clients().RbacV1().ClusterRoles().Update(within(t), role, metav1.UpdateOptions{})
	must(t, err)
	wantSoon(t, s, p.asked(podOnA, onlyZoneA, 1), p.asked(podOnB, onlyZoneB, 2))
	wantMetrics(t, s, sample{`stream_up{stream="nodes"}`, 1})
}

// TestTopologyIsTurnedOnAndOffByAReload asks all the time. A mode has a cache of its own,
// which is filled before it is asked; lines about networks need none.
func TestTopologyIsTurnedOnAndOffByAReload(t *testing.T) {
	p := newPlace(t)
	g := openGate(t, p.Cluster)
	p.runPods(t, cluster.DefaultNode, p.node(t, cluster.Node{Name: "b", Zone: zoneB}))
	p.distribute(t, "PreferSameZone")
	lines := func(more ...string) string { return strings.Join(more, "\n        ") }
	off := lines("topology off")
	// Who asks all the time is in the first zone as well.
	observe := lines("topology observe", "clients zone "+zoneA+" 127.0.0.0/23")
	on := lines("topology on", "clients zone "+zoneA+" 127.0.0.0/23")
	moved := lines("topology on", "clients zone "+zoneB+" 127.0.1.0/24", "clients zone "+zoneA+" 127.0.0.0/24")
	corefile := strings.NewReplacer(
		"KUBECONFIG", g.kubeconfig(p.Config(cluster.CoreDNSUser).BearerToken), "NAMESPACE", p.namespace, "RELOAD", "",
	).Replace(reloading)
	r := &reloader{t, server.New(t, strings.Replace(corefile, "OPTION", off, 1)), corefile, true}
	all, near, far := p.asked(inZoneA, "", 1, 2), p.asked(inZoneA, onlyZoneA, 1), p.asked(inZoneA, onlyZoneB, 2)
	wantSoon(t, r.server, all)
	l := ask(t, r.server, all.name, dns.TypeA, oneOf(all, near))
	const lists = 3
	for i, step := range []struct {
		option string
		lists  int
		want   question
		state  float64
	}{
		{observe, 2 * lists, all, 1},
		{on, 3 * lists, near, 1},
		{moved, 3 * lists, far, 1},
		{on, 3 * lists, near, 1},
		{observe, 4 * lists, all, 1},
		{off, 5 * lists, all, 0},
	} {
		r.write(step.option)
		r.until("Reloading complete", i+1)
		wantSoon(t, r.server, step.want)
		r.until("Listed ", step.lists)
		if got := strings.Count(r.server.Log(), "Listed "); got != step.lists {
			t.Errorf("after\n%s\nthe log tells of %d lists, want %d", step.option, got, step.lists)
		}
		if i > 0 {
			wantMetrics(t, r.server, sample{`topology_services{state="zone"}`, step.state})
		}
	}
	l.stop()

	// A Corefile that contradicts itself changes nothing.
	r.write(lines("topology on"))
	r.until("topology needs to know where clients are", 1)
	wantNow(t, r.server, all)
}

func TestTopologyFromASnapshot(t *testing.T) {
	m := newMemory(t)
	token := m.token(t)
	m.bindEverywhere(t, append(nodeRights(t), leastRights...))
	m.corefile = aloneCorefile(append([]string{
		"kubeconfig " + m.gate.kubeconfig(token), "namespaces " + m.namespace, "snapshot " + m.snapshot, "startup_timeout 1h",
	}, topologyOptions...)...)
	a := m.node(t, cluster.Node{Name: "a", Zone: zoneA, PodCIDRs: []string{"127.0.11.0/24"}})
	b := m.node(t, cluster.Node{Name: "b", Zone: zoneB, PodCIDRs: []string{"127.0.12.0/24"}})
	m.runPods(t, a, b)
	m.distribute(t, "PreferSameNode")
	byNetwork := []question{m.asked(inZoneA, onlyZoneA, 1), m.asked(inZoneB, onlyZoneB, 2), m.asked(nowhere, "", 1, 2)}
	byNode := []question{m.asked(podOnA, onlyNode, 1), m.asked(podOnB, onlyNode, 2)}
	first := server.New(t, m.corefile)
	wantSoon(t, first, append(byNetwork, byNode...)...)
	must(t, first.Stop())
	m.gate.Close()

	// Nodes are not in the snapshot: nobody knows where their clients are.
	s := server.New(t, m.corefile)
	wantNow(t, s, stale(byNetwork...)...)
	wantNow(t, s, stale(m.asked(podOnA, "", 1, 2), m.asked(podOnB, "", 1, 2))...)
	must(t, m.gate.Open())
	wantSoon(t, s, append(byNetwork, byNode...)...)
}

func TestAClientLineThatContradictsStopsTheStart(t *testing.T) {
	refused := regexp.MustCompile(`Corefile:(\d+) - Error during parsing: (.*)`)
	// The first of these lines is line 8 of the Corefile.
	for _, tc := range []struct {
		name, want string
		lines      []string
	}{
		{"topology without clients", "8: topology needs to know where clients are", []string{"topology on"}},
		{"topology that nobody can be found for", "8: topology needs to know where clients are", []string{"topology observe", "clients none 10.0.0.0/8"}},
		{"clients without topology", "8: clients has no meaning without topology observe, or topology on", []string{"clients nodes"}},
		{"clients with topology off", "9: clients has no meaning without topology observe, or topology on", []string{"topology off", "clients zone a 10.0.0.0/8"}},
		{"one network in two zones", "10: clients zone: 10.0.0.0/8 is in zone a, and cannot be in zone b as well", []string{"topology on", "clients zone a 10.0.0.0/8", "clients zone b 10.1.2.3/8"}},
		{"a Service that is not read", "10: clients service: the Service kube-system/node-local-dns is in none of the namespaces that are read", []string{"topology on", "namespaces web", "clients service kube-system/node-local-dns"}},
		{"a server without a zone, and no Nodes", "9: clients server: without a zone, that of the node n1 counts, and clients nodes is needed to know it", []string{"topology on", "clients server n1"}},
		{"overload, and no Nodes", "8: topology overload needs clients nodes, to know how much of the demand is in which zone", []string{"topology on overload 20%", "clients zone a 10.0.0.0/8"}},
		{"a mode that there is not", `8: topology: want off, observe or on, not "auto"`, []string{"topology auto", "clients nodes"}},
		{"a share above all", `8: topology: want one percentage from 0% to 100%, not "101%"`, []string{"topology on 101%", "clients nodes"}},
		{"a network that is none", `9: clients zone: "10.0.0.0" is not a network such as 10.0.0.0/16, or fd00::/64`, []string{"topology on", "clients zone a 10.0.0.0"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := server.Start(t.Context(), aloneCorefile(append([]string{"endpoint http://127.0.0.1:1"}, tc.lines...)...))
			if err == nil {
				t.Fatal("it started", s.Stop())
			}
			match := refused.FindStringSubmatch(err.Error())
			if match == nil || !strings.HasPrefix(match[1]+": "+match[2], tc.want) {
				t.Errorf("got %v, want line %s", err, tc.want)
			}
		})
	}
}

func TestABadAnnotationAboutTopologyIsLeftOut(t *testing.T) {
	p := newPlace(t)
	s := server.New(t, aloneCorefile(
		"kubeconfig "+openGate(t, p.Cluster).kubeconfig(p.Config(cluster.CoreDNSUser).BearerToken), "namespaces "+p.namespace,
	))
	p.runDB(t)
	p.annotate(t, "k8s-endpoints.coredns.io/topology", "on")
	wantMetrics(t, s, sample{`bad_objects_total{kind="Service annotation"}`, 1})
	wantNow(t, s, question{name: p.name("db"), qtype: "A", want: found(at(p.name("db"), p.v4(1))...)})
	if want := "the Corefile says topology off"; strings.Count(s.Log(), want) != 1 {
		t.Errorf("the log does not say once that %s:\n%s", want, s.Log())
	}
	// The logs of other servers are to be quiet.
	must(t, p.PatchService(within(t), p.namespace, "db", `{"metadata":{"annotations":null}}`))
	until(t, func(context.Context) error {
		if want := "The Service annotation " + p.in("db") + " counts again"; !strings.Contains(s.Log(), want) {
			return fmt.Errorf("the log does not say %s:\n%s", want, s.Log())
		}
		return nil
	})
}

// TestClientsOfAServiceOnEachNode needs no right beside the least ones. Its server stands on
// a node itself, as in a DaemonSet.
func TestClientsOfAServiceOnEachNode(t *testing.T) {
	p, ctx := newPlace(t), within(t)
	b := p.node(t, cluster.Node{Name: "b", Zone: zoneB})
	p.runPods(t, cluster.DefaultNode, b)
	p.distribute(t, "PreferSameNode")
	// The Pods of this Service have addresses in the network of their node's Pods.
	agents := map[string]string{"app": "agents"}
	must(t, p.CreateService(ctx, cluster.HeadlessService(p.namespace, "agents", agents)))
	agent := cluster.Pod{Namespace: p.namespace, Name: "agent-b", Labels: agents, Node: b}
	must(t, p.CreatePod(ctx, agent), p.PodReady(ctx, p.namespace, agent.Name, p.v4(201)))
	t.Setenv("NODE_NAME", cluster.DefaultNode)
	t.Setenv("ZONE", zoneA)
	s := server.New(t, aloneCorefile(
		"kubeconfig "+openGate(t, p.Cluster).kubeconfig(p.Config(cluster.CoreDNSUser).BearerToken), "namespaces "+p.namespace,
		"topology on",
		"clients service "+p.namespace+"/agents 27",
		"clients server {$NODE_NAME} {$ZONE}",
		"clients subnet "+"127.0.3.0/24",
		"clients none 127.0.2.0/24",
	))
	of := func(q question, subnet string) question {
		q.args, q.want.subnet = []string{"-b", resolver, "+subnet=" + subnet}, subnet+"/32"
		return q
	}
	// The agent's network begins at 192, and ends before 224.
	wantSoon(t, s, of(p.asked("", onlyNode, 2), p.v4(220)+"/32"))
	wantNow(t, s, of(p.asked("", onlyNode, 1), p.v4(224)+"/32"), p.asked(inZoneA, onlyNode, 1), p.asked(inZoneB, "", 1, 2))

	must(t, p.DeletePod(ctx, p.namespace, agent.Name))
	wantSoon(t, s, of(p.asked("", onlyNode, 1), p.v4(220)+"/32"))
	wantMetrics(t, s, sample{`client_prefixes{source="service"}`, 0})
}
