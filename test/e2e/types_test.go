package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// outside is the answer for addresses of a Service that stands for
// web.example.org.
func outside(owner string) question {
	return question{name: owner, qtype: "A", want: found(
		append([]string{cname(owner, "web.example.org.")}, atFor(outsideTTL, "web.example.org.", "192.0.2.80")...)...,
	)}
}

// outsidePort is the answer for its port sql.
func outsidePort(owner string) question {
	return question{name: owner, qtype: "SRV", want: found(srv(owner, 5432, "web.example.org."))}
}

// clusterIP waits until the Service has an address of its own, and returns it.
func (p *place) clusterIP(t *testing.T, service string) string {
	t.Helper()
	var address string
	until(t, func(ctx context.Context) error {
		s, err := p.Clients().CoreV1().Services(p.namespace).Get(ctx, service, getOptions)
		if err != nil {
			return err
		}
		if address = s.Spec.ClusterIP; address == "" || address == corev1.ClusterIPNone {
			return fmt.Errorf("the Service %s has the cluster IP %q", service, address)
		}
		return nil
	})
	return address
}

func TestAServiceChangesItsType(t *testing.T) {
	s, p, ctx := sharedServer(t), newPlace(t), within(t)
	p.runDB(t)
	db, db0, port := p.name("db"), p.name("db-0.db"), p.name("_sql._tcp.db")
	headless := []question{
		{name: db, qtype: "A", want: found(at(db, p.v4(1))...)},
		{name: db0, qtype: "A", want: found(at(db0, p.v4(1))...)},
		{name: port, qtype: "SRV", want: want{answer: []string{srv(port, 5432, db0)}, additional: at(db0, p.v4(1))}},
		{name: reverse(p.v4(1)), qtype: "PTR", want: found(record(reverse(p.v4(1)), ttl, "PTR", db0))},
	}
	externalName := []question{
		outside(db),
		{name: db, qtype: "CNAME", want: found(cname(db, "web.example.org."))},
		{name: db0, qtype: "A", want: p.noSuchBelow("endpoint", "db")},
		outsidePort(port),
		{name: reverse(p.v4(1)), qtype: "PTR", want: unpublished(p.v4(1))},
	}
	wantSoon(t, s, headless...)
	must(t, p.ToExternalName(ctx, p.namespace, "db", "web.example.org"))
	wantSoon(t, s, externalName...)
	must(t, p.ToHeadless(ctx, p.namespace, "db"))
	wantSoon(t, s, headless...)
	must(t, p.ToExternalName(ctx, p.namespace, "db", "web.example.org"))
	wantSoon(t, s, externalName...)

	must(t, p.ToClusterIP(ctx, p.namespace, "db"))
	address := p.clusterIP(t, "db")
	clusterIP := []question{
		{name: db, qtype: "A", want: found(atFor(kubernetesTTL, db, address)...)},
		{name: db, qtype: "AAAA", want: fromKubernetes("NOERROR")},
		{name: db0, qtype: "A", want: fromKubernetes("NXDOMAIN")},
		{name: port, qtype: "SRV", want: want{
			answer:     []string{record(port, kubernetesTTL, "SRV", "0 100 5432 "+db)},
			additional: atFor(kubernetesTTL, db, address),
		}},
		{name: reverse(address), qtype: "PTR", want: found(record(reverse(address), kubernetesTTL, "PTR", db))},
		{name: reverse(p.v4(1)), qtype: "PTR", want: unpublished(p.v4(1))},
	}
	wantSoon(t, s, clusterIP...)
	must(t, p.ToExternalName(ctx, p.namespace, "db", "web.example.org"))
	wantSoon(t, s, externalName...)
	must(t, p.ToHeadless(ctx, p.namespace, "db"))
	wantSoon(t, s, headless...)
}

