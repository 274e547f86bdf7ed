package endpoints

import (
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"github.com/miekg/dns"
)

// declaring returns a change to a headless Service with annotations.
func declaring(name string, annotations map[string]string) model.Change {
	c := headlessService("default", name)
	c.Service.Annotations = model.NewAnnotations(annotations)
	return c
}

func TestRecordsThatAServiceDeclares(t *testing.T) {
	s := testStanza()
	s.Settings.Annotations = corefile.AllAnnotations
	long := strings.Repeat("x", 255)
	h := testHandler(s, []model.Change{
		declaring("mongo", map[string]string{"txt": "authSource=admin&replicaSet=rs0\n" + long, "ttl": "7"}),
		readySlice("default", "mongo", "mongo-1", "10.0.0.1"),
		declaring("grpc", map[string]string{"txt-grpc-config": `[{"serviceConfig":{}}]`}),
		readySlice("default", "grpc", "grpc-1", "10.0.0.2"),
		declaring("empty", map[string]string{"txt": `back\slash "quoted"`}),
		headlessService("default", "plain"), readySlice("default", "plain", "plain-1", "10.0.0.3"),
	})
	const soa = "authority: cluster.local. 1 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 0 7200 1800 86400 1"
	const zone = ".default.svc.cluster.local."
	for _, c := range []struct {
		question string
		qtype    uint16
		want     string
	}{
		{"mongo" + zone, dns.TypeTXT, lines("NOERROR aa", "mongo"+zone+` 7 IN TXT "authSource=admin&replicaSet=rs0" "`+long+`"`)},
		{"mongo" + zone, dns.TypeA, lines("NOERROR aa", "mongo"+zone+" 7 IN A 10.0.0.1")},
		{"_grpc_config.grpc" + zone, dns.TypeTXT, lines("NOERROR aa", "_grpc_config.grpc"+zone+` 5 IN TXT "grpc_config=[{\"serviceConfig\":{}}]"`)},
		{"_grpc_config.grpc" + zone, dns.TypeA, lines("NOERROR aa", soa)},
		{"_grpc_config.grpc" + zone, dns.TypeANY, lines("NOERROR aa", "_grpc_config.grpc"+zone+` 5 IN HINFO "RFC8482" ""`)},
		{"_grpc_config.mongo" + zone, dns.TypeTXT, lines("NXDOMAIN aa", soa)},
		{"x._grpc_config.grpc" + zone, dns.TypeTXT, lines("NXDOMAIN aa", soa)},
		{"grpc" + zone, dns.TypeTXT, lines("NOERROR aa", soa)},
		{"empty" + zone, dns.TypeTXT, lines("NOERROR aa", "empty"+zone+` 5 IN TXT "back\\slash \"quoted\""`)},
		{"empty" + zone, dns.TypeA, lines("NOERROR aa", soa)},
		{"empty" + zone, dns.TypeANY, lines("NOERROR aa", "empty"+zone+` 5 IN HINFO "RFC8482" ""`)},
		{"plain" + zone, dns.TypeTXT, lines("NOERROR aa", soa)},
	} {
		if got := text(serve(t, h, new(dns.Msg).SetQuestion(c.question, c.qtype))); got != c.want {
			t.Errorf("%s %d: got\n%s\nwant\n%s", c.question, c.qtype, got, c.want)
		}
	}
}

// PgBouncer looks at the SOA record behind the first dot of a host, and looks its hosts
// up again where the serial has grown.
func TestTheSerialOfAServiceGrowsIfAndOnlyIfItsAnswersChange(t *testing.T) {
	s := testStanza()
	s.Settings.Annotations = corefile.AllAnnotations
	s.Settings.Explain = true
	dated := map[string]string{"soa": "true"}
	h := testHandler(s, []model.Change{
		declaring("pg", dated), readySlice("default", "pg", "pg-1", "10.0.0.1"),
		headlessService("default", "other"), readySlice("default", "other", "other-1", "10.0.0.9"),
	})
	serial := func(name string) uint32 {
		t.Helper()
		m := serve(t, h, new(dns.Msg).SetQuestion(name, dns.TypeSOA))
		if len(m.Answer) != 1 {
			return 0
		}
		if got := m.Answer[0].Header(); got.Name != name || got.Ttl != 5 {
			t.Errorf("%s: got %v", name, m.Answer[0])
		}
		return m.Answer[0].(*dns.SOA).Serial
	}
	const service, namespace = "pg.default.svc.cluster.local.", "default.svc.cluster.local."
	notReady := readySlice("default", "pg", "pg-2", "10.0.0.2")
	notReady.Slice.Endpoints[0].Conditions = 0
	again := readySlice("default", "pg", "pg-1", "10.0.0.1")
	again.Slice.Version = 9
	selected := declaring("pg", dated)
	selected.Service.HasSelector = true
	before, beforeIn := serial(service), serial(namespace)
	if before == 0 || beforeIn != before {
		t.Fatalf("at first the serials are %d and %d", before, beforeIn)
	}
	if other := serial("other.default.svc.cluster.local."); other != 0 {
		t.Errorf("a Service that does not ask for it has the serial %d", other)
	}
	for _, c := range []struct {
		name          string
		change        model.Change
		grows, growIn bool
	}{
		{"the same slice, in another version", again, false, false},
		{"another Service", readySlice("default", "other", "other-2", "10.0.0.8"), false, false},
		{"an endpoint that has no records", notReady, false, false},
		{"what answers do not show", selected, false, false},
		{"one more address", readySlice("default", "pg", "pg-3", "10.0.0.3"), true, true},
		{"one less", readySlice("default", "pg", "pg-3", "10.0.0.3").Removal(), true, true},
		{"another TTL", declaring("pg", map[string]string{"soa": "true", "ttl": "5"}), true, true},
		{"another Service that declares one", declaring("pg2", dated), false, true},
		{"that one again", declaring("pg2", dated).Removal(), false, true},
	} {
		c2 := h.cache.Load()
		c2.Apply([]model.Change{c.change})
		c2.publish()
		after, afterIn := serial(service), serial(namespace)
		if (after > before) != c.grows || (afterIn > beforeIn) != c.growIn || after < before || afterIn < beforeIn {
			t.Errorf("%s: %d became %d, and %d in the namespace %d", c.name, before, after, beforeIn, afterIn)
		}
		before, beforeIn = after, afterIn
	}
	c := h.cache.Load()
	c.Apply([]model.Change{declaring("pg", nil)})
	c.publish()
	if got, in := serial(service), serial(namespace); got != 0 || in != 0 {
		t.Errorf("without the annotation the serials are %d and %d", got, in)
	}
}
