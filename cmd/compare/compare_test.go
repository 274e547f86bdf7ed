package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/report"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kube"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

var must = polltest.Must

// world has the control plane that the tests share.
var world struct {
	cluster    *cluster.Cluster
	kubeconfig string
}

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	ctx := context.Background()
	c, err := cluster.Start(ctx)
	if err == nil {
		world.cluster = c
		world.kubeconfig, err = prepare(ctx, c)
	}
	code := 1
	if err == nil {
		code = m.Run()
	}
	if c != nil {
		if stopped := c.Stop(); err == nil {
			err = stopped
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// prepare makes objects, and gives the user who compares the rights that
// docs/migration.md names.
func prepare(ctx context.Context, c *cluster.Cluster) (kubeconfig string, err error) {
	err = c.Grant(ctx, cluster.CoreDNSUser,
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"services"}, Verbs: []string{"list", "watch"}},
		rbacv1.PolicyRule{APIGroups: []string{"discovery.k8s.io"}, Resources: []string{"endpointslices"}, Verbs: []string{"list", "watch"}},
	)
	if err != nil {
		return "", err
	}
	// The command asks for this Service first.
	known := func(ctx context.Context) error {
		_, err := c.Clients().CoreV1().Services("default").Get(ctx, "kubernetes", metav1.GetOptions{})
		return err
	}
	if err := poll.Until(ctx, known); err != nil {
		return "", err
	}
	return c.Kubeconfig(cluster.CoreDNSUser)
}

// kubeDNS is CoreDNS as kubeadm sets it up, but for the upstream servers.
const kubeDNS = `.:{{.DNS}} {
    bind 127.0.0.1
    errors
    ready 127.0.0.1:{{.Ready}}
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig %s
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    hosts {
        192.0.2.80 www.example.org
        192.0.2.81 www.example.org
        fallthrough
    }
    template ANY ANY example.org {
        rcode NXDOMAIN
        authority "example.org. 60 IN SOA ns.example.org. hostmaster.example.org. 1 7200 1800 86400 30"
    }
    cache 30
    loadbalance
}
`

// startKubeDNS starts one that knows the cluster as it is now.
func startKubeDNS(t *testing.T) string {
	t.Helper()
	admin, err := world.cluster.Kubeconfig(cluster.AdminUser)
	must(t, err)
	return server.New(t, fmt.Sprintf(kubeDNS, admin)).Address()
}

// A space has the Services of one test, which are gone after it.
type space struct {
	t    *testing.T
	name string
}

func newSpace(t *testing.T) space { return space{t, world.cluster.Namespace(t)} }

func (s space) full(service string) string { return service + "." + s.name + ".svc.cluster.local." }

// headless makes a Service with a slice of its own.
func (s space) headless(name string, port corev1.ServicePort, addresses ...string) {
	s.t.Helper()
	ctx := s.t.Context()
	service := cluster.HeadlessService(s.name, name, nil, port)
	must(s.t, world.cluster.CreateService(ctx, service))
	for i := 0; i*1000 < len(addresses); i++ {
		part := addresses[i*1000 : min(len(addresses), (i+1)*1000)]
		slice := cluster.HandmadeSlice(s.name, fmt.Sprintf("%s-%d", name, i), name, nil, part...)
		slice.Ports = append(slice.Ports, cluster.SlicePort(port.Name, port.Protocol, port.Port))
		must(s.t, world.cluster.CreateSlice(ctx, slice))
	}
	s.t.Cleanup(func() { must(s.t, world.cluster.DeleteService(context.Background(), s.name, name)) })
}

// shared makes a Service of two Pods on the network of one node.
func (s space) shared(name, address string) {
	s.t.Helper()
	ctx := s.t.Context()
	must(s.t, world.cluster.CreateService(ctx, cluster.HeadlessService(s.name, name, nil, sql)))
	slice := cluster.HandmadeSlice(s.name, name, name, nil, address, address)
	slice.Ports = append(slice.Ports, cluster.SlicePort(sql.Name, sql.Protocol, sql.Port))
	for i, hostname := range []string{"one", "two"} {
		slice.Endpoints[i].Hostname = &hostname
	}
	must(s.t, world.cluster.CreateSlice(ctx, slice))
	s.t.Cleanup(func() { must(s.t, world.cluster.DeleteService(context.Background(), s.name, name)) })
}

