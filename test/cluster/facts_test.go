package cluster

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// What the plugin relies on in a control plane, shown here on a real one.

const (
	headlessLabel  = corev1.IsHeadlessService
	controllerName = "endpointslice-controller.k8s.io"
	mirrorName     = "endpointslicemirroring-controller.k8s.io"
)

// show writes endpoints in a form to compare: address, hostname, and the
// conditions ready, serving and terminating.
func show(all []discoveryv1.EndpointSlice) string {
	var lines []string
	for _, s := range all {
		for _, e := range s.Endpoints {
			lines = append(lines, fmt.Sprintf("%s host=%s ready=%s serving=%s terminating=%s", strings.Join(e.Addresses, "+"),
				orUnset(e.Hostname), orUnset(e.Conditions.Ready), orUnset(e.Conditions.Serving), orUnset(e.Conditions.Terminating)))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func orUnset[T any](value *T) string {
	if value == nil {
		return "unset"
	}
	return fmt.Sprint(*value)
}

// untilEndpoints waits until the Service has exactly these endpoints.
func untilEndpoints(t *testing.T, namespace, service string, want ...string) {
	t.Helper()
	untilShown(t, show, namespace, service, want)
}

// untilShown waits until the slices of the Service are shown as these lines.
func untilShown(t *testing.T, show func([]discoveryv1.EndpointSlice) string, namespace, service string, want []string) {
	t.Helper()
	slices.Sort(want)
	until(t, func(ctx context.Context) error {
		all, err := shared.Slices(ctx, namespace, service)
		if err != nil {
			return err
		}
		if got := show(all); got != strings.Join(want, "\n") {
			return fmt.Errorf("%s/%s has the endpoints\n%s\nwant\n%s", namespace, service, got, strings.Join(want, "\n"))
		}
		return nil
	})
}

// onlySlice waits until the Service has one slice, and returns it.
func onlySlice(t *testing.T, namespace, service string) discoveryv1.EndpointSlice {
	t.Helper()
	var only discoveryv1.EndpointSlice
	until(t, func(ctx context.Context) error {
		all, err := shared.Slices(ctx, namespace, service)
		if err != nil {
			return err
		}
		if len(all) != 1 {
			return fmt.Errorf("%s/%s has %d slices, want 1", namespace, service, len(all))
		}
		only = all[0]
		return nil
	})
	return only
}

func wantLabel(t *testing.T, s discoveryv1.EndpointSlice, label, want string) {
	t.Helper()
	if got, ok := s.Labels[label]; !ok || got != want {
		t.Errorf("slice %s: label %s: got %q (there: %t), want %q", s.Name, label, got, ok, want)
	}
}

func wantNoLabel(t *testing.T, s discoveryv1.EndpointSlice, label string) {
	t.Helper()
	if got, ok := s.Labels[label]; ok {
		t.Errorf("slice %s: label %s: got %q, want none", s.Name, label, got)
	}
}

var app = map[string]string{"app": "db"}

func dbPod(namespace, name string) Pod {
	return Pod{Namespace: namespace, Name: name, Labels: app, Hostname: name, Subdomain: "db"}
}

func TestTheControllerMakesTheSlicesOfAHeadlessService(t *testing.T) {
	ctx, ns := within(t), shared.Namespace(t)
	other := dbPod(ns, "elsewhere")
	other.Subdomain = "other"
	must(t,
		shared.CreateService(ctx, DualStack(HeadlessService(ns, "db", app, Port("sql", corev1.ProtocolTCP, 5432)))),
		shared.CreatePod(ctx, dbPod(ns, "db-0")),
		shared.CreatePod(ctx, other),
		shared.PodReady(ctx, ns, "db-0", "10.0.0.1", "fd00::1"),
		shared.PodReady(ctx, ns, "elsewhere", "10.0.0.2"),
	)
	untilEndpoints(t, ns, "db",
		"10.0.0.1 host=db-0 ready=true serving=true terminating=false",
		"fd00::1 host=db-0 ready=true serving=true terminating=false",
		"10.0.0.2 host=unset ready=true serving=true terminating=false",
	)
	all, err := shared.Slices(ctx, ns, "db")
	must(t, err)
	for _, s := range all {
		wantLabel(t, s, headlessLabel, "")
		wantLabel(t, s, discoveryv1.LabelManagedBy, controllerName)
		if len(s.Ports) != 1 || *s.Ports[0].Name != "sql" || *s.Ports[0].Port != 5432 {
			t.Errorf("slice %s: got the ports %v, want sql at 5432", s.Name, s.Ports)
		}
	}

	must(t, shared.PodUnready(ctx, ns, "db-0"), shared.DeletePod(ctx, ns, "elsewhere"))
	untilEndpoints(t, ns, "db",
		"10.0.0.1 host=db-0 ready=false serving=false terminating=false",
		"fd00::1 host=db-0 ready=false serving=false terminating=false",
	)
}

func TestATerminatingPodServesWhileItIsReady(t *testing.T) {
	ctx, ns := within(t), shared.Namespace(t)
	always := HeadlessService(ns, "always", app)
	always.Spec.PublishNotReadyAddresses = true
	must(t,
		shared.CreateService(ctx, HeadlessService(ns, "db", app)),
		shared.CreateService(ctx, always),
		shared.CreatePod(ctx, dbPod(ns, "db-0")),
		shared.PodReady(ctx, ns, "db-0", "10.0.0.1"),
	)
	untilEndpoints(t, ns, "db", "10.0.0.1 host=db-0 ready=true serving=true terminating=false")

	must(t, shared.TerminatePod(ctx, ns, "db-0"))
	untilEndpoints(t, ns, "db", "10.0.0.1 host=db-0 ready=false serving=true terminating=true")
	untilEndpoints(t, ns, "always", "10.0.0.1 host=unset ready=true serving=true terminating=true")

	must(t, shared.PodUnready(ctx, ns, "db-0"))
	untilEndpoints(t, ns, "db", "10.0.0.1 host=db-0 ready=false serving=false terminating=true")
	untilEndpoints(t, ns, "always", "10.0.0.1 host=unset ready=true serving=false terminating=true")

	must(t, shared.DeletePod(ctx, ns, "db-0"))
	untilEndpoints(t, ns, "db")
	if s := onlySlice(t, ns, "db"); len(s.Ports) != 0 {
		t.Errorf("the slice of a Service without endpoints has the ports %v, want none", s.Ports)
	}
}

func TestMirroredSlicesHaveLabelsOfTheirOwn(t *testing.T) {
	ctx, ns := within(t), shared.Namespace(t)
	must(t,
		shared.CreateService(ctx, HeadlessService(ns, "legacy", nil)),
		shared.CreateEndpoints(ctx, LegacyEndpoints(ns, "legacy", []corev1.EndpointPort{{Name: "sql", Port: 5432}}, "10.0.0.1")),
	)
	untilEndpoints(t, ns, "legacy", "10.0.0.1 host=unset ready=true serving=unset terminating=unset")
	s := onlySlice(t, ns, "legacy")
	wantLabel(t, s, discoveryv1.LabelManagedBy, mirrorName)
	wantNoLabel(t, s, headlessLabel)
}

// The controllers of Endpoints are on their way out (KEP-4974). A cluster may turn
// them off, but no version here does so by itself.
func TestEndpointsAreMirroredUnlessSomebodyTurnsThatOff(t *testing.T) {
	programs, err := Binaries(t.Context())
	must(t, err)
	help, err := exec.CommandContext(t.Context(), filepath.Join(programs, controllersProgram), "--help").Output()
	must(t, err)
	listed := func(title string) []string {
		_, rest, _ := strings.Cut(string(help), title)
		line, _, _ := strings.Cut(rest, "\n")
		return strings.Split(line, ", ")
	}
	all, off := listed("All controllers: "), listed("Disabled-by-default controllers: ")
	if len(off) < 2 {
		t.Errorf("got %q as the controllers that are off, want some", off)
	}
	for _, controller := range []string{"endpointslice-mirroring-controller", "endpoints-controller"} {
		if !slices.Contains(all, controller) || slices.Contains(off, controller) {
			t.Errorf("%s is off, or not there: of %q, %q are off", controller, all, off)
		}
	}
}

func TestEndpointsThatSkipTheMirrorHaveNoSlice(t *testing.T) {
	ctx, ns := within(t), shared.Namespace(t)
	skipped := LegacyEndpoints(ns, "skipped", []corev1.EndpointPort{{Name: "sql", Port: 5432}}, "10.0.0.1")
	skipped.Labels = map[string]string{discoveryv1.LabelSkipMirror: "true"}
	must(t,
		shared.CreateService(ctx, HeadlessService(ns, "skipped", nil)),
		shared.CreateEndpoints(ctx, skipped),
		// The controller takes one after the other.
		shared.CreateService(ctx, HeadlessService(ns, "later", nil)),
		shared.CreateEndpoints(ctx, LegacyEndpoints(ns, "later", []corev1.EndpointPort{{Name: "sql", Port: 5432}}, "10.0.0.2")),
	)
	untilEndpoints(t, ns, "later", "10.0.0.2 host=unset ready=true serving=unset terminating=unset")
	untilEndpoints(t, ns, "skipped")
}

func TestASliceByHandStaysAsItWasWritten(t *testing.T) {
	ctx, ns := within(t), shared.Namespace(t)
	ports := []discoveryv1.EndpointPort{SlicePort("sql", corev1.ProtocolTCP, 5432)}
	must(t,
		shared.CreateService(ctx, HeadlessService(ns, "hand", nil)),
		shared.CreateSlice(ctx, HandmadeSlice(ns, "hand-1", "hand", ports, "fd00::1")),
	)
	untilEndpoints(t, ns, "hand", "fd00::1 host=unset ready=unset serving=unset terminating=unset")
	s := onlySlice(t, ns, "hand")
	wantNoLabel(t, s, headlessLabel)
	wantNoLabel(t, s, discoveryv1.LabelManagedBy)
	must(t, shared.DeleteSlice(ctx, ns, "hand-1"))
	untilEndpoints(t, ns, "hand")
}

func TestAServiceThatBecomesHeadlessByWayOfExternalNameKeepsSlicesWithoutTheLabel(t *testing.T) {
	ctx, ns := within(t), shared.Namespace(t)
	must(t,
		shared.CreateService(ctx, ClusterIPService(ns, "db", app, Port("sql", corev1.ProtocolTCP, 5432))),
		shared.CreatePod(ctx, dbPod(ns, "db-0")),
		shared.PodReady(ctx, ns, "db-0", "10.0.0.1"),
	)
	untilEndpoints(t, ns, "db", "10.0.0.1 host=db-0 ready=true serving=true terminating=false")
	wantNoLabel(t, onlySlice(t, ns, "db"), headlessLabel)

	must(t, shared.ToExternalName(ctx, ns, "db", "example.org"))
	external, err := shared.Clients().CoreV1().Services(ns).Get(ctx, "db", metav1.GetOptions{})
	must(t, err)
	if external.Spec.ClusterIP != "" {
		t.Errorf("an ExternalName Service has the cluster IP %s", external.Spec.ClusterIP)
	}
	must(t, shared.ToHeadless(ctx, ns, "db"))
	untilController(t, ns)
	wantNoLabel(t, onlySlice(t, ns, "db"), headlessLabel)

	must(t, shared.PodUnready(ctx, ns, "db-0"))
	untilEndpoints(t, ns, "db", "10.0.0.1 host=db-0 ready=false serving=false terminating=false")
	wantLabel(t, onlySlice(t, ns, "db"), headlessLabel, "")

	must(t,
		shared.ToExternalName(ctx, ns, "db", "example.org"),
		shared.ToClusterIP(ctx, ns, "db"),
	)
	changed, err := shared.Clients().CoreV1().Services(ns).Get(ctx, "db", metav1.GetOptions{})
	must(t, err)
	if changed.Spec.ClusterIP == "" || changed.Spec.ClusterIP == corev1.ClusterIPNone {
		t.Errorf("a ClusterIP Service has the cluster IP %q", changed.Spec.ClusterIP)
	}
}

// untilController waits until the controller has handled a Service that was
// created after everything that the test did before.
func untilController(t *testing.T, namespace string) {
	t.Helper()
	must(t, shared.CreateService(within(t), HeadlessService(namespace, "later", app)))
	onlySlice(t, namespace, "later")
}

func TestFieldSelectorsOfServicesWatch(t *testing.T) {
	tests := []struct{ name, selector, want string }{
		{"headless Services", "spec.clusterIP=None", "ADDED headless, ADDED changing, DELETED changing"},
		{"ExternalName Services", "spec.type=ExternalName", "ADDED external, ADDED changing, DELETED changing"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			ctx, ns := within(t), shared.Namespace(t)
			events, err := shared.Clients().CoreV1().Services(ns).Watch(ctx, metav1.ListOptions{FieldSelector: tc.selector})
			must(t, err)
			defer events.Stop()
			must(t,
				shared.CreateService(ctx, HeadlessService(ns, "headless", app)),
				shared.CreateService(ctx, ExternalNameService(ns, "external", "example.org")),
				shared.CreateService(ctx, ClusterIPService(ns, "changing", app, Port("sql", corev1.ProtocolTCP, 5432))),
				shared.ToExternalName(ctx, ns, "changing", "example.org"),
				shared.ToHeadless(ctx, ns, "changing"),
				shared.DeleteService(ctx, ns, "changing"),
			)
			if got := describe(ctx, t, events, 3); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func describe(ctx context.Context, t *testing.T, events watch.Interface, n int) string {
	t.Helper()
	var seen []string
	for range n {
		select {
		case event := <-events.ResultChan():
			service, ok := event.Object.(*corev1.Service)
			if !ok {
				t.Fatalf("got the event %v", event)
			}
			seen = append(seen, fmt.Sprintf("%s %s", event.Type, service.Name))
		case <-ctx.Done():
			t.Fatalf("got only %v", seen)
		}
	}
	return strings.Join(seen, ", ")
}

func TestTheAPIServerWritesItsOwnSlice(t *testing.T) {
	s := onlySlice(t, metav1.NamespaceDefault, "kubernetes")
	wantNoLabel(t, s, discoveryv1.LabelManagedBy)
	if got := cmp.Or(s.Endpoints[0].Addresses...); got != advertised {
		t.Errorf("got the address %s, want %s", got, advertised)
	}
}
