package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"

	corev1 "k8s.io/api/core/v1"
)

// external creates an ExternalName Service, and returns its name.
func (p *place) external(t *testing.T, service, target string, ports ...corev1.ServicePort) string {
	t.Helper()
	must(t, p.CreateService(within(t), cluster.ExternalNameService(p.namespace, service, strings.TrimSuffix(target, "."), ports...)))
	return p.name(service)
}

// noSuchBelow is the answer for a name below that of an ExternalName Service.
func (p *place) noSuchBelow(part, service string) want {
	return denied("NXDOMAIN", "no such "+part+" in "+p.in(service)+", which is an ExternalName Service")
}

// failed is the answer for an external name that cannot be resolved.
func failed(why string) want {
	return want{status: "SERVFAIL", flags: notOwned, ede: []string{"0 (Other): (" + why + ")"}}
}

func TestAnExternalNameOfAnotherServerBlock(t *testing.T) {
	s, p := sharedServer(t), newPlace(t)
	const webTarget, aliasTarget, missing = "web.example.org.", "alias.example.org.", "missing.example.org."
	web := p.external(t, "web", webTarget)
	alias := p.external(t, "alias", aliasTarget)
	gone := p.external(t, "gone", missing)
	soa := []string{record("example.org.", outsideTTL, "SOA", "ns.example.org. hostmaster.example.org. serial 7200 1800 86400 60")}
	toWeb := func(qtype, data string) want {
		return want{answer: []string{cname(web, webTarget), record(webTarget, outsideTTL, qtype, data)}}
	}
	mx := toWeb("MX", "10 mail.example.org.")
	mx.additional = atFor(outsideTTL, "mail.example.org.", "192.0.2.25")
	wantSoon(t, s,
		question{name: web, qtype: "A", want: toWeb("A", "192.0.2.80")},
		question{name: web, qtype: "AAAA", want: toWeb("AAAA", "2001:db8::80")},
		question{name: web, qtype: "TXT", want: toWeb("TXT", `"outside"`)},
		question{name: web, qtype: "MX", want: mx},
		question{name: web, qtype: "HTTPS", want: toWeb("HTTPS", `1 . alpn="h2"`)},
		question{name: web, qtype: "CNAME", want: found(cname(web, webTarget))},
		question{name: web, qtype: "SRV", want: want{answer: []string{cname(web, webTarget)}, authority: soa}},
		question{name: "below." + web, qtype: "A", want: p.noSuchBelow("endpoint", "web")},
		question{name: alias, qtype: "A", want: want{
			answer: append([]string{cname(alias, aliasTarget), record(aliasTarget, outsideTTL, "CNAME", webTarget)},
				atFor(outsideTTL, webTarget, "192.0.2.80")...),
		}},
		question{name: gone, qtype: "A", want: want{status: "NXDOMAIN", answer: []string{cname(gone, missing)}, authority: soa}},
		question{name: gone, qtype: "MX", want: want{status: "NXDOMAIN", answer: []string{cname(gone, missing)}, authority: soa}},
		question{name: gone, qtype: "CNAME", want: found(cname(gone, missing))},
	)
}

func TestAnExternalNameThatCannotBeResolved(t *testing.T) {
	s, p := sharedServer(t), newPlace(t)
	fails := p.external(t, "fails", "fails.example.org")
	closed := p.external(t, "closed", "web.closed.test")
	refused := p.external(t, "refused", "refuses.example.org")
	nowhere := p.external(t, "nowhere", "nobody.serves.this.test")
	wantSoon(t, s,
		question{name: fails, qtype: "A", want: failed("SERVFAIL for the external name fails.example.org.")},
		question{name: closed, qtype: "A", want: failed("SERVFAIL for the external name web.closed.test.")},
		question{name: closed, qtype: "CNAME", want: found(cname(closed, "web.closed.test."))},
		question{name: refused, qtype: "A", want: failed("the look-up of the external name refuses.example.org. is refused")},
		question{name: refused, qtype: "A", args: []string{"+norecurse"}, want: want{flags: "qr aa", answer: []string{cname(refused, "refuses.example.org.")}}},
		question{name: nowhere, qtype: "A", want: failed("the look-up of the external name nobody.serves.this.test. is refused")},
		question{name: fails, qtype: "A", args: []string{"+noedns"}, want: want{status: "SERVFAIL", flags: notOwned}},
	)
}

