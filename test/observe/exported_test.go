package observe

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/gate"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// corefile has all that makes metrics: an API server, manifests, and an external
// name that fails.
const corefile = `cluster.local:{{.DNS}} {
    bind 127.0.0.1
    ready 127.0.0.1:{{.Ready}}
    prometheus 127.0.0.1:{{.Metrics}}
    k8s_endpoints {
        kubeconfig KUBECONFIG
        damping observe
        patience 100ms
        snapshot SNAPSHOT
        topology on
        clients zone zone-a 127.0.1.0/24
        clients nodes
        checks on
        check_allow * to 192.0.2.0/24 ports 80 kinds tcp
    }
}
files.test:{{.DNS}} {
    bind 127.0.0.1
    prometheus 127.0.0.1:{{.Metrics}}
    k8s_endpoints {
        manifests MANIFESTS
    }
}
fails.test:{{.DNS}} {
    bind 127.0.0.1
    template ANY ANY {
        rcode SERVFAIL
    }
}
`

var exported struct {
	sync.Once
	*exposition
}

// exportedByAll returns the metrics of a server that has seen all cases. Tests
// share them.
func exportedByAll(t *testing.T) *exposition {
	t.Helper()
	exported.Do(func() { exported.exposition = seeAll(t) })
	if exported.exposition == nil {
		t.Fatal("an earlier test could not make the server see all cases")
	}
	return exported.exposition
}

// stage is a server with its objects, and the gate between it and the API
// server.
type stage struct {
	*cluster.Cluster
	gate      *gate.Gate
	server    *server.Server
	namespace string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	c := cluster.New(t)
	g, err := gate.New(c)
	must(t, err)
	t.Cleanup(g.Close)
	kubeconfig, manifests := filepath.Join(t.TempDir(), "kubeconfig"), t.TempDir()
	must(t,
		g.WriteKubeconfig(kubeconfig, c.Config(cluster.AdminUser).BearerToken),
		os.WriteFile(filepath.Join(manifests, "skipped.yaml"),
			[]byte("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: none\n"), 0o600),
	)
	s := server.New(t, strings.NewReplacer(
		"KUBECONFIG", kubeconfig, "MANIFESTS", manifests, "SNAPSHOT", filepath.Join(t.TempDir(), "snapshot"),
	).Replace(corefile))
	return &stage{Cluster: c, gate: g, server: s, namespace: c.Namespace(t)}
}

// seeAll makes a server see all cases, and returns the metrics that it exports
// then.
func seeAll(t *testing.T) *exposition {
	t.Helper()
	s := newStage(t)
	s.seeObjects(t)
	s.seePlaces(t)
	s.seeQuestions(t)
	s.seeTrouble(t)
	text, err := s.server.Metrics(t.Context())
	must(t, err)
	x := newExposition()
	x.add(text)
	return x
}

// until waits until a series that begins like that is exported.
func (s *stage) until(t *testing.T, start string) {
	t.Helper()
	until(t, func(ctx context.Context) error {
		text, err := s.server.Metrics(ctx)
		if err == nil && !strings.Contains(text, "\n"+prefix+start) {
			err = fmt.Errorf("%s%s is not exported", prefix, start)
		}
		return err
	})
}

// many are more endpoints than an answer of 512 bytes can have.
const many = 100

// seeObjects has endpoints come, fail and leave, and one slice that is wrong.
func (s *stage) seeObjects(t *testing.T) {
	t.Helper()
	ctx, app := within(t), map[string]string{"app": "db"}
	var addresses []string
	for i := range many {
		addresses = append(addresses, fmt.Sprintf("10.244.2.%d", i+1))
	}
	ports := []discoveryv1.EndpointPort{cluster.SlicePort("sql", corev1.ProtocolTCP, 5432)}
	bad := cluster.HandmadeSlice(s.namespace, "bad", "many", nil)
	bad.AddressType, bad.Endpoints = discoveryv1.AddressTypeFQDN, []discoveryv1.Endpoint{{Addresses: []string{"web.example.org"}}}
	outside := cluster.ExternalNameService(s.namespace, "outside", "web.fails.test")
	outside.Annotations = map[string]string{"k8s-endpoints.coredns.io/targets": "order other.fails.test"}
	must(t,
		s.CreateService(ctx, cluster.HeadlessService(s.namespace, "db", app)),
		s.CreateService(ctx, cluster.HeadlessService(s.namespace, "many", nil)),
		s.CreateService(ctx, outside),
		s.CreateSlice(ctx, cluster.HandmadeSlice(s.namespace, "many-1", "many", ports, addresses...)),
		s.CreateSlice(ctx, bad),
		s.CreatePod(ctx, cluster.Pod{Namespace: s.namespace, Name: "db-0", Labels: app}),
		s.PodReady(ctx, s.namespace, "db-0", "10.244.1.1"),
	)
	s.until(t, `endpoints{tier="good"} 101`)
	must(t, s.PodUnready(ctx, s.namespace, "db-0"))
	s.until(t, `tier_changes_total{tier="none"} `)
	s.until(t, "dns_programming_duration_seconds_bucket{")
	s.until(t, "bad_objects_total{")
	s.until(t, "skipped_objects_total{")
	s.until(t, "snapshot_age_seconds{")
}

