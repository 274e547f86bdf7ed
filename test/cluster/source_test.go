package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/source/apiserver"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
)

// told is what a source has told of the API server.
type told struct {
	mu     sync.Mutex
	state  model.State
	synced bool
	// nodes are the changes of Nodes, in their order.
	nodes []string
}

func (r *told) Apply(changes []model.Change) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range changes {
		r.state.Apply(c)
		if c.Kind == model.KindNode {
			r.nodes = append(r.nodes, showNode(c))
		}
	}
}

func (r *told) Synced() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.synced = true
}

func showNode(c model.Change) string {
	if c.Removed {
		return "- " + c.Node.Name.Value()
	}
	zone := ""
	if c.Node.Zone != (model.Place{}) {
		zone = " in " + c.Node.Zone.Value()
	}
	return fmt.Sprintf("%s%s %v %v %d", c.Node.Name.Value(), zone, c.Node.PodCIDRs, c.Node.Addresses, c.Node.CPU)
}

// until waits until a condition holds of what was told.
func (r *told) until(t *testing.T, condition func() error) {
	t.Helper()
	until(t, func(context.Context) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		return condition()
	})
}

// watching runs a source as CoreDNS until the test ends.
func watching(t *testing.T, c apiserver.Config) *told {
	t.Helper()
	var err error
	c.Kubeconfig, err = shared.Kubeconfig(CoreDNSUser)
	must(t, err)
	s, err := apiserver.New(c)
	must(t, err)
	r := new(told)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx, r) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return r
}

// rule gives the rights that a source needs for a resource.
func rule(group string, resources ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: resources, Verbs: []string{"list", "watch"}}
}

func TestASourceSeesNodesOfARealAPIServer(t *testing.T) {
	ctx, ns := within(t), shared.Namespace(t)
	services, endpoints, nodes := rule("", "services"), rule("discovery.k8s.io", "endpointslices"), rule("", "nodes")
	must(t, shared.Grant(ctx, CoreDNSUser, services, endpoints))
	t.Cleanup(func() { must(t, shared.Grant(context.WithoutCancel(t.Context()), CoreDNSUser)) })
	n1 := nodeOf(t, ns, Node{Name: "n1", PodCIDRs: []string{"127.1.0.0/24", "fd00:1::/64"}, Addresses: []string{"192.0.2.1", "2001:db8::1"}, CPUs: 4})
	r := watching(t, apiserver.Config{Nodes: true})

	r.until(t, func() error {
		if !r.synced || len(r.nodes) > 0 {
			return fmt.Errorf("without the right to see Nodes it is synced: %t, and was told of %q", r.synced, r.nodes)
		}
		return nil
	})
	must(t, shared.Grant(ctx, CoreDNSUser, services, endpoints, nodes))
	const rest = " [127.1.0.0/24 fd00:1::/64] [192.0.2.1 2001:db8::1] 4000"
	untilTold := func(want ...string) {
		t.Helper()
		r.until(t, func() error {
			own := slices.DeleteFunc(slices.Clone(r.nodes), func(line string) bool { return line == showDefault })
			if !slices.Equal(own, want) {
				return fmt.Errorf("was told of\n%q, want\n%q", own, want)
			}
			return nil
		})
	}
	untilTold(n1 + rest)
	for beat := range 3 {
		must(t, shared.PatchNodeStatus(ctx, n1, fmt.Sprintf(`{"status":{"nodeInfo":{"bootID":"%d"}}}`, beat)))
	}
	must(t, shared.PatchNode(ctx, n1, `{"metadata":{"labels":{"topology.kubernetes.io/zone":"zone-1"}}}`))
	untilTold(n1+rest, n1+" in zone-1"+rest)
	n2 := nodeOf(t, ns, Node{Name: "n2"})
	untilTold(n1+rest, n1+" in zone-1"+rest, n2+" [] [] 0")
}

// showDefault is the Node that is there in all tests.
const showDefault = DefaultNode + " in zone-a [] [] 0"

func TestASourceSeesPlacesOnARealAPIServer(t *testing.T) {
	ctx, ns := within(t), shared.Namespace(t)
	must(t, shared.Grant(ctx, CoreDNSUser, rule("", "services"), rule("discovery.k8s.io", "endpointslices")))
	t.Cleanup(func() { must(t, shared.Grant(context.WithoutCancel(t.Context()), CoreDNSUser)) })
	service := HeadlessService(ns, "db", app)
	service.Spec.TrafficDistribution = new(corev1.ServiceTrafficDistributionPreferSameNode)
	with := watching(t, apiserver.Config{Places: true})
	without := watching(t, apiserver.Config{})
	must(t, shared.CreateService(ctx, service), shared.CreatePod(ctx, dbPod(ns, "db-0")), shared.PodReady(ctx, ns, "db-0", "10.0.0.1"))
	for _, tc := range []struct {
		r     *told
		zone  string
		hints model.Hints
	}{{with, "zone-a", model.HintedZone | model.HintedNode}, {without, "", 0}} {
		tc.r.until(t, func() error {
			known := tc.r.state.Services[model.ServiceKey{Namespace: ns, Name: "db"}]
			if known == nil || known.Distribution != model.PreferSameNode {
				return fmt.Errorf("the Service is %+v", known)
			}
			for _, s := range tc.r.state.Slices {
				if s.Namespace != ns || len(s.Endpoints) != 1 || !s.Endpoints[0].Has(model.Ready) {
					continue
				}
				zone := ""
				if of := s.ZoneOf(&s.Endpoints[0]); of != (model.Place{}) {
					zone = of.Value()
				}
				if zone == tc.zone && s.Endpoints[0].Hints == tc.hints {
					return nil
				}
				return fmt.Errorf("the endpoint is in the zone %q with the hints %b, want %q and %b", zone, s.Endpoints[0].Hints, tc.zone, tc.hints)
			}
			return errors.New("there is no endpoint that is ready")
		})
	}
}
