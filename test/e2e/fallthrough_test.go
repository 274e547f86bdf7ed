package e2e

import (
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"

	corev1 "k8s.io/api/core/v1"
)

// below is the reason at a name that has records below it only.
const below = "no records here, at most below"

func TestNamesThatNoServiceOwnsFallThroughToKubernetes(t *testing.T) {
	s, p, ctx := sharedServer(t), newPlace(t), within(t)
	p.runDB(t)
	must(t, p.CreateService(ctx, cluster.DualStack(
		cluster.ClusterIPService(p.namespace, "web", app, cluster.Port("http", corev1.ProtocolTCP, 80)))))
	service, err := p.Clients().CoreV1().Services(p.namespace).Get(ctx, "web", getOptions)
	must(t, err)
	four, six := service.Spec.ClusterIPs[0], service.Spec.ClusterIPs[1]
	web, port, db := p.name("web"), p.name("_http._tcp.web"), p.name("db")
	pod := dashed(p.v4(1)) + "." + p.namespace + ".pod.cluster.local."
	srvs := func(owner string) want {
		return want{
			answer:     []string{record(owner, kubernetesTTL, "SRV", "0 50 80 "+web)},
			additional: atFor(kubernetesTTL, web, four, six),
		}
	}
	wantSoon(t, s,
		question{name: web, qtype: "A", want: found(atFor(kubernetesTTL, web, four)...)},
		question{name: web, qtype: "AAAA", want: found(atFor(kubernetesTTL, web, six)...)},
		question{name: port, qtype: "SRV", want: srvs(port)},
		question{name: web, qtype: "SRV", want: srvs(web)},
		question{name: reverse(four), qtype: "PTR", want: found(record(reverse(four), kubernetesTTL, "PTR", web))},
		question{name: pod, qtype: "A", want: found(atFor(kubernetesTTL, pod, p.v4(1))...)},
		question{name: db, qtype: "A", want: found(at(db, p.v4(1))...)},
	)

	ofTheZone := []string{soa("cluster.local.", kubernetesTTL)}
	kubernetes := "kubernetes.default.svc.cluster.local."
	wantNow(t, s,
		question{name: kubernetes, qtype: "A", want: found(atFor(kubernetesTTL, kubernetes, "10.96.0.1")...)},
		question{name: p.name("nowhere"), qtype: "A", want: fromKubernetes("NXDOMAIN")},
		question{name: "nowhere.nowhere.svc.cluster.local.", qtype: "A", want: fromKubernetes("NXDOMAIN")},
		question{name: "nowhere.cluster.local.", qtype: "A", want: want{status: "NXDOMAIN", authority: ofTheZone}},
		question{name: p.namespace + ".svc.cluster.local.", qtype: "A", want: denied("NOERROR", below)},
		question{name: "svc.cluster.local.", qtype: "A", want: denied("NOERROR", below)},
		question{name: "cluster.local.", qtype: "SOA", want: found(soa("cluster.local.", kubernetesTTL))},
		question{name: "cluster.local.", qtype: "A", want: want{authority: ofTheZone}},
		question{name: "dns-version.cluster.local.", qtype: "TXT", want: found(record("dns-version.cluster.local.", 28800, "TXT", `"1.1.0"`))},
		question{name: "Nowhere.Default.SVC.cluster.LOCAL.", qtype: "A", want: want{
			status: "NXDOMAIN", authority: []string{soa("cluster.LOCAL.", negativeTTL)},
		}},
	)
}

func TestNamesThatNoServiceOwnsAreDeniedWithoutFallthrough(t *testing.T) {
	s, p, ctx := sharedServer(t), newPlace(t), within(t)
	p.runDB(t)
	must(t, p.CreateService(ctx, cluster.ClusterIPService(p.namespace, "web", app, cluster.Port("http", corev1.ProtocolTCP, 80))))
	zone := p.namespace + ".svc.alone.test."
	db := "db." + zone
	no := func(status, why string) want {
		return want{status: status, authority: []string{soa("alone.test.", 10)}}.because(why)
	}
	apex := soa("alone.test.", 10)
	wantSoon(t, s, question{name: db, qtype: "A", want: found(atFor(30, db, p.v4(1))...)})
	wantNow(t, s,
		question{name: db, qtype: "AAAA", want: no("NOERROR", p.in("db")+" has no endpoints of this address family")},
		question{name: "db-9." + db, qtype: "A", want: no("NXDOMAIN", "no such endpoint in "+p.in("db"))},
		question{name: "web." + zone, qtype: "A", want: no("NXDOMAIN", "no headless or ExternalName Service "+p.in("web"))},
		question{name: zone, qtype: "A", want: no("NOERROR", below)},
		question{name: "nowhere.svc.alone.test.", qtype: "A", want: no("NXDOMAIN", "no headless or ExternalName Service in the namespace nowhere is served")},
		question{name: "svc.alone.test.", qtype: "A", want: no("NOERROR", below)},
		question{name: "pod.alone.test.", qtype: "A", want: no("NXDOMAIN", "no name of a Service")},
		question{name: "alone.test.", qtype: "A", want: no("NOERROR", "no records of this type at the zone")},
		question{name: "alone.test.", qtype: "SOA", want: found("alone.test. 30" + apex[len("alone.test. 10"):])},
		question{name: "alone.test.", qtype: "NS", want: found("alone.test. 30 IN NS ns.dns.alone.test.")},
		question{name: "dns-version.alone.test.", qtype: "TXT", want: found(record("dns-version.alone.test.", 28800, "TXT", `"1.1.0"`))},
	)
}

func TestAnAnswerKeepsTheCaseOfTheQuestion(t *testing.T) {
	s, p := sharedServer(t), newPlace(t)
	p.runDB(t)
	zone := p.namespace + ".SVC.Cluster.local."
	db, port := "DB."+zone, "_SQL._tcp.DB."+zone
	wantSoon(t, s,
		question{name: db, qtype: "A", want: found(at(db, p.v4(1))...)},
		question{name: port, qtype: "SRV", want: want{answer: []string{srv(port, 5432, "db-0."+db)}, additional: at("db-0."+db, p.v4(1))}},
		question{name: "DB-1." + db, qtype: "A", want: want{
			status: "NXDOMAIN", authority: []string{soa("Cluster.local.", negativeTTL)},
		}.because("no such endpoint in " + p.in("db"))},
	)
}
