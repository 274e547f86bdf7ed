package e2e

import (
	"fmt"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/loopback"
	"github.com/k8s-endpoints/k8s_endpoints/test/documents"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"
)

// output runs the program of the shared server with one flag.
func output(t *testing.T, flag string) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells which program a process runs")
	}
	program := fmt.Sprintf("/proc/%d/exe", sharedServer(t).PID())
	out, err := exec.CommandContext(within(t), program, flag).CombinedOutput()
	if err != nil {
		t.Fatalf("coredns %s: %v\n%s", flag, err, out)
	}
	return string(out)
}

func TestTheBinaryListsThePlugins(t *testing.T) {
	listed := strings.Fields(output(t, "-plugins"))
	for _, plugin := range []string{"k8s_endpoints", "kubernetes", "cache", "forward", "reload", "hosts", "prometheus"} {
		if !slices.Contains(listed, plugin) {
			t.Errorf("%s is not among the plugins %v", plugin, listed)
		}
	}
}

func TestTheBinaryNamesBothVersions(t *testing.T) {
	out := output(t, "-version")
	if !regexp.MustCompile(`(?m)^CoreDNS-1\.15\.0 k8s_endpoints-\d+\.\d+\.\d+\S*$`).MatchString(out) {
		t.Errorf("got %s", out)
	}
}

// readmesCorefile returns the Corefile for a cluster of README.md, with the
// ports, addresses and kubeconfig files of a test.
func readmesCorefile(t *testing.T, c *cluster.Cluster) string {
	t.Helper()
	corefile, err := documents.Fenced(t.Context(), documents.Readme, "In a cluster, in front of *kubernetes*:\n", "txt")
	must(t, err)
	admin, err := c.Kubeconfig(cluster.AdminUser)
	must(t, err)
	coredns, err := c.Kubeconfig(cluster.CoreDNSUser)
	must(t, err)
	ports, err := loopback.Ports(2)
	must(t, err)
	for _, change := range []struct{ old, new string }{
		{".:53 {\n", ".:{{.DNS}} {\n    bind 127.0.0.1\n    acl {\n        block type NULL\n    }\n"},
		{"    health {\n", "    health 127.0.0.1:" + strconv.Itoa(ports[0]) + " {\n"},
		{"    ready\n", "    ready 127.0.0.1:{{.Ready}}\n"},
		{"    k8s_endpoints cluster.local in-addr.arpa ip6.arpa {\n", "    k8s_endpoints cluster.local in-addr.arpa ip6.arpa {\n        kubeconfig " + coredns + "\n"},
		{"    kubernetes cluster.local in-addr.arpa ip6.arpa {\n", "    kubernetes cluster.local in-addr.arpa ip6.arpa {\n        kubeconfig " + admin + "\n"},
		{"    prometheus :9153\n", "    prometheus 127.0.0.1:{{.Metrics}}\n"},
		{"    forward . /etc/resolv.conf\n", "    forward . 127.0.0.1:" + strconv.Itoa(ports[1]) + "\n"},
		{"        lameduck 5s\n", "        lameduck 0s\n"},
		// Its own questions would be counted below.
		{"    loop\n", ""},
	} {
		if strings.Count(corefile, change.old) != 1 {
			t.Fatalf("the Corefile of README.md has not %q once:\n%s", change.old, corefile)
		}
		corefile = strings.Replace(corefile, change.old, change.new, 1)
	}
	return corefile
}

// TestTheReadmesCorefileServesACluster also shows where the plugin stands:
// behind acl and in front of cache, its neighbours.
func TestTheReadmesCorefileServesACluster(t *testing.T) {
	p := newPlace(t)
	s := server.New(t, readmesCorefile(t, p.Cluster))
	db := p.name("db")
	must(t, p.CreateService(within(t), cluster.HeadlessService(p.namespace, "db", app)))
	wantSoon(t, s, question{name: db, qtype: "A", want: p.noEndpoints("db")})
	must(t,
		p.CreatePod(within(t), p.dbPod("db-0")),
		p.PodReady(within(t), p.namespace, "db-0", p.v4(1)),
	)
	before := throughCache(t, s)
	answered := question{name: db, qtype: "A", want: found(at(db, p.v4(1))...)}
	wantSoon(t, s, answered)
	wantNow(t, s, answered,
		question{name: db, qtype: "AAAA", want: p.noFamily("db")},
		question{name: db, qtype: "NULL", want: want{status: "REFUSED", flags: notOwned, ede: []string{"15 (Blocked)"}}},
	)
	if got := throughCache(t, s); got != before {
		t.Errorf("%v questions for an owned name came to the cache", got-before)
	}
	kubernetes := "kubernetes.default.svc.cluster.local."
	wantNow(t, s, question{name: kubernetes, qtype: "A", want: found(at(kubernetes, "10.96.0.1")...)})
	if got := throughCache(t, s); got != before+1 {
		t.Errorf("%v questions for a name of kubernetes came to the cache, want 1", got-before)
	}
}

// throughCache returns how many questions have come to the plugin cache.
func throughCache(t *testing.T, s *server.Server) float64 {
	t.Helper()
	text, err := s.Metrics(t.Context())
	must(t, err)
	var count float64
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "coredns_cache_requests_total{") {
			value, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' '):]), 64)
			must(t, err)
			count += value
		}
	}
	return count
}
