package e2e

import (
	"context"
	"fmt"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// A large Service has that many endpoints, with so many in each slice.
const (
	large         = 10_000
	perLargeSlice = 100
)

// runLarge creates the Service large, whose endpoints are in two zones and for them, and
// waits until all of them are published. It returns the first slice.
func (p *place) runLarge(t *testing.T, s *server.Server) *discoveryv1.EndpointSlice {
	t.Helper()
	ctx := within(t)
	service := cluster.HeadlessService(p.namespace, "large", nil)
	service.Spec.TrafficDistribution = new(corev1.ServiceTrafficDistributionPreferSameZone)
	must(t, p.CreateService(ctx, service))
	ports := []discoveryv1.EndpointPort{cluster.SlicePort("sql", corev1.ProtocolTCP, 5432)}
	var first *discoveryv1.EndpointSlice
	for at := 0; at < large; at += perLargeSlice {
		var addresses []string
		for i := at; i < at+perLargeSlice; i++ {
			addresses = append(addresses, fmt.Sprintf("198.18.%d.%d", i>>8, i&255))
		}
		slice := cluster.HandmadeSlice(p.namespace, fmt.Sprintf("large-%d", at), "large", ports, addresses...)
		for i := range slice.Endpoints {
			placeInZone(&slice.Endpoints[i], at+i)
		}
		must(t, p.CreateSlice(ctx, slice))
		if first == nil {
			first = slice
		}
	}
	wantMetrics(t, s, sample{`endpoints{tier="good"}`, large})
	return first
}

// placeInZone makes an endpoint the one of a number, ready in a zone and for it.
func placeInZone(e *discoveryv1.Endpoint, number int) {
	zone, node := []string{zoneA, zoneB}[number%2], fmt.Sprintf("node-%d", number/10)
	e.Zone, e.NodeName, e.Hostname = &zone, &node, new(fmt.Sprintf("pod-%d", number))
	e.Conditions.Ready = new(true)
	e.Hints = &discoveryv1.EndpointHints{ForZones: []discoveryv1.ForZone{{Name: zone}}}
}

// allocated returns what a server has allocated since it began, in bytes.
func allocated(t *testing.T, s *server.Server) float64 {
	t.Helper()
	all, err := s.Samples(t.Context())
	must(t, err)
	const metric = "go_memstats_alloc_bytes_total"
	if all[metric] == 0 {
		t.Fatalf("%s is not exported", metric)
	}
	return all[metric]
}

// Hints come and go with readiness. A change of both must cost what it is about, and not what
// the Service is: of a large one, all else stays as it is (plugin/roster). Another name of an
// endpoint is a change for which the whole is made anew, and shows what that would take.
func TestReadinessWithHintsLeavesAllElseOfALargeService(t *testing.T) {
	p := newPlace(t)
	kubeconfig, err := p.Kubeconfig(cluster.CoreDNSUser)
	must(t, err)
	s := server.New(t, aloneCorefile("kubeconfig "+kubeconfig, "namespaces "+p.namespace, "topology on", "clients zone "+zoneA+" 127.0.1.0/24"))
	slice := p.runLarge(t, s)
	changing := &slice.Endpoints[0]

	const times = 10
	grew := func(change func(even bool), changed func(ctx context.Context, even bool) error) float64 {
		before := allocated(t, s)
		for i := range 2 * times {
			change(i%2 == 0)
			must(t, p.UpdateSlice(within(t), slice))
			until(t, func(ctx context.Context) error { return changed(ctx, i%2 == 0) })
		}
		return (allocated(t, s) - before) / (2 * times)
	}
	flip := grew(
		func(even bool) {
			if placeInZone(changing, 0); even {
				changing.Conditions.Ready, changing.Hints = new(false), nil
			}
		},
		func(ctx context.Context, even bool) error { return p.wantNamed(ctx, s, "pod-0", !even) },
	)
	name := grew(
		func(even bool) {
			if placeInZone(changing, 0); even {
				changing.Hostname = new("other")
			}
		},
		func(ctx context.Context, even bool) error { return p.wantNamed(ctx, s, "other", even) },
	)
	t.Logf("readiness: %.0f KiB for each change, a name: %.0f KiB", flip/1024, name/1024)
	if 3*flip > name {
		t.Errorf("a change of readiness takes %.0f bytes, and one of a name %.0f, want it to be a third at most", flip, name)
	}
}

// wantNamed asks for an endpoint of the Service large, which is to be there or not.
func (p *place) wantNamed(ctx context.Context, s *server.Server, endpoint string, there bool) error {
	answer, err := s.Dig(ctx, p.name(endpoint+".large"), "A")
	if err != nil {
		return err
	}
	if got := answer.Status == "NOERROR" && len(answer.Answer) == 1; got != there {
		return fmt.Errorf("%s is there: %t, want %t:\n%v", endpoint, got, there, answer)
	}
	return nil
}