// TestAServiceThatKeepsSlicesWithoutTheHeadlessLabel walks into the trap: the
// controller labels the slice of a Service that became headless by way of
// ExternalName only when an endpoint in it changes or goes.
func TestAServiceThatKeepsSlicesWithoutTheHeadlessLabel(t *testing.T) {
	s, p, ctx := sharedServer(t), newPlace(t), within(t)
	must(t,
		p.CreateService(ctx, cluster.ClusterIPService(p.namespace, "db", app, cluster.Port("sql", corev1.ProtocolTCP, 5432))),
		p.CreatePod(ctx, p.dbPod("db-0")),
		p.PodReady(ctx, p.namespace, "db-0", p.v4(1)),
	)
	p.untilLabels(t, 1, 0)
	must(t,
		p.ToExternalName(ctx, p.namespace, "db", "web.example.org"),
		p.ToHeadless(ctx, p.namespace, "db"),
	)
	db, db0 := p.name("db"), p.name("db-0.db")
	first := question{name: db0, qtype: "A", want: found(at(db0, p.v4(1))...)}
	wantSoon(t, s, first,
		question{name: db, qtype: "A", want: found(at(db, p.v4(1))...)},
		question{name: reverse(p.v4(1)), qtype: "PTR", want: found(record(reverse(p.v4(1)), ttl, "PTR", db0))},
	)
	p.untilLabels(t, 1, 0)
	// A server that starts now knows the slice from the beginning.
	file, err := p.Kubeconfig(cluster.CoreDNSUser)
	must(t, err)
	wantNow(t, server.New(t, aloneCorefile("kubeconfig "+file)), first)

	l := ask(t, s, db0, dns.TypeA, oneOf(first))
	// An endpoint that is only added leaves the slice without the label.
	must(t, p.CreatePod(ctx, p.dbPod("db-1")), p.PodReady(ctx, p.namespace, "db-1", p.v4(2)))
	wantSoon(t, s, question{name: db, qtype: "A", want: found(at(db, p.v4(1), p.v4(2))...)})
	p.untilLabels(t, 1, 0)
	// Now the slice goes from one watch to another.
	must(t, p.PodUnready(ctx, p.namespace, "db-1"))
	p.untilLabels(t, 1, 1)
	wantSoon(t, s, question{name: db, qtype: "A", want: found(at(db, p.v4(1))...)})
	must(t, p.PodReady(ctx, p.namespace, "db-1"))
	wantSoon(t, s, question{name: db, qtype: "A", want: found(at(db, p.v4(1), p.v4(2))...)})
	l.stop()

	must(t, p.DeletePod(ctx, p.namespace, "db-0"), p.DeletePod(ctx, p.namespace, "db-1"))
	wantSoon(t, s, question{name: db, qtype: "A", want: p.noEndpoints("db")})
	must(t, p.CreatePod(ctx, p.dbPod("db-2")), p.PodReady(ctx, p.namespace, "db-2", p.v4(3)))
	wantSoon(t, s, question{name: db, qtype: "A", want: found(at(db, p.v4(3))...)})
}

// TestAServiceOfWhoseSlicesOnlySomeHaveTheHeadlessLabel goes on in the trap: a
// change in one slice gives only this one the label.
func TestAServiceOfWhoseSlicesOnlySomeHaveTheHeadlessLabel(t *testing.T) {
	s, p, ctx := sharedServer(t), newPlace(t), within(t)
	p.runTwoSlices(t)
	must(t,
		p.ToExternalName(ctx, p.namespace, "db", "web.example.org"),
		p.ToHeadless(ctx, p.namespace, "db"),
	)
	db, port := p.name("db"), p.name("_sql._tcp.db")
	db0, db1 := p.name("db-0.db"), p.name("db-1.db")
	both := []question{
		{name: db, qtype: "A", want: found(at(db, p.v4(1), p.v4(2))...)},
		{name: port, qtype: "SRV", want: want{
			answer:     []string{srv(port, 5000, db0), srv(port, 5001, db1)},
			additional: append(at(db0, p.v4(1)), at(db1, p.v4(2))...),
		}},
	}
	wantSoon(t, s, both...)
	p.untilLabels(t, 2, 0)

	must(t, p.PodUnready(ctx, p.namespace, "db-0"))
	p.untilLabels(t, 2, 1)
	wantSoon(t, s, question{name: db, qtype: "A", want: found(at(db, p.v4(2))...)})
	must(t, p.PodReady(ctx, p.namespace, "db-0"))
	wantSoon(t, s, both...)
	p.untilLabels(t, 2, 1)
	file, err := p.Kubeconfig(cluster.CoreDNSUser)
	must(t, err)
	wantNow(t, server.New(t, aloneCorefile("kubeconfig "+file)), both...)

	must(t, p.PodUnready(ctx, p.namespace, "db-1"))
	p.untilLabels(t, 2, 2)
	wantSoon(t, s, question{name: db, qtype: "A", want: found(at(db, p.v4(1))...)})
	must(t, p.PodReady(ctx, p.namespace, "db-1"))
	wantSoon(t, s, both...)
}