func (s space) external(name, target string) {
	s.t.Helper()
	must(s.t, world.cluster.CreateService(s.t.Context(), cluster.ExternalNameService(s.name, name, target)))
	s.t.Cleanup(func() { must(s.t, world.cluster.DeleteService(context.Background(), s.name, name)) })
}

var sql = cluster.Port("sql", corev1.ProtocolTCP, 5432)

// behindClusterIP makes a Service with a cluster IP, as a StatefulSet may name it: its one Pod has a hostname there.
func (s space) behindClusterIP(name, hostname, address string) {
	s.t.Helper()
	ctx := s.t.Context()
	must(s.t, world.cluster.CreateService(ctx, cluster.ClusterIPService(s.name, name, nil, sql)))
	slice := cluster.HandmadeSlice(s.name, name, name, nil, address, "10.9.0.1")
	slice.Ports = append(slice.Ports, cluster.SlicePort(sql.Name, sql.Protocol, sql.Port))
	slice.Endpoints[0].Hostname = &hostname
	must(s.t, world.cluster.CreateSlice(ctx, slice))
	s.t.Cleanup(func() { must(s.t, world.cluster.DeleteService(context.Background(), s.name, name)) })
}

// An outcome is a run of the command.
type outcome struct {
	status int
	// said is its output beside the report.
	said string
	report.JSON
}

// ask runs the command with the flags that all tests need.
func ask(t *testing.T, kubeDNS string, args ...string) outcome {
	t.Helper()
	args = append([]string{
		"-kubeconfig", world.kubeconfig, "-kube-dns", kubeDNS, "-settle", "0", "-rate", "10000", "-timeout", "20s", "-o", "json",
	}, args...)
	var out, said bytes.Buffer
	got := outcome{status: run(t.Context(), args, &out, &said)}
	got.said = said.String()
	if out.Len() > 0 {
		must(t, json.Unmarshal(out.Bytes(), &got.JSON))
	}
	if t.Failed() {
		t.Log(out.String(), got.said)
	}
	return got
}

func (o outcome) want(t *testing.T, status int) {
	t.Helper()
	if o.status != status || o.Questions > 0 && o.Status != status {
		t.Fatalf("got the status %d, want %d: %+v", o.status, status, o)
	}
}

// shows fails the test where a difference is not in the report, for a question.
func (o outcome) shows(t *testing.T, difference, question string, decide bool) {
	t.Helper()
	for _, d := range o.Differences {
		if !strings.Contains(d.Difference, difference) || d.Decide != decide {
			continue
		}
		for _, q := range d.Questions {
			if q == question {
				return
			}
		}
	}
	t.Errorf("the report has no difference %q (decide %t) for %q: %+v", difference, decide, question, o.Differences)
}

func TestOrdinaryServicesAreSafe(t *testing.T) {
	s := newSpace(t)
	s.headless("db", sql, "10.1.0.1", "10.1.0.2", "10.1.0.3")
	s.headless("empty", sql)
	s.external("www", "www.example.org")
	s.external("missing", "missing.example.org")
	s.external("inside", strings.TrimSuffix(s.full("db"), "."))
	got := ask(t, startKubeDNS(t))
	got.want(t, report.Safe)
	if got.Headless != 2 || got.External != 3 || got.Alike == 0 {
		t.Errorf("got %d headless and %d ExternalName Services, %d questions answered alike; want 2, 3, and some", got.Headless, got.External, got.Alike)
	}
	got.shows(t, "Each SRV record has the weight 100", "SRV "+s.full("db"), false)
	got.shows(t, "whose target does not exist answers NXDOMAIN", "A "+s.full("missing"), false)
}

func TestRecordsThatGoAwayNeedADecisionAndThenNone(t *testing.T) {
	s := newSpace(t)
	s.shared("shared", "10.1.1.1")
	address := startKubeDNS(t)
	got := ask(t, address)
	got.want(t, report.Decide)
	got.shows(t, "An address that two Pods claim", "A two."+s.full("shared"), true)
	if len(got.Unexplained) > 0 || got.Undecided == 0 {
		t.Errorf("got %d answers to decide on and %v without a reason, want some and none", got.Undecided, got.Unexplained)
	}
	got = ask(t, address, "-accept", "An address that two Pods claim")
	got.want(t, report.Safe)
	got.shows(t, "An address that two Pods claim", "A two."+s.full("shared"), false)
}

