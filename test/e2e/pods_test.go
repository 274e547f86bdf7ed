package e2e

import (
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
)

var app = map[string]string{"app": "db"}

// dbPod is a Pod that has a name of its own below the Service db.
func (p *place) dbPod(name string) cluster.Pod {
	return cluster.Pod{Namespace: p.namespace, Name: name, Labels: app, Hostname: name, Subdomain: "db"}
}

// runDB creates the Service db with the port sql, and a ready Pod db-0 at the
// address of host 1.
func (p *place) runDB(t *testing.T) {
	t.Helper()
	ctx := within(t)
	must(t,
		p.CreateService(ctx, cluster.HeadlessService(p.namespace, "db", app, cluster.Port("sql", corev1.ProtocolTCP, 5432))),
		p.CreatePod(ctx, p.dbPod("db-0")),
		p.PodReady(ctx, p.namespace, "db-0", p.v4(1)),
	)
}

func TestPodsBecomeReadyAndUnreadyAndGo(t *testing.T) {
	s, p, ctx := sharedServer(t), newPlace(t), within(t)
	db, db0, db1, port := p.name("db"), p.name("db-0.db"), p.name("db-1.db"), p.name("_sql._tcp.db")

	must(t, p.CreateService(ctx, cluster.HeadlessService(p.namespace, "db", app, cluster.Port("sql", corev1.ProtocolTCP, 5432))))
	nobody := []question{
		{name: db, qtype: "A", want: p.noEndpoints("db")},
		{name: db, qtype: "SRV", want: p.noEndpoints("db")},
		{name: db0, qtype: "A", want: p.noEndpoint("db")},
		{name: port, qtype: "SRV", want: p.noEndpoints("db")},
	}
	wantSoon(t, s, nobody...)

	must(t, p.CreatePod(ctx, p.dbPod("db-0")), p.CreatePod(ctx, p.dbPod("db-1")))
	must(t, p.PodReady(ctx, p.namespace, "db-0", p.v4(1)))
	only0 := func(of1 want) []question {
		return []question{
			{name: db, qtype: "A", want: found(at(db, p.v4(1))...)},
			{name: db, qtype: "AAAA", want: p.noFamily("db")},
			{name: db, qtype: "TXT", want: p.noType("db")},
			{name: db, qtype: "SRV", want: want{answer: []string{srv(db, 5432, db0)}, additional: at(db0, p.v4(1))}},
			{name: db0, qtype: "A", want: found(at(db0, p.v4(1))...)},
			{name: db0, qtype: "AAAA", want: p.noType("db")},
			{name: db0, qtype: "SRV", want: p.noType("db")},
			{name: p.name(dashed(p.v4(1)) + ".db"), qtype: "A", want: found(at(p.name(dashed(p.v4(1))+".db"), p.v4(1))...)},
			{name: db1, qtype: "A", want: of1},
			{name: port, qtype: "SRV", want: want{answer: []string{srv(port, 5432, db0)}, additional: at(db0, p.v4(1))}},
			{name: port, qtype: "A", want: p.noType("db")},
			{name: p.name("_tcp.db"), qtype: "SRV", want: p.noType("db")},
			{name: p.name("_udp.db"), qtype: "SRV", want: p.noPort("db")},
			{name: p.name("_sql._udp.db"), qtype: "SRV", want: p.noPort("db")},
			{name: reverse(p.v4(1)), qtype: "PTR", want: found(record(reverse(p.v4(1)), ttl, "PTR", db0))},
		}
	}
	wantSoon(t, s, only0(p.noEndpoint("db"))...)

	p.secondPodComesAndGoes(t, s, only0)
	must(t, p.DeletePod(ctx, p.namespace, "db-0"))
	wantSoon(t, s, nobody...)

	must(t, p.DeleteService(ctx, p.namespace, "db"))
	wantSoon(t, s, question{name: db, qtype: "A", want: fromKubernetes("NXDOMAIN")})
}

// secondPodComesAndGoes walks the Pod db-1 through its life, beside db-0.
func (p *place) secondPodComesAndGoes(t *testing.T, s *server.Server, only0 func(of1 want) []question) {
	t.Helper()
	ctx, db, db0, db1 := within(t), p.name("db"), p.name("db-0.db"), p.name("db-1.db")
	both := []question{
		{name: db, qtype: "A", want: found(at(db, p.v4(1), p.v4(2))...)},
		{name: db, qtype: "SRV", want: want{
			answer:     []string{srv(db, 5432, db0), srv(db, 5432, db1)},
			additional: append(at(db0, p.v4(1)), at(db1, p.v4(2))...),
		}},
		{name: db1, qtype: "A", want: found(at(db1, p.v4(2))...)},
		{name: reverse(p.v4(2)), qtype: "PTR", want: found(record(reverse(p.v4(2)), ttl, "PTR", db1))},
	}
	must(t, p.PodReady(ctx, p.namespace, "db-1", p.v4(2)))
	wantSoon(t, s, both...)
	no1 := func(of1 want) []question {
		return append(only0(of1), question{name: reverse(p.v4(2)), qtype: "PTR", want: unpublished(p.v4(2))})
	}
	must(t, p.PodUnready(ctx, p.namespace, "db-1"))
	wantSoon(t, s, no1(nameless("db-1", "sick"))...)
	must(t, p.PodReady(ctx, p.namespace, "db-1"))
	wantSoon(t, s, both...)

	// It serves while it terminates, and is ready no more.
	must(t, p.TerminatePod(ctx, p.namespace, "db-1"))
	wantSoon(t, s, no1(nameless("db-1", "draining"))...)
	must(t, p.DeletePod(ctx, p.namespace, "db-1"))
	wantSoon(t, s, no1(p.noEndpoint("db"))...)
}

