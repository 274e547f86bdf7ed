package endpoints

import (
	"context"
	"testing"
	"unique"

	"github.com/coredns/coredns/plugin/metadata"
	"github.com/coredns/coredns/plugin/test"
	"github.com/coredns/coredns/request"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/place"

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

// Where a client is, the log can say: by its address, or by the network that a resolver asks
// for.
func TestMetadataOfClients(t *testing.T) {
	h := forResolvers(t, "10.240.0.0/16")
	for zone, asked := range map[string]*dns.EDNS0_SUBNET{
		"a": option(1, 24, "10.1.7.0"), "b": option(2, 48, "fd00:2:3::"), "": nil,
	} {
		r := new(dns.Msg).SetQuestion("x.default.svc.cluster.local.", dns.TypeA).SetEdns0(1232, false)
		if asked != nil {
			r.IsEdns0().Option = append(r.IsEdns0().Option, asked)
		}
		ctx := h.Metadata(metadata.ContextWithMetadata(context.Background()), request.Request{W: &test.ResponseWriter{}, Req: r})
		for label, want := range map[string]string{"client-zone": zone, "client-node": ""} {
			if f := metadata.ValueFunc(ctx, "k8s_endpoints/"+label); f == nil || f() != want {
				t.Errorf("a client in zone %q: the label %s is not %q", zone, label, want)
			}
		}
	}
	h.clients.Store(place.NewTable(&place.Lines{Server: place.Server{Zone: unique.Make("a"), Node: unique.Make("n1")}}, nil))
	ctx := h.Metadata(metadata.ContextWithMetadata(context.Background()), request.Request{W: &test.ResponseWriter{}, Req: new(dns.Msg).SetQuestion("x.default.svc.cluster.local.", dns.TypeA)})
	if f := metadata.ValueFunc(ctx, "k8s_endpoints/client-node"); f == nil || f() != "n1" {
		t.Error("the node of a client is missing")
	}
}