// ourSwitch is the Corefile after the switch, in one of the two ways.
const ourSwitch = `.:{{.DNS}} {
    bind 127.0.0.1
    ready 127.0.0.1:{{.Ready}}
    k8s_endpoints cluster.local in-addr.arpa ip6.arpa {
        kubeconfig %[1]s
        fallthrough
    }
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig %[1]s
        %[2]s
    }
}
`

func TestNamesOfPodsBehindAClusterIPNeedADecision(t *testing.T) {
	s := newSpace(t)
	s.behindClusterIP("web", "web-0", "10.1.8.1")
	kubeDNS := startKubeDNS(t)
	admin, err := world.cluster.Kubeconfig(cluster.AdminUser)
	must(t, err)
	without := server.New(t, fmt.Sprintf(ourSwitch, admin, "noendpoints")).Address()
	kept := server.New(t, fmt.Sprintf(ourSwitch, admin, "ttl 5")).Address()
	const lost = "Only endpoints of headless Services have PTR records, and endpoint names."
	for _, tc := range []struct {
		name   string
		args   []string
		status int
	}{
		{"before the switch they are foreseen to go", nil, report.Decide},
		{"but not where kubernetes is to keep its endpoints", []string{"-endpoints-kept"}, report.Safe},
		{"nor where somebody has decided", []string{"-accept", lost}, report.Safe},
		{"with noendpoints they are gone", []string{"-ours", without}, report.Decide},
		{"with endpoints kept they are there", []string{"-ours", kept}, report.Safe},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := ask(t, kubeDNS, tc.args...)
			got.want(t, tc.status)
			if tc.status == report.Decide {
				got.shows(t, lost, "A web-0."+s.full("web"), true)
				got.shows(t, lost, "PTR 1.8.1.10.in-addr.arpa.", true)
			}
			if len(got.Unexplained) > 0 {
				t.Errorf("without a reason: %v", got.Unexplained)
			}
		})
	}
}

func TestUsersOfZonalNeedADecision(t *testing.T) {
	s := newSpace(t)
	s.headless("empty", sql)
	s.headless("late", sql, "fd00:9::1")
	placed := cluster.HandmadeSlice(s.name, "placed", "late", nil, "fd00:9::2")
	placed.Endpoints[0].Zone = new("eu-1")
	must(t, world.cluster.CreateSlice(t.Context(), placed))
	admin, err := world.cluster.Kubeconfig(cluster.AdminUser)
	must(t, err)
	zonal := server.New(t, strings.Replace(fmt.Sprintf(kubeDNS, admin), "pods insecure", "zonal", 1)).Address()
	question := "AAAA no-such-zone.prefer._zone." + s.full("late")
	got := ask(t, zonal)
	got.want(t, report.Decide)
	got.shows(t, "The names of a topology zone do not exist.", question, true)
	ask(t, zonal, "-endpoints-kept").want(t, report.Safe)
	ask(t, startKubeDNS(t)).want(t, report.Safe)

	// Where both have it, the zones of endpoints are asked for.
	both := ask(t, zonal, "-zonal")
	both.want(t, report.Safe)
	if both.Questions != got.Questions+1 {
		t.Errorf("%d questions are asked with -zonal, and %d without", both.Questions, got.Questions)
	}
}

func TestTwoOptionsAreComparedOneAfterTheOther(t *testing.T) {
	if _, err := parse([]string{"-endpoint-pod-names", "-zonal"}, io.Discard); err == nil {
		t.Error("both are taken at once")
	}
}