func TestAPodOfTwoFamilies(t *testing.T) {
	s, p, ctx := sharedServer(t), newPlace(t), within(t)
	db, db0, port := p.name("db"), p.name("db-0.db"), p.name("_sql._tcp.db")
	must(t,
		p.CreateService(ctx, cluster.DualStack(cluster.HeadlessService(p.namespace, "db", app, cluster.Port("sql", corev1.ProtocolTCP, 5432)))),
		p.CreatePod(ctx, p.dbPod("db-0")),
		p.CreatePod(ctx, cluster.Pod{Namespace: p.namespace, Name: "nameless", Labels: app}),
		p.PodReady(ctx, p.namespace, "db-0", p.v4(1), p.v6(1)),
		p.PodReady(ctx, p.namespace, "nameless", p.v4(2), p.v6(2)),
	)
	four, six := p.name(dashed(p.v4(2))+".db"), p.name(dashed(p.v6(2))+".db")
	srvs := func(owner string) want {
		return want{
			answer: []string{srv(owner, 5432, db0), srv(owner, 5432, four), srv(owner, 5432, six)},
			additional: append(at(db0, p.v4(1), p.v6(1)),
				append(at(four, p.v4(2)), at(six, p.v6(2))...)...),
		}
	}
	wantSoon(t, s,
		question{name: db, qtype: "A", want: found(at(db, p.v4(1), p.v4(2))...)},
		question{name: db, qtype: "AAAA", want: found(at(db, p.v6(1), p.v6(2))...)},
		question{name: db0, qtype: "A", want: found(at(db0, p.v4(1))...)},
		question{name: db0, qtype: "AAAA", want: found(at(db0, p.v6(1))...)},
		question{name: four, qtype: "A", want: found(at(four, p.v4(2))...)},
		question{name: four, qtype: "AAAA", want: p.noType("db")},
		question{name: six, qtype: "AAAA", want: found(at(six, p.v6(2))...)},
		question{name: port, qtype: "SRV", want: srvs(port)},
		question{name: db, qtype: "SRV", want: srvs(db)},
		question{name: reverse(p.v6(1)), qtype: "PTR", want: found(record(reverse(p.v6(1)), ttl, "PTR", db0))},
		question{name: reverse(p.v6(2)), qtype: "PTR", want: found(record(reverse(p.v6(2)), ttl, "PTR", six))},
		question{name: reverse(p.v4(2)), qtype: "PTR", want: found(record(reverse(p.v4(2)), ttl, "PTR", four))},
	)

	must(t, p.PodUnready(ctx, p.namespace, "db-0"))
	wantSoon(t, s,
		question{name: db, qtype: "A", want: found(at(db, p.v4(2))...)},
		question{name: db, qtype: "AAAA", want: found(at(db, p.v6(2))...)},
		question{name: db0, qtype: "AAAA", want: nameless("db-0", "sick")},
		question{name: reverse(p.v6(1)), qtype: "PTR", want: unpublished(p.v6(1))},
	)
}

func TestThePodsNameIsAnEndpointName(t *testing.T) {
	s, p, ctx := sharedServer(t), newPlace(t), within(t)
	p.runDB(t)
	must(t,
		p.CreatePod(ctx, cluster.Pod{Namespace: p.namespace, Name: "db-7f9c-x2v", Labels: app}),
		p.PodReady(ctx, p.namespace, "db-7f9c-x2v", p.v4(2)),
	)
	byPod, byAddress := p.name("db-7f9c-x2v.db"), p.name(dashed(p.v4(2))+".db")
	wantSoon(t, s,
		question{name: byPod, qtype: "A", want: found(at(byPod, p.v4(2))...)},
		question{name: byAddress, qtype: "A", want: found(at(byAddress, p.v4(2))...)},
		question{name: reverse(p.v4(2)), qtype: "PTR", want: found(record(reverse(p.v4(2)), ttl, "PTR", byAddress))},
	)
	// The other block has endpoint_pod_names, and no kubernetes.
	zone := "." + p.namespace + ".svc.alone.test."
	port := "_sql._tcp.db" + zone
	wantSoon(t, s, question{name: port, qtype: "SRV", want: want{
		answer: []string{
			record(port, 30, "SRV", "0 100 5432 db-0.db"+zone),
			record(port, 30, "SRV", "0 100 5432 db-7f9c-x2v.db"+zone),
		},
		additional: append(atFor(30, "db-0.db"+zone, p.v4(1)), atFor(30, "db-7f9c-x2v.db"+zone, p.v4(2))...),
	}})
}