func TestAnExternalNameInTheZone(t *testing.T) {
	s, p, ctx := sharedServer(t), newPlace(t), within(t)
	p.runDB(t)
	must(t, p.CreateService(ctx, cluster.ClusterIPService(p.namespace, "web", app, cluster.Port("http", corev1.ProtocolTCP, 80))))
	address := p.clusterIP(t, "web")
	headless, clusterIP := p.external(t, "headless", p.name("db")), p.external(t, "clusterip", p.name("web"))
	pod, missing := p.external(t, "pod", p.name("db-0.db")), p.external(t, "missing", p.name("nowhere"))
	unready := p.external(t, "unready", p.name("db-7.db"))
	wantSoon(t, s,
		question{name: headless, qtype: "A", want: found(cname(headless, p.name("db")), at(p.name("db"), p.v4(1))[0])},
		question{name: headless, qtype: "SRV", want: want{
			answer:     []string{cname(headless, p.name("db")), srv(p.name("db"), 5432, p.name("db-0.db"))},
			additional: at(p.name("db-0.db"), p.v4(1)),
		}},
		question{name: headless, qtype: "AAAA", want: p.noFamily("db").behind(headless, p.name("db"))},
		question{name: pod, qtype: "A", want: found(cname(pod, p.name("db-0.db")), at(p.name("db-0.db"), p.v4(1))[0])},
		question{name: unready, qtype: "A", want: p.noEndpoint("db").behind(unready, p.name("db-7.db"))},
		question{name: clusterIP, qtype: "A", want: found(cname(clusterIP, p.name("web")), atFor(kubernetesTTL, p.name("web"), address)[0])},
		question{name: missing, qtype: "A", want: want{
			status: "NXDOMAIN", answer: []string{cname(missing, p.name("nowhere"))}, authority: fromKubernetes("").authority,
		}},
	)

	// The target is looked up anew each time.
	must(t, p.PodUnready(ctx, p.namespace, "db-0"))
	wantSoon(t, s, question{name: headless, qtype: "A", want: p.noneReady("1 sick").behind(headless, p.name("db"))})
}

func TestAnExternalNameThatIsAnAddress(t *testing.T) {
	s, p := sharedServer(t), newPlace(t)
	sql := cluster.Port("sql", corev1.ProtocolTCP, 5432)
	four := p.external(t, "four", p.v4(1), sql)
	port := p.name("_sql._tcp.four")
	wantSoon(t, s,
		question{name: four, qtype: "A", want: found(at(four, p.v4(1))...)},
		question{name: four, qtype: "AAAA", want: p.noType("four")},
		question{name: four, qtype: "CNAME", want: p.noType("four")},
		question{name: four, qtype: "MX", want: p.noType("four")},
		question{name: port, qtype: "SRV", want: want{answer: []string{srv(port, 5432, four)}, additional: at(four, p.v4(1))}},
		// The address is not an endpoint's.
		question{name: reverse(p.v4(1)), qtype: "PTR", want: unpublished(p.v4(1))},
	)
}

func TestThePortsOfAnExternalName(t *testing.T) {
	s, p := sharedServer(t), newPlace(t)
	web := p.external(t, "web", "web.example.org", cluster.Port("http", corev1.ProtocolTCP, 80), cluster.Port("dns", corev1.ProtocolUDP, 53))
	http, dns := p.name("_http._tcp.web"), p.name("_dns._udp.web")
	wantSoon(t, s, outside(web))
	wantNow(t, s,
		question{name: http, qtype: "SRV", want: found(srv(http, 80, "web.example.org."))},
		question{name: dns, qtype: "SRV", want: found(srv(dns, 53, "web.example.org."))},
		question{name: http, qtype: "A", want: p.noType("web")},
		question{name: p.name("_tcp.web"), qtype: "SRV", want: p.noType("web")},
		question{name: p.name("_sctp.web"), qtype: "SRV", want: p.noSuchBelow("port", "web")},
		question{name: p.name("_http._udp.web"), qtype: "SRV", want: p.noSuchBelow("port", "web")},
	)
}

func TestChainsAndLoopsOfExternalNames(t *testing.T) {
	s, p := sharedServer(t), newPlace(t)
	const longest = 8
	// chain-9 leads over all others to the end of chain-1.
	chain := []string{"web.example.org."}
	for i := 1; i <= longest+1; i++ {
		chain = append(chain, p.external(t, fmt.Sprintf("chain-%d", i), chain[i-1]))
	}
	whole := outside(chain[1])
	whole.name = chain[longest]
	whole.want.answer = nil
	for i := longest; i > 0; i-- {
		whole.want.answer = append(whole.want.answer, cname(chain[i], chain[i-1]))
	}
	whole.want.answer = append(whole.want.answer, atFor(outsideTTL, chain[0], "192.0.2.80")...)
	self := p.external(t, "self", p.name("self"))
	there := p.external(t, "there", p.name("back"))
	p.external(t, "back", there)
	looped := failed("ExternalName Services lead to each other in a loop or too long a chain")
	wantSoon(t, s,
		whole,
		question{name: chain[longest+1], qtype: "A", want: looped},
		question{name: self, qtype: "A", want: looped},
		question{name: there, qtype: "A", want: looped},
		question{name: self, qtype: "CNAME", want: found(cname(self, self))},
	)
}