func TestWhatNobodyCanAskForIsListed(t *testing.T) {
	kubeDNS := startKubeDNS(t)
	for _, tc := range []struct {
		name             string
		args, want, none []string
	}{
		{"with noendpoints", nil, []string{"`ignore empty_service`", "*k8s_external* have `headless`", "`zonal`", "`multicluster`", "*hosts*"}, nil},
		{"with endpoints kept", []string{"-endpoints-kept"}, []string{"`multicluster`", "*hosts*"}, []string{"`ignore empty_service`", "*k8s_external*", "`zonal`"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var all []string
			for _, one := range ask(t, kubeDNS, tc.args...).ByHand {
				all = append(all, one.Question)
			}
			listed := strings.Join(all, "\n")
			for _, want := range tc.want {
				if !strings.Contains(listed, want) {
					t.Errorf("%s is not listed:\n%s", want, listed)
				}
			}
			for _, none := range tc.none {
				if strings.Contains(listed, none) {
					t.Errorf("%s is listed:\n%s", none, listed)
				}
			}
		})
	}
}

func TestHeadlessServicesThatAskForTopologyAreListed(t *testing.T) {
	s := newSpace(t)
	s.headless("db", sql, "10.1.2.1")
	s.headless("ring", sql, "10.1.2.2")
	must(t,
		world.cluster.PatchService(t.Context(), s.name, "db", `{"spec":{"trafficDistribution":"PreferSameZone"}}`),
		world.cluster.PatchService(t.Context(), s.name, "ring",
			`{"metadata":{"annotations":{"service.kubernetes.io/topology-mode":"Auto"}},"spec":{"publishNotReadyAddresses":true}}`),
	)
	got := ask(t, startKubeDNS(t))
	got.want(t, report.Safe)
	listed := fmt.Sprint(got.Topology)
	if want := fmt.Sprintf("[{%s/db [trafficDistribution: PreferSameZone] false} {%[1]s/ring [service.kubernetes.io/topology-mode: Auto] true}]", s.name); listed != want {
		t.Errorf("got %s, want %s", listed, want)
	}
}

func TestQuestionsOfOnesOwnAreAskedToo(t *testing.T) {
	s := newSpace(t)
	s.headless("db", sql, "10.1.2.1")
	file := filepath.Join(t.TempDir(), "questions")
	name := "sql.tcp." + s.full("db")
	must(t, os.WriteFile(file, []byte("# from the log\n\n"+name+" srv\n"), 0o600))
	got := ask(t, startKubeDNS(t), "-questions", file)
	got.want(t, report.Decide)
	got.shows(t, "need their underscores", "SRV "+name, true)
}

// Another server than this process, which has a Service that the cluster has
// not, and lacks one.
func TestADifferenceWithoutAReasonIsShownInFull(t *testing.T) {
	s := newSpace(t)
	s.headless("db", sql, "10.1.3.1")
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "db.yaml"), []byte(manifest(s.name)), 0o600))
	other := server.New(t, fmt.Sprintf(`.:{{.DNS}} {
    bind 127.0.0.1
    k8s_endpoints cluster.local in-addr.arpa {
        manifests %s
    }
}
`, dir))
	got := ask(t, startKubeDNS(t), "-ours", other.Address())
	got.want(t, report.Decide)
	found := false
	for _, one := range got.Unexplained {
		if one.Question != "A "+s.full("db") {
			continue
		}
		found = true
		if !strings.Contains(strings.Join(one.KubeDNS, "\n"), "10.1.3.1") || !strings.Contains(strings.Join(one.Ours, "\n"), "10.9.9.9") {
			t.Errorf("got %+v, want the address 10.1.3.1 of kube-dns and 10.9.9.9 of ours", one)
		}
	}
	if !found {
		t.Errorf("the address is not among the differences without a reason: %+v", got.Unexplained)
	}
}

