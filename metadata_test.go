package endpoints

import (
	"context"
	"testing"

	"github.com/coredns/coredns/plugin/metadata"
	"github.com/coredns/coredns/plugin/test"
	"github.com/coredns/coredns/request"

	"github.com/miekg/dns"
)

func TestMetadata(t *testing.T) {
	h := testHandler(testStanza(), testChanges())
	for question, want := range map[string]map[string]string{
		"_sql._tcp.DB.default.svc.cluster.local.": {"service": "db", "namespace": "default", "endpoint": "", "port-name": "sql", "protocol": "tcp", "kind": "svc"},
		"db-0.db.default.svc.cluster.local.":      {"service": "db", "namespace": "default", "endpoint": "db-0", "port-name": "", "protocol": "", "kind": "svc"},
		"cluster.local.":                          {"service": "", "namespace": "", "endpoint": "", "port-name": "", "protocol": "", "kind": ""},
	} {
		r := new(dns.Msg).SetQuestion(question, dns.TypeA)
		ctx := h.Metadata(metadata.ContextWithMetadata(context.Background()), request.Request{W: &test.ResponseWriter{}, Req: r})
		for label, value := range want {
			if f := metadata.ValueFunc(ctx, "k8s_endpoints/"+label); f == nil || f() != value {
				t.Errorf("%s: the label %s is not %q", question, label, value)
			}
		}
	}
	ctx := metadata.ContextWithMetadata(context.Background())
	h.zonal = true
	h.Metadata(ctx, request.Request{W: &test.ResponseWriter{}, Req: new(dns.Msg).SetQuestion("EU.1.pin._zone.db.default.svc.cluster.local.", dns.TypeA)})
	if f := metadata.ValueFunc(ctx, "k8s_endpoints/zone"); f == nil || f() != "eu.1" {
		t.Error("the zone of a name of a zone is missing")
	}
	ctx = metadata.ContextWithMetadata(context.Background())
	h.Metadata(ctx, request.Request{W: &test.ResponseWriter{}, Req: new(dns.Msg).SetQuestion("example.org.", dns.TypeA)})
	if got := metadata.Labels(ctx); len(got) > 0 {
		t.Errorf("a name outside of the zones has the labels %v", got)
	}
}
