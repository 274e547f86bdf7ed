package differential

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// changedSpace has the Service changed, which no other test asks for.
const changedSpace = "changed"

// buildChanged makes a headless Service that had a cluster IP before. The target
// port has another number in each of its two Pods, so each stands in a slice of
// its own; and only the second Pod has changed since the Service became
// headless, so only its slice has got the label of headless Services.
func buildChanged(ctx context.Context, c *cluster.Cluster) error {
	app := map[string]string{"app": "changed"}
	service := cluster.ClusterIPService(changedSpace, "changed", app, servicePorts([]differences.Port{sql})...)
	service.Spec.Ports[0].TargetPort = intstr.FromString(sql.Name)
	err := c.CreateService(ctx, service)
	for i, number := range []int32{5432, 5433} {
		pod := cluster.Pod{
			Namespace: changedSpace, Name: fmt.Sprintf("changed-%d", i), Labels: app,
			Ports: []corev1.ContainerPort{{Name: sql.Name, ContainerPort: number}},
		}
		err = errors.Join(err, c.CreatePod(ctx, pod), c.PodReady(ctx, changedSpace, pod.Name, fmt.Sprintf("10.7.0.%d", i+1)))
	}
	err = errors.Join(err,
		awaitChanged(ctx, c, 2, 0),
		c.ToExternalName(ctx, changedSpace, "changed", "www.example.org"),
		c.ToHeadless(ctx, changedSpace, "changed"),
		c.PodUnready(ctx, changedSpace, "changed-1"),
		awaitChanged(ctx, c, 1, 1),
		c.PodReady(ctx, changedSpace, "changed-1"),
		awaitChanged(ctx, c, 2, 1),
	)
	return err
}

// awaitChanged waits until the two slices have so many ready endpoints, and so
// many of the slices have the label of headless Services.
func awaitChanged(ctx context.Context, c *cluster.Cluster, ready, labelled int) error {
	return poll.Until(ctx, func(ctx context.Context) error {
		all, err := c.Slices(ctx, changedSpace, "changed")
		if err != nil {
			return err
		}
		gotReady, gotLabelled := 0, 0
		for _, slice := range all {
			if _, ok := slice.Labels[corev1.IsHeadlessService]; ok {
				gotLabelled++
			}
			for _, e := range slice.Endpoints {
				if *e.Conditions.Ready {
					gotReady++
				}
			}
		}
		if len(all) != 2 || gotReady != ready || gotLabelled != labelled {
			return fmt.Errorf("the Service changed has %d slices, %d ready endpoints, %d labels of headless Services; want 2, %d, %d",
				len(all), gotReady, gotLabelled, ready, labelled)
		}
		return nil
	})
}

func TestAServiceThatBecameHeadlessHasAllEndpointsAlsoWhereOnlyOneSliceHasTheLabel(t *testing.T) {
	a := newAsker()
	defer a.close()
	for name, plugins := range map[string]string{"kubernetes": stock, "k8s_endpoints": ours} {
		m, err := a.ask(plugins, differences.Question{Name: "changed." + changedSpace + ".svc." + zone, Type: dns.TypeA, Way: differences.OverUDP})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, rr := range m.Answer {
			got = append(got, rr.(*dns.A).A.String())
		}
		slices.Sort(got)
		if want := []string{"10.7.0.1", "10.7.0.2"}; !slices.Equal(got, want) {
			t.Errorf("%s: got the addresses %v, want %v", name, got, want)
		}
	}
}