// TestAHundredServicesKeepSlicesWithoutTheHeadlessLabel has them in the trap all
// at once, and out of it.
func TestAHundredServicesKeepSlicesWithoutTheHeadlessLabel(t *testing.T) {
	const many = 100
	p := newPlace(t)
	must(t, p.CreatePod(within(t), p.dbPod("db-0")), p.PodReady(within(t), p.namespace, "db-0", p.v4(1)))
	for i := range many {
		must(t, p.CreateService(within(t), cluster.ClusterIPService(p.namespace, serviceAt(i), app, cluster.Port("sql", corev1.ProtocolTCP, 5432))))
	}
	p.untilAllLabels(t, many, 0)
	file, err := p.Kubeconfig(cluster.CoreDNSUser)
	must(t, err)
	s := server.New(t, aloneCorefile("kubeconfig "+file))
	for i := range many {
		must(t, p.ToExternalName(within(t), p.namespace, serviceAt(i), "web.example.org"), p.ToHeadless(within(t), p.namespace, serviceAt(i)))
	}
	untilAll := func(answer func(*dns.Msg) bool) {
		t.Helper()
		for i := range many {
			untilAnswer(t, s, p.name(serviceAt(i)), answer)
		}
	}
	untilAll(answersOne)
	p.untilAllLabels(t, many, 0)
	wantMetrics(t, s, sample{`stream_up{stream="endpointslices_unlabelled"}`, 1})
	// One that starts now knows them from the beginning.
	fresh := server.New(t, aloneCorefile("kubeconfig "+file))
	for i := range many {
		m, _, err := new(dns.Client).ExchangeContext(within(t), new(dns.Msg).SetQuestion(p.name(serviceAt(i)), dns.TypeA), fresh.Address())
		must(t, err)
		if !answersOne(m) {
			t.Errorf("the first answer of a new server is\n%v", m)
		}
	}

	// The slices go from one watch to another.
	l := ask(t, s, p.name(serviceAt(0)), dns.TypeA, func(answer string) error {
		if !strings.Contains(answer, " "+p.v4(1)+"\n") {
			return fmt.Errorf("%s is not in the answer\n%s", p.v4(1), answer)
		}
		return nil
	})
	must(t, p.CreatePod(within(t), p.dbPod("db-1")), p.PodReady(within(t), p.namespace, "db-1", p.v4(2)))
	untilAll(answersTwo)
	must(t, p.PodUnready(within(t), p.namespace, "db-1"))
	p.untilAllLabels(t, many, many)
	l.stop()
	untilAll(answersOne)
	until(t, func(ctx context.Context) error {
		all, err := samples(ctx, s)
		if _, runs := all[`stream_up{stream="endpointslices_unlabelled"}`]; runs && err == nil {
			err = errors.New("the stream of slices without the label runs, and no Service needs it")
		}
		return err
	})
}

