package e2e

import (
	"context"
	"fmt"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestMirroredSlices(t *testing.T) {
	s, p, ctx := sharedServer(t), newPlace(t), within(t)
	must(t,
		p.CreateService(ctx, cluster.HeadlessService(p.namespace, "legacy", nil)),
		p.CreateEndpoints(ctx, cluster.LegacyEndpoints(p.namespace, "legacy",
			[]corev1.EndpointPort{{Name: "sql", Port: 5432}, {Name: "peer", Port: 5433}}, p.v4(1), p.v4(2))),
	)
	legacy, first, second := p.name("legacy"), p.name(dashed(p.v4(1))+".legacy"), p.name(dashed(p.v4(2))+".legacy")
	peer := p.name("_peer._tcp.legacy")
	wantSoon(t, s,
		question{name: legacy, qtype: "A", want: found(at(legacy, p.v4(1), p.v4(2))...)},
		question{name: peer, qtype: "SRV", want: want{
			answer:     []string{srv(peer, 5433, first), srv(peer, 5433, second)},
			additional: append(at(first, p.v4(1)), at(second, p.v4(2))...),
		}},
		question{name: reverse(p.v4(2)), qtype: "PTR", want: found(record(reverse(p.v4(2)), ttl, "PTR", second))},
	)

	endpoints := p.Clients().CoreV1().Endpoints(p.namespace)
	must(t, endpoints.Delete(ctx, "legacy", deleteOptions))
	wantSoon(t, s, question{name: legacy, qtype: "A", want: p.noEndpoints("legacy")})
}

func TestSlicesByHand(t *testing.T) {
	s, p, ctx := sharedServer(t), newPlace(t), within(t)
	sql := []discoveryv1.EndpointPort{cluster.SlicePort("sql", corev1.ProtocolTCP, 5432)}
	primary, portless := "primary", "portless"
	one := cluster.HandmadeSlice(p.namespace, "one", "hand", sql, p.v4(1), p.v4(2))
	one.Endpoints[0].Hostname = &primary
	no := false
	one.Endpoints[1].Conditions.Ready = &no
	two := cluster.HandmadeSlice(p.namespace, "two", "hand", nil, p.v6(1))
	two.Endpoints[0].Hostname = &portless
	must(t,
		p.CreateService(ctx, cluster.HeadlessService(p.namespace, "hand", nil)),
		p.CreateSlice(ctx, one),
		p.CreateSlice(ctx, two),
	)
	hand, port := p.name("hand"), p.name("_sql._tcp.hand")
	target, other := p.name("primary.hand"), p.name("portless.hand")
	one4 := []question{
		{name: hand, qtype: "A", want: found(at(hand, p.v4(1))...)},
		{name: port, qtype: "SRV", want: want{answer: []string{srv(port, 5432, target)}, additional: at(target, p.v4(1))}},
		{name: hand, qtype: "SRV", want: want{answer: []string{srv(hand, 5432, target)}, additional: at(target, p.v4(1))}},
	}
	two6 := []question{
		{name: hand, qtype: "AAAA", want: found(at(hand, p.v6(1))...)},
		{name: other, qtype: "AAAA", want: found(at(other, p.v6(1))...)},
		{name: reverse(p.v6(1)), qtype: "PTR", want: found(record(reverse(p.v6(1)), ttl, "PTR", other))},
	}
	wantSoon(t, s, one4...)
	wantSoon(t, s, two6...)

	must(t, p.DeleteSlice(ctx, p.namespace, "one"))
	wantSoon(t, s,
		question{name: hand, qtype: "A", want: p.noFamily("hand")},
		question{name: port, qtype: "SRV", want: p.noPort("hand")},
		question{name: target, qtype: "A", want: p.noEndpoint("hand")},
	)
	wantNow(t, s, two6...)
	must(t, p.CreateSlice(ctx, one))
	wantSoon(t, s, one4...)
	must(t, p.DeleteSlice(ctx, p.namespace, "one"), p.CreateSlice(ctx, one))
	wantSoon(t, s, one4...)
	wantNow(t, s, two6...)
}

func TestTheSlicesOfTheControllerAreDeletedAndMadeAnew(t *testing.T) {
	s, p, ctx := sharedServer(t), newPlace(t), within(t)
	p.runDB(t)
	db := p.name("db")
	addresses := []string{p.v4(1)}
	wantSoon(t, s, question{name: db, qtype: "A", want: found(at(db, addresses...)...)})
	for round := range 3 {
		old, err := p.Slices(ctx, p.namespace, "db")
		must(t, err)
		must(t, p.DeleteSlice(ctx, p.namespace, old[0].Name))
		until(t, func(ctx context.Context) error {
			all, err := p.Slices(ctx, p.namespace, "db")
			if err == nil && (len(all) != 1 || all[0].UID == old[0].UID) {
				err = fmt.Errorf("got %d slices, want a new one", len(all))
			}
			return err
		})
		// Only the new slice has one more Pod.
		pod := p.dbPod(fmt.Sprintf("more-%d", round))
		addresses = append(addresses, p.v4(10+round))
		must(t, p.CreatePod(ctx, pod), p.PodReady(ctx, p.namespace, pod.Name, p.v4(10+round)))
		wantSoon(t, s, question{name: db, qtype: "A", want: found(at(db, addresses...)...)})
	}
}

func TestSlicesOfDifferentPorts(t *testing.T) {
	s, p, ctx := sharedServer(t), newPlace(t), within(t)
	// A target port that is a name has the number that each Pod gives it: the
	// controller makes a slice for each number.
	service := cluster.HeadlessService(p.namespace, "db", app,
		cluster.Port("sql", corev1.ProtocolTCP, 5432),
		cluster.Port("dns", corev1.ProtocolUDP, 53),
		cluster.Port("metrics", corev1.ProtocolTCP, 9000),
	)
	service.Spec.Ports[2].TargetPort = intstr.FromString("scrape")
	must(t, p.CreateService(ctx, service))
	for host, number := range []int32{9100, 9200} {
		pod := p.dbPod([]string{"db-0", "db-1"}[host])
		pod.Ports = []corev1.ContainerPort{{Name: "scrape", ContainerPort: number, Protocol: corev1.ProtocolTCP}}
		must(t, p.CreatePod(ctx, pod), p.PodReady(ctx, p.namespace, pod.Name, p.v4(host+1)))
	}
	db, db0, db1 := p.name("db"), p.name("db-0.db"), p.name("db-1.db")
	glue := append(at(db0, p.v4(1)), at(db1, p.v4(2))...)
	scrape, udp := p.name("_metrics._tcp.db"), p.name("_dns._udp.db")
	wantSoon(t, s,
		question{name: db, qtype: "A", want: found(at(db, p.v4(1), p.v4(2))...)},
		question{name: scrape, qtype: "SRV", want: want{answer: []string{srv(scrape, 9100, db0), srv(scrape, 9200, db1)}, additional: glue}},
		question{name: udp, qtype: "SRV", want: want{answer: []string{srv(udp, 53, db0), srv(udp, 53, db1)}, additional: glue}},
		question{name: db, qtype: "SRV", want: want{additional: glue, answer: []string{
			srv(db, 5432, db0), srv(db, 53, db0), srv(db, 9100, db0),
			srv(db, 5432, db1), srv(db, 53, db1), srv(db, 9200, db1),
		}}},
		question{name: p.name("_udp.db"), qtype: "SRV", want: p.noType("db")},
		question{name: p.name("_dns._tcp.db"), qtype: "SRV", want: p.noPort("db")},
	)
	all, err := p.Slices(ctx, p.namespace, "db")
	must(t, err)
	if len(all) < 2 {
		t.Errorf("the controller made %d slices, want one for each number of the port", len(all))
	}
}

func TestAPortWithoutANameHasSRVRecordsAtTheServiceName(t *testing.T) {
	s, p, ctx := sharedServer(t), newPlace(t), within(t)
	must(t,
		p.CreateService(ctx, cluster.HeadlessService(p.namespace, "db", app, cluster.Port("", corev1.ProtocolTCP, 5432))),
		p.CreatePod(ctx, p.dbPod("db-0")),
		p.PodReady(ctx, p.namespace, "db-0", p.v4(1)),
	)
	db := p.name("db")
	wantSoon(t, s,
		question{name: db, qtype: "A", want: found(at(db, p.v4(1))...)},
		question{name: db, qtype: "SRV", want: want{answer: []string{srv(db, 5432, p.name("db-0.db"))}, additional: at(p.name("db-0.db"), p.v4(1))}},
		question{name: p.name("_tcp.db"), qtype: "SRV", want: p.noPort("db")},
	)
}

func TestSlicesThatCannotBeUsedTakeNoGoodOneWithThem(t *testing.T) {
	s, p, ctx := sharedServer(t), newPlace(t), within(t)
	fqdn := cluster.HandmadeSlice(p.namespace, "fqdn", "hand", nil)
	fqdn.AddressType = discoveryv1.AddressTypeFQDN
	fqdn.Endpoints = []discoveryv1.Endpoint{{Addresses: []string{"web.example.org"}}}
	orphan := cluster.HandmadeSlice(p.namespace, "orphan", "hand", nil, p.v4(9))
	orphan.Labels = nil
	must(t,
		p.CreateService(ctx, cluster.HeadlessService(p.namespace, "hand", nil)),
		p.CreateSlice(ctx, fqdn),
		p.CreateSlice(ctx, orphan),
		p.CreateSlice(ctx, cluster.HandmadeSlice(p.namespace, "good", "hand", nil, p.v4(1))),
	)
	hand := p.name("hand")
	const left = "1 EndpointSlice was left out: type FQDN"
	wantSoon(t, s,
		question{name: hand, qtype: "A", want: found(at(hand, p.v4(1))...).because(left)},
		question{name: p.name("web.hand"), qtype: "A", want: denied("NXDOMAIN", left+"; apart from that, no such endpoint in "+p.in("hand"))},
	)
	must(t, p.CreateService(ctx, cluster.HeadlessService(p.namespace, "names", nil)))
	fqdn.Name, fqdn.Labels[discoveryv1.LabelServiceName] = "names", "names"
	must(t, p.CreateSlice(ctx, fqdn))
	wantSoon(t, s, question{name: p.name("names"), qtype: "A", want: denied("NXDOMAIN", left+"; apart from that, "+p.in("names")+" has no endpoints")})
}