// seePlaces has clients that are near endpoints, that are unknown, and whose zone has lost
// most of its endpoints, a Service with an endpoint for everybody, and podCIDRs that are right
// for one Pod and wrong for another.
func (s *stage) seePlaces(t *testing.T) {
	t.Helper()
	ctx, app := within(t), map[string]string{"app": "near"}
	near, half := cluster.HeadlessService(s.namespace, "near", app), cluster.HeadlessService(s.namespace, "half", nil)
	for _, service := range []*corev1.Service{near, half} {
		service.Spec.TrafficDistribution = new(corev1.ServiceTrafficDistributionPreferSameZone)
		must(t, s.CreateService(ctx, service))
	}
	slice := cluster.HandmadeSlice(s.namespace, "half-1", "half", nil, "10.244.4.1", "10.244.4.2")
	slice.Endpoints[0].Zone = new("zone-a")
	must(t,
		s.CreateSlice(ctx, slice),
		s.CreateNode(ctx, cluster.Node{Name: "node-b", Zone: "zone-b", PodCIDRs: []string{"10.244.3.0/24"}, Addresses: []string{"127.0.2.1"}}),
	)
	for i, node := range []string{cluster.DefaultNode, cluster.DefaultNode, cluster.DefaultNode, "node-b"} {
		name := fmt.Sprintf("near-%d", i)
		must(t,
			s.CreatePod(ctx, cluster.Pod{Namespace: s.namespace, Name: name, Labels: app, Node: node}),
			s.PodReady(ctx, s.namespace, name, fmt.Sprintf("10.244.3.%d", i+1)),
		)
	}
	for _, series := range []string{"topology_services{state=\"zone\"}", "topology_services{state=\"partial\"}", "topology_endpoints{",
		"client_prefixes{", "client_evidence{result=\"agree\"}", "client_evidence{result=\"differ\"}"} {
		s.until(t, series)
	}
	s.askUntil(t, "127.0.1.1", "zone")
	s.askUntil(t, "127.0.0.1", "unknown_client")
	must(t, s.PodUnready(ctx, s.namespace, "near-0"), s.PodUnready(ctx, s.namespace, "near-1"))
	s.askUntil(t, "127.0.1.1", "degraded")
}

// askUntil asks for the Service near from an address, until an answer was counted with a
// result.
func (s *stage) askUntil(t *testing.T, from, result string) {
	t.Helper()
	until(t, func(ctx context.Context) error {
		if _, err := s.server.Dig(ctx, "near."+s.namespace+".svc.cluster.local.", "A", "-b", from); err != nil {
			return err
		}
		text, err := s.server.Metrics(ctx)
		if want := fmt.Sprintf("topology_answers_total{mode=\"on\",result=%q,", result); err == nil && !strings.Contains(text, "\n"+prefix+want) {
			err = fmt.Errorf("%s%s is not exported", prefix, want)
		}
		return err
	})
}

// seeQuestions asks for names that exist, that fail, whose denial waits, and whose answers do
// not fit.
func (s *stage) seeQuestions(t *testing.T) {
	t.Helper()
	at := "." + s.namespace + ".svc.cluster.local."
	s.server.MustDig(t, "many"+at, "A", "+ignore", "+bufsize=512")
	s.server.MustDig(t, "nobody.many"+at, "A")
	until(t, func(ctx context.Context) error {
		a, err := s.server.Dig(ctx, "outside"+at, "A")
		if err == nil && a.Status != "SERVFAIL" {
			err = fmt.Errorf("the external name that fails: got\n%s", a)
		}
		return err
	})
}

// seeTrouble breaks the connections to the API server.
func (s *stage) seeTrouble(t *testing.T) {
	t.Helper()
	must(t, s.gate.ExpireAll())
	s.until(t, "relists_total{")
	s.gate.Close()
	s.until(t, "watch_errors_total{")
	s.until(t, `stream_up{stream="services"} 0`)
}
