package queries

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"
)

func TestALogReadsLinesThatComeInParts(t *testing.T) {
	var l Log
	begin := time.Now()
	for _, part := range []string{
		"[INFO] query 10.244.1.2 SRV _etcd-server._tcp.ETCD.n1.svc.cluster.local. NOERR", "OR\nCoreDNS-1.15.0\n[INFO] query 10.244",
		".1.3 A etcd-0.etcd.n1.svc.cluster.local. NXDOMAIN\n", "[ERROR] plugin/errors: 2 a. A: refused\n[INFO] query nobody A a. NOERROR\n", "[INFO] query",
	} {
		if n, err := l.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatalf("it took %d bytes of %d, %v", n, len(part), err)
		}
	}
	got := l.Since(begin)
	for i := range got {
		got[i].At = time.Time{}
	}
	want := []Query{
		{From: netip.MustParseAddr("10.244.1.2"), Type: "SRV", Name: "_etcd-server._tcp.etcd.n1.svc.cluster.local.", Rcode: "NOERROR"},
		{From: netip.MustParseAddr("10.244.1.3"), Type: "A", Name: "etcd-0.etcd.n1.svc.cluster.local.", Rcode: "NXDOMAIN"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	other := []string{"CoreDNS-1.15.0", "[ERROR] plugin/errors: 2 a. A: refused", "[INFO] query nobody A a. NOERROR"}
	if got := l.Other(); !slices.Equal(got, other) {
		t.Errorf("the other lines are %q, want %q", got, other)
	}
	if got := l.Since(time.Now()); len(got) > 0 {
		t.Errorf("after the last there are %v", got)
	}
}

func TestAShapeHasNothingOfOnePodOrPlace(t *testing.T) {
	tests := []struct{ name, query, want string }{
		{"a Service", "etcd.n1.svc.cluster.local.", "A etcd.N.svc.Z"},
		{"a Pod of a StatefulSet", "etcd-12.etcd.n1.svc.cluster.local.", "A etcd-#.etcd.N.svc.Z"},
		{"a Pod of a Deployment", "web-7d9c5b4f6-x2k4q.web.n1.svc.cluster.local.", "A web-#.web.N.svc.Z"},
		{"a name that went through a search path", "etcd.n1.svc.cluster.local.n1.svc.cluster.local.", "A etcd.N.svc.Z.N.svc.Z"},
		{"a short name", "etcd.svc.cluster.local.", "A etcd.svc.Z"},
		{"a name for an address", "3.1.244.10.in-addr.arpa.", "A A.in-addr.arpa"},
		{"a Pod without a hostname", "10-244-1-3.zk.n1.svc.cluster.local.", "A A.zk.N.svc.Z"},
		{"a namespace that is a part of a label", "n1-x.n1.svc.cluster.local.", "A n1-x.N.svc.Z"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if got := ShapeOf(Query{Type: "A", Name: tc.query}, "n1").String(); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestCountsAreByShapeAndTheMostFrequentFirst(t *testing.T) {
	query := func(name, rcode string) Query {
		return Query{Type: "A", Name: name + ".db.n1.svc.cluster.local.", Rcode: rcode}
	}
	var got []string
	for _, each := range Counts([]Query{query("a", "NOERROR"), query("db-1", "NXDOMAIN"), query("db-0", "NOERROR"), query("db-2", "NOERROR")}, "n1") {
		got = append(got, each.String())
	}
	want := []string{"A db-#.db.N.svc.Z: 1 NXDOMAIN, 2 NOERROR", "A a.db.N.svc.Z: 1 NOERROR"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