// untilAllLabels waits until the place has so many slices with endpoints, and so
// many of them have the headless label.
func (p *place) untilAllLabels(t *testing.T, total, labelled int) {
	t.Helper()
	until(t, func(ctx context.Context) error {
		all, err := p.Clients().DiscoveryV1().EndpointSlices(p.namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		filled, marked := 0, 0
		for _, slice := range all.Items {
			if len(slice.Endpoints) > 0 {
				filled++
			}
			if _, ok := slice.Labels[corev1.IsHeadlessService]; ok {
				marked++
			}
		}
		if filled != total || marked != labelled {
			return fmt.Errorf("%d slices with endpoints, %d with the headless label; want %d and %d", filled, marked, total, labelled)
		}
		return nil
	})
}

// runTwoSlices creates the ClusterIP Service db, and two ready Pods that are in
// different slices.
func (p *place) runTwoSlices(t *testing.T) {
	t.Helper()
	ctx := within(t)
	// The controller makes a slice for each number of the port.
	service := cluster.ClusterIPService(p.namespace, "db", app, cluster.Port("sql", corev1.ProtocolTCP, 5432))
	service.Spec.Ports[0].TargetPort = intstr.FromString("sql")
	must(t, p.CreateService(ctx, service))
	for host, name := range []string{"db-0", "db-1"} {
		pod := p.dbPod(name)
		pod.Ports = []corev1.ContainerPort{{Name: "sql", ContainerPort: int32(5000 + host), Protocol: corev1.ProtocolTCP}}
		must(t, p.CreatePod(ctx, pod), p.PodReady(ctx, p.namespace, name, p.v4(host+1)))
	}
	p.untilLabels(t, 2, 0)
}

// TestAnEndpointThatChangesAsItsServiceBecomesHeadless has one slice labelled
// at once, so that the Service is never without a slice, and the Service is
// young.
func TestAnEndpointThatChangesAsItsServiceBecomesHeadless(t *testing.T) {
	s, p, ctx := sharedServer(t), newPlace(t), within(t)
	p.runTwoSlices(t)
	must(t,
		p.ToExternalName(ctx, p.namespace, "db", "web.example.org"),
		p.ToHeadless(ctx, p.namespace, "db"),
		p.PodUnready(ctx, p.namespace, "db-0"),
	)
	p.untilLabels(t, 2, 1)
	must(t, p.PodReady(ctx, p.namespace, "db-0"))
	db := p.name("db")
	wantSoon(t, s, question{name: db, qtype: "A", want: found(at(db, p.v4(1), p.v4(2))...)})
}

// untilLabels waits until the Service db has so many slices with endpoints, and
// so many of them have the headless label.
func (p *place) untilLabels(t *testing.T, total, labelled int) {
	t.Helper()
	until(t, func(ctx context.Context) error {
		all, err := p.Slices(ctx, p.namespace, "db")
		if err != nil {
			return err
		}
		filled, marked := 0, 0
		for _, slice := range all {
			if len(slice.Endpoints) > 0 {
				filled++
			}
			if _, ok := slice.Labels[corev1.IsHeadlessService]; ok {
				marked++
			}
		}
		if len(all) != total || filled != total || marked != labelled {
			return fmt.Errorf("%d slices, %d with endpoints, %d with the headless label; want %d, all with endpoints, %d with the label",
				len(all), filled, marked, total, labelled)
		}
		return nil
	})
}

func TestAServiceThatFlipsIsAlwaysTheOneOrTheOther(t *testing.T) {
	tests := []struct {
		name string
		make func(t *testing.T, p *place)
	}{
		{"with slices of the controller", func(t *testing.T, p *place) { p.runDB(t) }},
		{"with a slice by hand", func(t *testing.T, p *place) {
			slice := cluster.HandmadeSlice(p.namespace, "db-1", "db", nil, p.v4(1))
			must(t,
				p.CreateService(within(t), cluster.HeadlessService(p.namespace, "db", nil)),
				p.CreateSlice(within(t), slice),
			)
		}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			s, p := sharedServer(t), newPlace(t)
			tc.make(t, p)
			flip(t, s, p)
		})
	}
}

func flip(t *testing.T, s *server.Server, p *place) {
	ctx, db := within(t), p.name("db")
	headless, external := question{name: db, qtype: "A", want: found(at(db, p.v4(1))...)}, outside(db)
	wantSoon(t, s, headless)
	l := ask(t, s, db, dns.TypeA, oneOf(headless, external))
	for range 20 {
		must(t, p.ToExternalName(ctx, p.namespace, "db", "web.example.org"))
		wantSoon(t, s, external)
		must(t, p.ToHeadless(ctx, p.namespace, "db"))
		wantSoon(t, s, headless)
	}
	for range 100 {
		must(t,
			p.ToExternalName(ctx, p.namespace, "db", "web.example.org"),
			p.ToHeadless(ctx, p.namespace, "db"),
		)
	}
	wantSoon(t, s, headless)
	l.stop()
}
