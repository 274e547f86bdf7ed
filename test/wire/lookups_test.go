package wire

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	"github.com/miekg/dns"
)

// lookups has a server block for each plugin that looks names up through the whole server,
// on the port of the cluster's zone.
const lookups = `file.test:{{.DNS}} {
    bind 127.0.0.1
    prometheus 127.0.0.1:{{.Metrics}}
    errors
    file ZONEFILE
}
template.test:{{.DNS}} {
    bind 127.0.0.1
    template ANY ANY {
        answer "{{ .Name }} 60 IN CNAME db.default.svc.cluster.local."
    }
}
rewrite.test:{{.DNS}} {
    bind 127.0.0.1
    rewrite cname exact elsewhere.example. db.default.svc.cluster.local.
    template ANY ANY {
        answer "{{ .Name }} 60 IN CNAME elsewhere.example."
    }
}
`

// A look-up catches the answer as a message, and hands bytes on to the client of the first
// question: that one would get them for an answer to a question that it has not asked.
func TestALookUpOfAnotherPluginGetsAMessage(t *testing.T) {
	dir := manifests(t)
	zonefile, err := filepath.Abs("testdata/file.test.zone")
	must(t, err)
	s := server.New(t, plainBlock(dir)+strings.ReplaceAll(lookups, "ZONEFILE", zonefile))
	for _, tc := range []struct{ name, asked, cname, authority string }{
		{"an ExternalName Service that leads to a headless one", "alias" + domain, "alias.default.svc.cluster.local. 5 IN CNAME db.default.svc.cluster.local.", ""},
		{"file, with an alias that leads out of its zone", "db.file.test.", "db.file.test. 60 IN CNAME db.default.svc.cluster.local.", "file.test. 60 IN NS ns.file.test."},
		{"template, which makes an alias", "db.template.test.", "db.template.test. 60 IN CNAME db.default.svc.cluster.local.", ""},
		{"rewrite of where an alias leads", "db.rewrite.test.", "db.rewrite.test. 60 IN CNAME db.default.svc.cluster.local.", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, network := range []string{"udp", "tcp"} {
				for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
					q := question{name: tc.asked, qtype: qtype, size: 1232}
					before := sentAsBytes(t, s, "dns://"+s.Address())
					got := over(network)(t, s.Address(), q.message())
					wantAsBytes(t, s, "dns://"+s.Address(), before)
					want := over(network)(t, s.Address(), question{name: "db" + domain, qtype: qtype, size: 1232}.message())
					want.Question[0].Name = tc.asked
					want.Answer = append(want.Answer, record(t, tc.cname))
					if tc.authority != "" {
						want.Ns = []dns.RR{record(t, tc.authority)}
					}
					wantSame(t, q, got, want)
				}
			}
		})
	}
}

// What looks up the very name that is asked for, for addresses of the other family, makes
// its own of them.
func TestATranslatorGetsMessages(t *testing.T) {
	dir := manifests(t)
	s := server.New(t, plainBlock(dir)+block(".:{{.Port.dns64}}", "dns64 {\n    allow_ipv4\n}", dir)+block(".:{{.Port.siit}}", "siit", dir))
	for _, tc := range []struct {
		plugin, name  string
		qtype         uint16
		authoritative bool
		addresses     [2]string
	}{
		{"dns64", "four" + domain, dns.TypeAAAA, false, [2]string{"64:ff9b::c000:201", "64:ff9b::c000:202"}},
		{"siit", "six" + domain, dns.TypeA, true, [2]string{"192.0.2.1", "192.0.2.2"}},
	} {
		t.Run(tc.plugin, func(t *testing.T) {
			q := question{name: tc.name, qtype: tc.qtype, size: 1232}
			got := over("udp")(t, s.AddressOf(tc.plugin), q.message())
			want := new(dns.Msg).SetReply(q.message())
			want.SetEdns0(1232, true)
			want.Authoritative = tc.authoritative
			for _, address := range tc.addresses {
				want.Answer = append(want.Answer, record(t, fmt.Sprintf("%s 1 IN %s %s", tc.name, dns.TypeToString[tc.qtype], address)))
			}
			wantSame(t, q, got, want)
			wantAsBytes(t, s, "dns://"+s.AddressOf(tc.plugin), 0)
		})
	}
}

func record(t *testing.T, text string) dns.RR {
	t.Helper()
	rr, err := dns.NewRR(text)
	must(t, err)
	return rr
}
