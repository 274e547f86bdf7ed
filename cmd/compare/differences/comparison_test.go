package differences

import (
	"testing"

	"github.com/miekg/dns"
)

// answerTo is a message of the stock plugin, without EDNS.
func answerTo(q Question, records ...string) *dns.Msg {
	m := new(dns.Msg).SetQuestion(q.Name, q.Type)
	m.Response, m.Authoritative = true, true
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			panic(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	if len(records) == 0 {
		m.Ns = []dns.RR{&dns.SOA{
			Hdr: header("cluster.local.", dns.TypeSOA, negativeTTL), Ns: "ns.dns.cluster.local.", Mbox: "hostmaster.cluster.local.",
			Refresh: 7200, Retry: 1800, Expire: 86400, Minttl: negativeTTL,
		}}
	}
	return m
}

func denial(q Question, rcode int) *dns.Msg {
	m := answerTo(q)
	m.Rcode = rcode
	return m
}

func TestAnOutdatedEndpointIsExpectedInNeitherFamily(t *testing.T) {
	const name = "db.default.svc.cluster.local."
	one := Endpoint{Address: "10.0.0.1", Hostname: "db-0"}
	old := Endpoint{Address: "10.0.0.2", Hostname: "db-1", Standing: Outdated}
	one6 := Endpoint{Address: "fd00::1", Hostname: "db-0"}
	old6 := Endpoint{Address: "fd00::2", Hostname: "db-1", Standing: Outdated}
	const a1, a2 = name + " 5 IN A 10.0.0.1", name + " 5 IN A 10.0.0.2"
	const b1, b2 = name + " 5 IN AAAA fd00::1", name + " 5 IN AAAA fd00::2"
	askA, askAAAA := Question{name, dns.TypeA, OverUDP}, Question{name, dns.TypeAAAA, OverUDP}
	for _, c := range []struct {
		name      string
		endpoints []Endpoint
		question  Question
		stock     *dns.Msg
		want      *dns.Msg
	}{
		{"an IPv4 address", []Endpoint{one, old}, askA, answerTo(askA, a1, a2), answerTo(askA, a1)},
		{"an IPv6 address", []Endpoint{one6, old6}, askAAAA, answerTo(askAAAA, b1, b2), answerTo(askAAAA, b1)},
		{"all of one family", []Endpoint{one, old6}, askAAAA, answerTo(askAAAA, b2), denial(askAAAA, dns.RcodeSuccess)},
		{"all", []Endpoint{old}, askA, answerTo(askA, a2), denial(askA, dns.RcodeNameError)},
		{"all, asked for the other family", []Endpoint{old}, askAAAA, denial(askAAAA, dns.RcodeSuccess), denial(askAAAA, dns.RcodeNameError)},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := &Service{Namespace: "default", Name: "db", Kind: Headless, Endpoints: c.endpoints}
			x := Comparison{
				Question: c.question, Setup: InFront, Cluster: NewCluster("cluster.local.", []*Service{db}),
				Stock: c.stock, Ours: c.want,
			}
			got, _ := x.Expect()
			if Show(got) != Show(c.want) {
				t.Errorf("got\n%s\nwant\n%s", Show(got), Show(c.want))
			}
		})
	}
}