func manifest(namespace string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {namespace: %[1]s, name: db}
spec: {clusterIP: None}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {namespace: %[1]s, name: db-0, labels: {kubernetes.io/service-name: db}}
addressType: IPv4
endpoints: [{addresses: [10.9.9.9]}]
ports: [{name: sql, port: 5432}]
`, namespace)
}

// A cluster may rewrite any answer.
func TestAnAnswerOfAnotherTypeIsNoReasonToFall(t *testing.T) {
	s := newSpace(t)
	s.headless("db", cluster.Port("", corev1.ProtocolTCP, 8080), "10.1.6.1")
	aliases := `    template IN SRV svc.cluster.local {
        answer "{{ .Name }} 60 IN CNAME elsewhere.example.org."
    }
    cache 30
`
	admin, err := world.cluster.Kubeconfig(cluster.AdminUser)
	must(t, err)
	other := server.New(t, strings.Replace(fmt.Sprintf(kubeDNS, admin), "    cache 30\n", aliases, 1))
	got := ask(t, other.Address())
	got.want(t, report.Decide)
	if len(got.Unexplained) != 1 || got.Unexplained[0].Question != "SRV "+s.full("db") {
		t.Errorf("got %+v without a reason, want the alias of db", got.Unexplained)
	}
}

// Nobody can tell such Pods from one that has the address of another that is gone.
func TestTwoPodsOnTheNetworkOfOneNodeAreForSomebodyToDecide(t *testing.T) {
	s := newSpace(t)
	s.headless("db", sql)
	for i, pod := range []string{"db-0", "db-1"} {
		slice := cluster.HandmadeSlice(s.name, pod, "db", []discoveryv1.EndpointPort{cluster.SlicePort("sql", corev1.ProtocolTCP, 5432+int32(i))}, "10.1.7.1")
		slice.Endpoints[0].Hostname = &pod
		slice.Endpoints[0].TargetRef = &corev1.ObjectReference{Kind: "Pod", Namespace: s.name, Name: pod, UID: types.UID(pod)}
		must(t, world.cluster.CreateSlice(t.Context(), slice))
	}
	got := ask(t, startKubeDNS(t))
	got.want(t, report.Decide)
	got.shows(t, "An address that two Pods claim belongs to one of them.", "A db-0."+s.full("db"), true)
}

func TestAnswersThatDoNotFitOverTCPAreHeldAgainstTheCluster(t *testing.T) {
	s := newSpace(t)
	var addresses []string
	for i := range 4500 {
		addresses = append(addresses, fmt.Sprintf("10.2.%d.%d", i/250, i%250+1))
	}
	s.headless("big", cluster.Port("sql", corev1.ProtocolTCP, 5432), addresses...)
	got := ask(t, startKubeDNS(t), "-endpoints", "3")
	got.want(t, report.Safe)
	if len(got.Unexplained) > 0 {
		t.Errorf("these have no reason: %v", got.Unexplained)
	}
}

func TestOverTCPOnly(t *testing.T) {
	s := newSpace(t)
	s.headless("db", sql, "10.1.4.1")
	s.external("www", "www.example.org")
	ask(t, startKubeDNS(t), "-tcp").want(t, report.Safe)
}

func TestAKubeDNSThatDoesNotAnswerIsSaid(t *testing.T) {
	listener, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	got := ask(t, listener.LocalAddr().String(), "-timeout", "100ms")
	got.want(t, report.Unknown)
	if !strings.Contains(got.said, "kube-dns does not answer") || !strings.Contains(got.said, "port-forward") {
		t.Errorf("got %q, want what to do", got.said)
	}
}

// fallsSilent is a server that answers for the name that every cluster has,
// until it is asked for another one.
func fallsSilent(t *testing.T) string {
	t.Helper()
	listener, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	var silent atomic.Bool
	one := &dns.Server{PacketConn: listener, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, asked *dns.Msg) {
		if !strings.HasPrefix(asked.Question[0].Name, "kubernetes.default.") {
			silent.Store(true)
		}
		if silent.Load() {
			return
		}
		m := new(dns.Msg).SetReply(asked)
		m.Answer = []dns.RR{&dns.A{
			Hdr: dns.RR_Header{Name: asked.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(10, 96, 0, 1),
		}}
		// Who asked may be gone.
		_ = w.WriteMsg(m)
	})}
	over := make(chan error, 1)
	go func() { over <- one.ActivateAndServe() }()
	t.Cleanup(func() {
		must(t, listener.Close())
		<-over
	})
	return listener.LocalAddr().String()
}

func TestAServerThatFallsSilentEndsIt(t *testing.T) {
	s := newSpace(t)
	var addresses []string
	for i := range 200 {
		addresses = append(addresses, fmt.Sprintf("10.3.0.%d", i+1))
	}
	s.headless("db", sql, addresses...)
	got := ask(t, fallsSilent(t), "-timeout", "300ms", "-endpoints", "200")
	got.want(t, report.Unknown)
	if got.Questions > 0 || !strings.Contains(got.said, "kube-dns does not answer") {
		t.Errorf("got a report of %d questions and %q, want none, and who does not answer", got.Questions, got.said)
	}
}

func TestOursThatDoesNotAnswerIsSaid(t *testing.T) {
	listener, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	got := ask(t, startKubeDNS(t), "-ours", listener.LocalAddr().String(), "-timeout", "500ms")
	got.want(t, report.Unknown)
	if got.Questions > 0 || !strings.Contains(got.said, "k8s_endpoints does not answer") {
		t.Errorf("got a report of %d questions and %q, want none, and who does not answer", got.Questions, got.said)
	}
}

func TestAZoneThatIsNotTheClustersIsSaid(t *testing.T) {
	got := ask(t, startKubeDNS(t), "-zone", "cluster.example.org")
	got.want(t, report.Unknown)
	if !strings.Contains(got.said, "has no address for kubernetes.default.svc.cluster.example.org.") {
		t.Errorf("got %q, want that the zone is another", got.said)
	}
}

func TestMistakesInFlagsAreSaid(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"a form that is none", []string{"-o", "xml"}, "the form is text or json"},
		{"an address without a port", []string{"-kube-dns", "10.96.0.10"}, "not of the form host:port"},
		{"a rate of nothing", []string{"-rate", "0"}, "have to be above 0"},
		{"a text in no difference", []string{"-accept", "misspelt"}, "no difference in docs/differences.md contains that"},
		{"an argument", []string{"now"}, "unexpected argument"},
		{"a kubeconfig file that is not there", []string{"-kubeconfig", "nowhere"}, "cannot use the kubeconfig file nowhere"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			var out, said bytes.Buffer
			if got := run(t.Context(), tc.args, &out, &said); got != report.Unknown || !strings.Contains(said.String(), tc.want) {
				t.Errorf("got the status %d and %q, want %d and %q", got, said.String(), report.Unknown, tc.want)
			}
		})
	}
}

func TestKubeDNSIsFoundByItsLabel(t *testing.T) {
	if got, err := kube.FindKubeDNS(t.Context(), world.cluster.Clients()); err == nil || !strings.Contains(err.Error(), "give -kube-dns") {
		t.Errorf("where there is none: got %q and %v, want an error that says what to give", got, err)
	}
	s := cluster.ClusterIPService("kube-system", "the-dns", nil, cluster.Port("dns", corev1.ProtocolUDP, 53))
	s.Labels = map[string]string{"k8s-app": "kube-dns"}
	s.Spec.ClusterIP = "10.96.0.10"
	must(t, world.cluster.CreateService(t.Context(), s))
	t.Cleanup(func() { must(t, world.cluster.DeleteService(context.Background(), "kube-system", "the-dns")) })
	if got, err := kube.FindKubeDNS(t.Context(), world.cluster.Clients()); err != nil || got != "10.96.0.10:53" {
		t.Errorf("got %q and %v, want 10.96.0.10:53", got, err)
	}
}

func TestKubeDNSMayHaveAHostName(t *testing.T) {
	_, port, err := net.SplitHostPort(startKubeDNS(t))
	must(t, err)
	ask(t, net.JoinHostPort("localhost", port)).want(t, report.Safe)
}

func TestTheTextSaysTheSame(t *testing.T) {
	s := newSpace(t)
	s.shared("shared", "10.1.5.1")
	var out, said bytes.Buffer
	args := []string{"-kubeconfig", world.kubeconfig, "-kube-dns", startKubeDNS(t), "-settle", "0", "-rate", "10000"}
	if got := run(t.Context(), args, &out, &said); got != report.Decide {
		t.Errorf("got the status %d, want %d", got, report.Decide)
	}
	for _, want := range []string{
		"1 headless and 0 ExternalName Services",
		"An address that two Pods claim belongs to one of them. (",
		"A two." + s.full("shared"),
		"up to 30 s from kube-dns, 5 s from k8s_endpoints; of negative answers: 30 s and 1 s",
		"Does *kubernetes* have `ignore empty_service`?\n    Every name of a Service with a cluster IP becomes NXDOMAIN.",
		"Do not switch before somebody has decided",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report does not contain %q:\n%s", want, out.String())
		}
	}
}
