package main

import (
	"bytes"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/cause"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/facts"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/report"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

func TestConnectionsAreTriedToThosePortsThatAreAskedFor(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { must(t, listener.Close()) })
	_, text, err := net.SplitHostPort(listener.Addr().String())
	must(t, err)
	number, err := strconv.Atoi(text)
	must(t, err)
	port := func(name string, protocol corev1.Protocol, number int32) discoveryv1.EndpointPort {
		return discoveryv1.EndpointPort{Name: &name, Protocol: &protocol, Port: &number}
	}
	f := new(facts.Facts)
	f.Cluster.Slices = []discoveryv1.EndpointSlice{{
		Ports:     []discoveryv1.EndpointPort{port("dns", corev1.ProtocolUDP, 53), port("http", corev1.ProtocolTCP, int32(number)), port("other", corev1.ProtocolTCP, 1)},
		Endpoints: []discoveryv1.Endpoint{endpoint("web-0", "127.0.0.1", true), endpoint("web-1", "127.0.0.2", false)},
	}}
	all := paths(t.Context(), f)
	if len(all) != 1 || all[0].Address != listener.Addr().String() || all[0].Err != "" || all[0].Node != "n1" {
		t.Errorf("got %+v", all)
	}
	f.Question.Port = "other"
	if all := paths(t.Context(), f); len(all) != 1 || all[0].Address != "127.0.0.1:1" || all[0].Err != "connection refused" {
		t.Errorf("got %+v", all)
	}
	f.Question.Port = "dns"
	if all := paths(t.Context(), f); len(all) > 0 {
		t.Errorf("got %+v", all)
	}
}

func TestFormsForPeopleInAHurryAndForPrograms(t *testing.T) {
	selector, fine := samples[0].make(), well("web")
	verdicts := []*cause.Verdict{cause.Judge(&selector.Facts), cause.Judge(&fine.Facts)}
	for _, row := range []struct {
		form  string
		paint report.Paint
		all   []*cause.Verdict
		want  string
	}{
		{"short", false, verdicts, "✗ web.shop.svc.cluster.local  selector app=web,tier=front matches none of 14 Pods [selector]\n✓ web.shop.svc.cluster.local\n"},
		{"short", true, verdicts[1:], "\x1b[32m✓\x1b[0m web.shop.svc.cluster.local\n"},
		{"json", false, []*cause.Verdict{{Name: "a.", Level: "ok"}}, "{\n  \"name\": \"a.\",\n  \"verdict\": \"ok\",\n  \"findings\": []\n}\n"},
		{"json", true, []*cause.Verdict{{Name: "a.", Level: "skipped", Findings: []cause.Finding{{Level: "skipped", Text: "Pods <no right>"}}}},
			"{\n  \"name\": \"a.\",\n  \"verdict\": \"skipped\",\n  \"findings\": [\n    {\n      \"id\": \"\",\n      \"level\": \"skipped\",\n      \"text\": \"Pods <no right>\",\n      \"details\": [],\n      \"do\": \"\"\n    }\n  ]\n}\n"},
	} {
		var out bytes.Buffer
		must(t, report.Forms[row.form](&out, row.all, row.paint))
		if out.String() != row.want {
			t.Errorf("%s: got\n%q\nwant\n%q", row.form, out.String(), row.want)
		}
	}
	var out bytes.Buffer
	must(t, report.Forms["text"](&out, verdicts, false))
	if lines := strings.Split(out.String(), "\n"); lines[0] != "web.shop.svc.cluster.local." || !slices.Contains(lines, "") {
		t.Errorf("several names stand without their titles:\n%s", out.String())
	}
}