func TestAPodThatIsMadeAnewWithTheSameAddress(t *testing.T) {
	s, p, ctx := sharedServer(t), newPlace(t), within(t)
	p.runDB(t)
	db, db0, db1 := p.name("db"), p.name("db-0.db"), p.name("db-1.db")
	wantSoon(t, s, question{name: db0, qtype: "A", want: found(at(db0, p.v4(1))...)})

	// The name stays, as a StatefulSet makes it.
	must(t,
		p.DeletePod(ctx, p.namespace, "db-0"),
		p.CreatePod(ctx, p.dbPod("db-0")),
	)
	wantSoon(t, s, question{name: db0, qtype: "A", want: p.noEndpoint("db")})
	must(t, p.PodReady(ctx, p.namespace, "db-0", p.v4(1)))
	wantSoon(t, s, question{name: db0, qtype: "A", want: found(at(db0, p.v4(1))...)})

	// The address goes to another Pod while the old one still terminates.
	must(t, p.TerminatePod(ctx, p.namespace, "db-0"))
	wantSoon(t, s, question{name: db, qtype: "A", want: found(at(db, p.v4(1))...).because("draining endpoints only")})
	must(t,
		p.CreatePod(ctx, p.dbPod("db-1")),
		p.PodReady(ctx, p.namespace, "db-1", p.v4(1)),
	)
	taken := []question{
		{name: db, qtype: "A", want: found(at(db, p.v4(1))...)},
		{name: db1, qtype: "A", want: found(at(db1, p.v4(1))...)},
		{name: db0, qtype: "A", want: p.noEndpoint("db")},
		{name: reverse(p.v4(1)), qtype: "PTR", want: found(record(reverse(p.v4(1)), ttl, "PTR", db1))},
	}
	wantSoon(t, s, taken...)
	must(t, p.DeletePod(ctx, p.namespace, "db-0"))
	wantSoon(t, s, taken...)
}

func TestUnreadyAddressesArePublishedWhereTheServiceWantsIt(t *testing.T) {
	s, p, ctx := sharedServer(t), newPlace(t), within(t)
	always := cluster.HeadlessService(p.namespace, "always", app)
	always.Spec.PublishNotReadyAddresses = true
	must(t, p.CreateService(ctx, always))
	p.runDB(t)
	db, name := p.name("db"), p.name("always")
	there := []question{
		{name: name, qtype: "A", want: found(at(name, p.v4(1))...)},
		{name: name, qtype: "SRV", want: p.noType("always")},
	}
	wantSoon(t, s, question{name: db, qtype: "A", want: found(at(db, p.v4(1))...)})
	wantSoon(t, s, there...)
	toAlways := record(reverse(p.v4(1)), ttl, "PTR", p.name(dashed(p.v4(1))+".always"))
	toDB := record(reverse(p.v4(1)), ttl, "PTR", p.name("db-0.db"))
	wantSoon(t, s, question{name: reverse(p.v4(1)), qtype: "PTR", want: found(toAlways, toDB)})

	must(t, p.PodUnready(ctx, p.namespace, "db-0"))
	wantSoon(t, s, question{name: db, qtype: "A", want: p.noneReady("1 sick")})
	wantSoon(t, s, there...)
	wantSoon(t, s, question{name: reverse(p.v4(1)), qtype: "PTR", want: found(toAlways)})
	must(t, p.TerminatePod(ctx, p.namespace, "db-0"))
	wantSoon(t, s, question{name: db, qtype: "A", want: p.noneReady("1 dying")})
	wantSoon(t, s, there...)
	must(t, p.DeletePod(ctx, p.namespace, "db-0"))
	wantSoon(t, s, question{name: name, qtype: "A", want: p.noEndpoints("always")})
}

func TestAReadyPodIsAnsweredWhileOthersComeAndGo(t *testing.T) {
	s, p, ctx := sharedServer(t), newPlace(t), within(t)
	p.runDB(t)
	db, db0 := p.name("db"), p.name("db-0.db")
	steady := question{name: db0, qtype: "A", want: found(at(db0, p.v4(1))...)}
	wantSoon(t, s, steady)
	l := ask(t, s, db0, dns.TypeA, oneOf(steady))
	for round := range 3 {
		name := p.dbPod("db-1").Name
		must(t,
			p.CreatePod(ctx, p.dbPod(name)),
			p.PodReady(ctx, p.namespace, name, p.v4(10+round)),
		)
		wantSoon(t, s, question{name: db, qtype: "A", want: found(at(db, p.v4(1), p.v4(10+round))...)})
		must(t, p.TerminatePod(ctx, p.namespace, name))
		wantSoon(t, s, question{name: db, qtype: "A", want: found(at(db, p.v4(1))...)})
		must(t, p.DeletePod(ctx, p.namespace, name))
	}
	l.stop()
}
