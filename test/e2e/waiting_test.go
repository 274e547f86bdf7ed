package e2e

import (
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	corev1 "k8s.io/api/core/v1"
)

// A name that waits for three endpoints has none until they are there, and then all at
// once. A snapshot keeps both.
func TestANameThatWaits(t *testing.T) {
	m, ctx := newMemory(t), within(t)
	service := cluster.HeadlessService(m.namespace, "etcd", app, cluster.Port("peer", corev1.ProtocolTCP, 2380))
	service.Annotations = map[string]string{"k8s-endpoints.coredns.io/min-endpoints": "3"}
	service.Spec.PublishNotReadyAddresses = true
	must(t, m.CreateService(ctx, service))
	start := func(pod string, host int) {
		t.Helper()
		of := m.dbPod(pod)
		of.Subdomain = "etcd"
		must(t, m.CreatePod(ctx, of), m.PodReady(ctx, m.namespace, pod, m.v4(host)))
	}
	start("etcd-0", 1)
	start("etcd-1", 2)
	etcd, port, first := m.name("etcd"), m.name("_peer._tcp.etcd"), m.name("etcd-0.etcd")
	waits := func(status string) want { return denied(status, "the name waits: 2 of 3 endpoints have an address") }
	before := []question{
		{name: etcd, qtype: "A", want: waits("NOERROR")},
		{name: etcd, qtype: "SRV", want: waits("NOERROR")},
		{name: port, qtype: "SRV", want: waits("NXDOMAIN")},
		{name: first, qtype: "A", want: found(at(first, m.v4(1))...)},
		{name: reverse(m.v4(1)), qtype: "PTR", want: found(record(reverse(m.v4(1)), ttl, "PTR", first))},
	}
	s := server.New(t, m.corefile)
	wantSoon(t, s, before...)
	must(t, s.Stop())
	m.gate.Close()
	s = server.New(t, m.corefile)
	wantNow(t, s, stale(before...)...)
	must(t, m.gate.Open())

	start("etcd-2", 3)
	all := question{name: etcd, qtype: "A", want: found(at(etcd, m.v4(1), m.v4(2), m.v4(3))...)}
	wantSoon(t, s, all)
	must(t, m.DeletePod(ctx, m.namespace, "etcd-1"))
	left := question{name: etcd, qtype: "A", want: found(at(etcd, m.v4(1), m.v4(3))...)}
	wantSoon(t, s, left)
	must(t, s.Stop())
	m.gate.Close()
	wantNow(t, server.New(t, m.corefile), stale(left)...)
}
