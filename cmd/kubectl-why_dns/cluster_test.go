package main

//lint:file-ignore SA1019 Endpoints are deprecated, and clusters still have them.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kube"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/report"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/server/forwardtest"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd/api"
)

// corefile is the one of the README, with reasons for each endpoint.
const corefile = `.:{{.DNS}} {
    bind 127.0.0.1
    errors
    ready 127.0.0.1:{{.Ready}}
    k8s_endpoints cluster.local in-addr.arpa ip6.arpa {
        kubeconfig %[1]s
        explain
        %[2]s
        fallthrough
    }
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig %[1]s
        noendpoints
    }
}
`

// A world is a namespace of the control plane, and a CoreDNS.
type world struct {
	t       testing.TB
	cluster *cluster.Cluster
	space   string
	// dns is where its DNS is, and page where its status page is, if it has one.
	dns, page string
}

// withPage is the option of one that has one.
const withPage = "status 127.0.0.1:{{.Port.Page}}"

func newWorld(t testing.TB, c *cluster.Cluster, option string) *world {
	t.Helper()
	admin, err := c.Kubeconfig(cluster.AdminUser)
	must(t, err)
	s := server.New(t, fmt.Sprintf(corefile, admin, option))
	return &world{t: t, cluster: c, space: c.Namespace(t), dns: s.Address(), page: s.AddressOf("Page")}
}

// outcome is a run of the command.
type outcome struct {
	status int
	report.JSON
	text string
}

// ask runs the command with JSON as its form.
func (w *world) ask(user cluster.User, args ...string) outcome {
	w.t.Helper()
	kubeconfig, err := w.cluster.Kubeconfig(user)
	must(w.t, err)
	args = append([]string{"--kubeconfig", kubeconfig, "-n", w.space, "--kube-dns", w.dns, "--resolver", "none", "-o", "json"}, args...)
	var out, said bytes.Buffer
	got := outcome{status: run(w.t.Context(), args, &out, &said)}
	got.text = out.String() + said.String()
	if out.Len() > 0 {
		must(w.t, json.Unmarshal(out.Bytes(), &got.JSON))
	}
	return got
}

// finding returns the first one with the id and the level.
func (o *outcome) finding(id why.CauseID, level why.Level) *report.Finding {
	at := slices.IndexFunc(o.Findings, func(f report.Finding) bool { return f.ID == id && f.Level == level })
	if at < 0 {
		return nil
	}
	return &o.Findings[at]
}

// deadline is long beside what controllers and DNS take, also on a machine that has other things to do.
const deadline = time.Minute

func (w *world) poll(condition func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(w.t.Context(), deadline)
	defer cancel()
	return poll.Until(ctx, condition)
}

// until asks until there is such a finding: controllers and DNS come to it by and by.
func (w *world) until(id why.CauseID, level why.Level, args ...string) (o outcome, f *report.Finding) {
	w.t.Helper()
	err := w.poll(func(context.Context) error {
		o = w.ask(cluster.AdminUser, args...)
		if f = o.finding(id, level); f == nil {
			return fmt.Errorf("there is no finding %s of the level %s:\n%s", id, level, o.text)
		}
		return nil
	})
	must(w.t, err)
	return o, f
}

// untilSays asks until that is said somewhere.
func (w *world) untilSays(text string, args ...string) {
	w.t.Helper()
	must(w.t, w.poll(func(context.Context) error {
		if o := w.ask(cluster.AdminUser, args...); !strings.Contains(o.text, text) {
			return fmt.Errorf("nothing says %q:\n%s", text, o.text)
		}
		return nil
	}))
}

// says fails the test where a finding does not say what it should.
func says(t *testing.T, o outcome, f *report.Finding, text, do string) {
	t.Helper()
	all := strings.Join(append([]string{f.Text}, f.Details...), "\n")
	if !strings.Contains(all, text) {
		t.Errorf("got %q, want %q in it", all, text)
	}
	if !strings.Contains(f.Do, do) {
		t.Errorf("got the command %q, want %q in it", f.Do, do)
	}
	if t.Failed() {
		t.Log(o.text)
	}
}

func (w *world) pod(name string, labels map[string]string, ports ...corev1.ContainerPort) {
	w.t.Helper()
	must(w.t, w.cluster.CreatePod(w.t.Context(), cluster.Pod{Namespace: w.space, Name: name, Labels: labels, Hostname: name, Subdomain: labels["app"], Ports: ports}))
}

func (w *world) ready(name, address string) {
	w.t.Helper()
	must(w.t, w.cluster.PodReady(w.t.Context(), w.space, name, address))
}

// status patches that of a Pod.
func (w *world) status(name, patch string) {
	w.t.Helper()
	_, err := w.cluster.Clients().CoreV1().Pods(w.space).Patch(w.t.Context(), name, types.MergePatchType, []byte(`{"status":`+patch+`}`), metav1.PatchOptions{}, "status")
	must(w.t, err)
}

func (w *world) service(name string, selector map[string]string, ports ...corev1.ServicePort) {
	w.t.Helper()
	must(w.t, w.cluster.CreateService(w.t.Context(), cluster.HeadlessService(w.space, name, selector, ports...)))
}

func app(name string) map[string]string { return map[string]string{"app": name} }

// sharedWorld has the nodes that Pods are on.
func sharedWorld(t testing.TB, option string) *world {
	t.Helper()
	return newWorld(t, shared.Get(t), option)
}

func TestASelectorThatMatchesNothing(t *testing.T) {
	w := sharedWorld(t, "")
	w.service("web", map[string]string{"app": "web", "tier": "front"})
	for _, name := range []string{"web-0", "web-1"} {
		w.pod(name, map[string]string{"app": "web", "tier": "frontend"})
	}
	w.pod("db-0", app("db"))
	o, f := w.until(why.IDSelector, why.Broken, "web")
	says(t, o, f, "selector app=web,tier=front matches none of 3 Pods", `kubectl -n `+w.space+` patch service web -p '{"spec":{"selector":{"tier":"frontend"}}}'`)
	says(t, o, f, "near: web-0, web-1 have tier=frontend", "")
	if o.status != report.Broken || o.Verdict != why.Broken {
		t.Errorf("got the status %d and the verdict %q", o.status, o.Verdict)
	}
	o, f = w.until(why.IDAnswer, why.Follows, "web")
	says(t, o, f, `so: no endpoint in its slices, NXDOMAIN "`+w.space+`/web has no endpoints"`, "")
	t.Run("and repaired as it says, nothing is wrong", func(t *testing.T) {
		must(t, w.cluster.PatchService(t.Context(), w.space, "web", `{"spec":{"selector":{"tier":"frontend"}}}`))
		w.ready("web-0", "10.9.1.1")
		w.ready("web-1", "10.9.1.2")
		o, f := w.until(why.IDAnswer, why.Fine, "web")
		if o.status != report.Fine || o.Verdict != why.Fine {
			t.Errorf("got the status %d: %s", o.status, o.text)
		}
		says(t, o, f, "10.9.1.1", "")
	})
}

func TestAServiceWithoutASelector(t *testing.T) {
	w := sharedWorld(t, "")
	w.service("pg", nil)
	endpoints := cluster.LegacyEndpoints(w.space, "pg", nil, "10.9.0.1", "10.9.0.2")
	endpoints.Labels = map[string]string{discoveryv1.LabelSkipMirror: "true"}
	must(t, w.cluster.CreateEndpoints(t.Context(), endpoints))
	o, f := w.until(why.IDSlices, why.Broken, "pg")
	says(t, o, f, "no EndpointSlice has the label kubernetes.io/service-name=pg", "docs/why.md#slices")
	says(t, o, f, "an Endpoints object "+w.space+"/pg has 2 addresses, but is not mirrored", "")
	must(t, w.cluster.CreateSlice(t.Context(), cluster.HandmadeSlice(w.space, "pg-1", "pg", nil, "10.9.0.1", "10.9.0.2")))
	if o, _ := w.until(why.IDAnswer, why.Fine, "pg"); o.status != report.Fine {
		t.Errorf("got the status %d: %s", o.status, o.text)
	}
}

func TestAPodThatDoesNotStart(t *testing.T) {
	w := sharedWorld(t, "")
	w.service("db", app("db"))
	for i := range 3 {
		w.pod(fmt.Sprintf("db-%d", i), app("db"))
	}
	w.ready("db-0", "10.9.2.1")
	w.ready("db-2", "10.9.2.2")
	w.status("db-1", `{"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable",`+
		`"message":"0/5 nodes are available: insufficient memory","lastTransitionTime":"`+time.Now().Add(-6*time.Minute).UTC().Format(time.RFC3339)+`"}]}`)
	o, f := w.until(why.IDScheduled, why.Broken, "db-1.db")
	says(t, o, f, "Pod db-1 is Pending for 6 m", "kubectl -n "+w.space+" describe pod db-1")
	says(t, o, f, "0/5 nodes are available: insufficient memory", "")
	w.untilSays("db carries the other 2", "db-1.db")
	if o, _ := w.until(why.IDScheduled, why.Warning, "db"); o.status != report.Fine {
		t.Errorf("where others are well, got the status %d: %s", o.status, o.text)
	}
	w.status("db-1", `{"conditions":[],"containerStatuses":[{"name":"app","image":"","imageID":"","ready":false,"restartCount":7,`+
		`"state":{"waiting":{"reason":"CrashLoopBackOff","message":"back-off 5m0s"}},`+
		`"lastState":{"terminated":{"exitCode":137,"reason":"OOMKilled"}}}]}`)
	o, f = w.until(why.IDContainers, why.Broken, "db-1.db")
	says(t, o, f, "container app: CrashLoopBackOff: back-off 5m0s", "kubectl -n "+w.space+" logs db-1 -c app --previous")
	says(t, o, f, "with the status 137 (OOMKilled), 7 restarts", "")
}

func TestAPodThatIsNotReady(t *testing.T) {
	w := sharedWorld(t, "publish serving\npod_names all")
	w.service("web", app("web"))
	for i := range 3 {
		w.pod(fmt.Sprintf("web-%d", i), app("web"))
		w.ready(fmt.Sprintf("web-%d", i), fmt.Sprintf("10.9.3.%d", i))
	}
	w.until(why.IDAnswer, why.Fine, "web-2.web")
	must(t, w.cluster.PodUnready(t.Context(), w.space, "web-2"))
	event := &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: w.space, Name: "web-2.1"},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: w.space, Name: "web-2"},
		Reason:         "Unhealthy", Message: "Readiness probe failed: HTTP probe failed with statuscode: 503", Count: 57, LastTimestamp: metav1.Now(),
	}
	_, err := w.cluster.Clients().CoreV1().Events(w.space).Create(t.Context(), event, metav1.CreateOptions{})
	must(t, err)
	o, f := w.until(why.IDReady, why.Broken, "web-2.web")
	says(t, o, f, "probe: HTTP probe failed with statuscode: 503 (57 times", "")
	o, f = w.until(why.IDTier, why.Follows, "web-2.web")
	says(t, o, f, "not in web (publish serving); its own name stays", "")
	says(t, o, f, "so: sick since", "")
}

func TestAPortThatNoContainerHas(t *testing.T) {
	w := sharedWorld(t, "")
	grpc := cluster.Port("grpc", corev1.ProtocolTCP, 90)
	grpc.TargetPort = intstr.FromString("grpc")
	w.service("api", app("api"), cluster.Port("http", corev1.ProtocolTCP, 80), grpc)
	w.pod("api-0", app("api"), corev1.ContainerPort{Name: "http", ContainerPort: 8080, Protocol: corev1.ProtocolTCP},
		corev1.ContainerPort{Name: "grpc-web", ContainerPort: 9090, Protocol: corev1.ProtocolTCP})
	w.ready("api-0", "10.9.4.1")
	o, f := w.until(why.IDPorts, why.Broken, "_grpc._tcp.api")
	says(t, o, f, `port grpc: targetPort "grpc" is a port of no container of 1 Pod; they name: grpc-web 9090, http 8080`, `/spec/ports/1/targetPort","value":9090`)
	o, f = w.until(why.IDPorts, why.Broken, "_grcp._tcp.api")
	says(t, o, f, "has no port _grcp._tcp; it has _http._tcp, _grpc._tcp", "describe service api")
}

func TestPodsThatAreAnsweredThoughNotReady(t *testing.T) {
	w := sharedWorld(t, "")
	es := cluster.HeadlessService(w.space, "es", app("es"))
	es.Spec.PublishNotReadyAddresses = true
	must(t, w.cluster.CreateService(t.Context(), es))
	for i := range 3 {
		w.pod(fmt.Sprintf("es-%d", i), app("es"))
		w.ready(fmt.Sprintf("es-%d", i), fmt.Sprintf("10.9.5.%d", i))
	}
	for _, name := range []string{"es-1", "es-2"} {
		must(t, w.cluster.PodUnready(t.Context(), w.space, name))
	}
	o, f := w.until(why.IDPolicy, why.Warning, "es")
	says(t, o, f, "2 of 3 answered addresses are of Pods that are not ready", "annotate service es k8s-endpoints.coredns.io/publish=serving")
}

func TestSlicesThatDoNotFollowTheirPods(t *testing.T) {
	// Without controllers, which others need.
	c, err := cluster.Start(t.Context())
	must(t, err)
	t.Cleanup(func() { must(t, c.Stop()) })
	w := newWorld(t, c, "")
	w.service("web", app("web"))
	w.pod("web-0", app("web"))
	w.ready("web-0", "10.9.6.1")
	w.until(why.IDAnswer, why.Fine, "web")
	must(t, c.StopControllers())
	earlier := time.Now().Add(-5 * time.Minute).UTC().Format(time.RFC3339)
	w.status("web-0", `{"podIP":"10.9.6.2","podIPs":[{"ip":"10.9.6.2"}],"startTime":"`+earlier+`"}`)
	o, f := w.until(why.IDController, why.Broken, "web")
	says(t, o, f, "but web-0 has had 10.9.6.2 since", "component=kube-controller-manager")
	says(t, o, f, "so web-0 is answered as 10.9.6.1, which is nobody's any more", "")
}

func TestWhatStillIsInACache(t *testing.T) {
	w := sharedWorld(t, "")
	w.service("db", app("db"))
	w.pod("db-0", app("db"))
	w.ready("db-0", "10.9.7.1")
	w.until(why.IDAnswer, why.Fine, "db")
	name := "db." + w.space + ".svc.cluster.local"
	file := filepath.Join(t.TempDir(), "resolv.conf")
	must(t, os.WriteFile(file, []byte("nameserver 127.0.0.1\nsearch "+w.space+".svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n"), 0o600))
	kubeconfig, err := w.cluster.Kubeconfig(cluster.AdminUser)
	must(t, err)
	o, err := parse([]string{"--kubeconfig", kubeconfig, "-n", w.space, "--kube-dns", w.dns, "--resolv-conf", file, name}, time.Now(), os.Stderr)
	must(t, err)
	o.clientPort = stubCache(t)
	all, err := o.verdicts(t.Context())
	must(t, err)
	var out bytes.Buffer
	must(t, o.form(&out, all, false))
	for _, want := range []string{
		"! " + file + ": nameserver 127.0.0.1 (a node cache)", "! ndots 5: 3 names are asked before " + name,
		"✗ 127.0.0.1 still says NXDOMAIN, 17 s to live; the cluster's DNS says 1 address",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("want %q in\n%s", want, out.String())
		}
	}
}

// stubCache denies all names for 17 more seconds, and returns its port.
func stubCache(t *testing.T) string {
	t.Helper()
	listener, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	stub := &dns.Server{PacketConn: listener, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		m := new(dns.Msg).SetRcode(r, dns.RcodeNameError)
		m.Ns = []dns.RR{&dns.SOA{Hdr: dns.RR_Header{Name: "cluster.local.", Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: 17}, Ns: "ns.", Mbox: "m.", Minttl: 30}}
		_ = w.WriteMsg(m)
	})}
	go func() { _ = stub.ActivateAndServe() }()
	t.Cleanup(func() { must(t, stub.Shutdown()) })
	_, port, err := net.SplitHostPort(listener.LocalAddr().String())
	must(t, err)
	return port
}

// What somebody has no right to read is said, and stands in the way of nothing else.
func TestEachRightIsOptional(t *testing.T) {
	w := sharedWorld(t, "")
	w.service("web", map[string]string{"app": "web", "tier": "front"})
	w.pod("web-0", map[string]string{"app": "web", "tier": "frontend"})
	w.until(why.IDSelector, why.Broken, "web")
	right := func(group, resource string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: []string{"get", "list"}}
	}
	all := map[string]rbacv1.PolicyRule{
		"Service web": right("", "services"), "Pods": right("", "pods"), "EndpointSlices": right("discovery.k8s.io", "endpointslices"),
		"Lease": right("coordination.k8s.io", "leases"),
	}
	for without := range all {
		t.Run("without "+without, func(t *testing.T) {
			var rest []rbacv1.PolicyRule
			for name, rule := range all {
				if name != without {
					rest = append(rest, rule)
				}
			}
			must(t, w.cluster.Grant(t.Context(), cluster.CoreDNSUser, rest...))
			o := w.ask(cluster.CoreDNSUser, "web")
			skipped := slices.ContainsFunc(o.Findings, func(f report.Finding) bool {
				return f.Level == why.Skipped && strings.HasPrefix(f.Text, without) && strings.HasSuffix(f.Text, "(no right to)")
			})
			if !skipped {
				t.Errorf("nothing is said about %s: %s", without, o.text)
			}
			if o.status != report.Broken {
				t.Errorf("got the status %d: %s", o.status, o.text)
			}
		})
	}
	t.Run("without any", func(t *testing.T) {
		o := w.ask(cluster.NobodyUser, "web")
		if f := o.finding(why.IDAnswer, why.Broken); f == nil || o.status != report.Broken {
			t.Errorf("DNS alone does not say it: %s", o.text)
		}
	})
}

func TestAServiceThatThereIsNot(t *testing.T) {
	w := sharedWorld(t, "")
	w.service("billing", app("billing"))
	o, f := w.until(why.IDService, why.Broken, "biling")
	says(t, o, f, "there is no Service "+w.space+"/biling", "kubectl get services -A")
	says(t, o, f, "near: "+w.space+"/billing", "")
	w.pod("billing-0", app("billing"))
	o, f = w.until(why.IDService, why.Broken, "billing-0")
	says(t, o, f, "billing-0 is a Pod: its name in DNS is one below billing", "kubectl why-dns billing-0.billing -n "+w.space)
}

func TestTheNamesOfANamespaceInShort(t *testing.T) {
	w := sharedWorld(t, "")
	w.service("web", app("web"))
	w.pod("web-0", app("web"))
	w.ready("web-0", "10.9.8.1")
	w.service("pg", nil)
	must(t, w.cluster.CreateService(t.Context(), cluster.ClusterIPService(w.space, "front", app("web"), cluster.Port("http", corev1.ProtocolTCP, 80))))
	w.until(why.IDAnswer, why.Fine, "web")
	w.until(why.IDSlices, why.Broken, "pg")
	kubeconfig, err := w.cluster.Kubeconfig(cluster.AdminUser)
	must(t, err)
	var out, said bytes.Buffer
	status := run(t.Context(), []string{"--all", "--kubeconfig", kubeconfig, "-n", w.space, "--kube-dns", w.dns, "-o", "short"}, &out, &said)
	want := "✗ pg." + w.space + ".svc.cluster.local  no EndpointSlice has the label kubernetes.io/service-name=pg [slices]\n" +
		"✓ web." + w.space + ".svc.cluster.local\n"
	if out.String() != want || status != report.Broken {
		t.Errorf("got %d and\n%s%s\nwant\n%s", status, out.String(), said.String(), want)
	}
}

func TestWhoseAnAddressIs(t *testing.T) {
	w := sharedWorld(t, "")
	w.service("web", app("web"))
	w.pod("web-0", app("web"))
	w.ready("web-0", "10.9.9.1")
	o, f := w.until(why.IDService, why.Fine, "10.9.9.1")
	says(t, o, f, "web-0.web."+w.space+".svc.cluster.local has the address 10.9.9.1", "")
	w.pod("lone-0", app("lone"))
	w.ready("lone-0", "10.9.9.2")
	o, f = w.until(why.IDService, why.Broken, "10.9.9.2")
	says(t, o, f, "no Service has an endpoint with the address 10.9.9.2", "kubectl get pods -A --field-selector status.podIP=10.9.9.2")
	says(t, o, f, "Pod "+w.space+"/lone-0 has it", "")
}

func TestAnExternalNameThatDoesNotResolve(t *testing.T) {
	w := sharedWorld(t, "")
	must(t, w.cluster.CreateService(t.Context(), cluster.ExternalNameService(w.space, "billing", "db.example.com")))
	direct := stubAnswer(t, "192.0.2.7")
	o, f := w.until(why.IDTarget, why.Broken, "billing", "--resolver", direct)
	says(t, o, f, "db.example.com: ", "look at `forward` in the Corefile")
	says(t, o, f, "the chain was billing → db.example.com", "")
	says(t, o, f, direct+" asked directly says NOERROR: 192.0.2.7", "")
}

// stubAnswer answers with an address, and returns where.
func stubAnswer(t *testing.T, address string) string {
	t.Helper()
	listener, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	stub := &dns.Server{PacketConn: listener, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		m := new(dns.Msg).SetReply(r)
		m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: r.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 5}, A: net.ParseIP(address)}}
		_ = w.WriteMsg(m)
	})}
	go func() { _ = stub.ActivateAndServe() }()
	t.Cleanup(func() { must(t, stub.Shutdown()) })
	return listener.LocalAddr().String()
}

// twoServers is what finds by itself the two Pods of CoreDNS that are asked through port-forwards.
func twoServers(t testing.TB) (args []string) {
	w := sharedWorld(t, "")
	other := newWorld(t, w.cluster, "")
	w.service("web", app("web"))
	w.pod("web-0", app("web"))
	w.ready("web-0", "10.9.10.1")
	w.until(why.IDAnswer, why.Fine, "web")
	other.until(why.IDAnswer, why.Fine, "web."+w.space)
	pods := make(forwardtest.Pods)
	for name, address := range map[string]string{"coredns-1": w.dns, "coredns-2": other.dns} {
		w.coreDNS(name)
		pods[name] = map[string]string{"53": address}
	}
	return []string{"web", "-n", w.space, "--kubeconfig", withForwards(t, w.cluster, pods), "--resolver", "none"}
}

func TestServersAreFoundByThemselves(t *testing.T) {
	args := twoServers(t)
	var out, said bytes.Buffer
	status := run(t.Context(), args, &out, &said)
	t.Log(out.String())
	for _, want := range []string{"✓ asks coredns-1: 2 of 2 CoreDNS Pods are ready\n", "✓ web answers 10.9.10.1, TTL 5\n", "history (no status page: `status` is off there, or not at port 8053)"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("want %q in\n%s%s", want, out.String(), said.String())
		}
	}
	if status != report.Fine {
		t.Errorf("got the status %d", status)
	}
}

// BenchmarkWhy is the whole command, with the API server, and two servers that it finds.
func BenchmarkWhy(b *testing.B) {
	args := twoServers(b)
	var out, said bytes.Buffer
	for b.Loop() {
		if status := run(b.Context(), args, &out, &said); status != report.Fine {
			b.Fatalf("got the status %d: %s%s", status, out.String(), said.String())
		}
		out.Reset()
	}
}

// coreDNS makes a Pod of CoreDNS that is ready.
func (w *world) coreDNS(name string) {
	w.t.Helper()
	ctx := w.t.Context()
	must(w.t, w.cluster.CreatePod(ctx, cluster.Pod{Namespace: kube.SystemSpace, Name: name, Labels: map[string]string{"k8s-app": "kube-dns"}}))
	w.t.Cleanup(func() { must(w.t, w.cluster.DeletePod(context.Background(), kube.SystemSpace, name)) })
	must(w.t, w.cluster.PodReady(ctx, kube.SystemSpace, name, "10.9.0.10"))
}

func TestReplicasThatDiffer(t *testing.T) {
	w := sharedWorld(t, "")
	// It does not see the namespace, as one that lost the API server does not see what is new.
	blind := newWorld(t, w.cluster, "namespaces kube-system")
	w.service("web", app("web"))
	w.pod("web-0", app("web"))
	w.ready("web-0", "10.9.11.1")
	w.until(why.IDAnswer, why.Fine, "web")
	w.coreDNS("coredns-1")
	w.coreDNS("coredns-2")
	pods := forwardtest.Pods{"coredns-1": {"53": w.dns}, "coredns-2": {"53": blind.dns}}
	var out, said bytes.Buffer
	status := run(t.Context(), []string{"web", "-n", w.space, "--kubeconfig", withForwards(t, w.cluster, pods), "--resolver", "none"}, &out, &said)
	want := "✗ replicas differ: coredns-1 has 1 address, coredns-2 has 0 addresses"
	if !strings.Contains(out.String(), want) || status != report.Broken {
		t.Errorf("got %d, want %q in\n%s%s", status, want, out.String(), said.String())
	}
}

// Without an API server and without a page, DNS says what it knows.
func TestDNSAlone(t *testing.T) {
	w := sharedWorld(t, "")
	w.service("web", app("web"))
	for i := range 2 {
		w.pod(fmt.Sprintf("web-%d", i), app("web"))
		w.ready(fmt.Sprintf("web-%d", i), fmt.Sprintf("10.9.13.%d", i+1))
	}
	w.until(why.IDAnswer, why.Fine, "web-1.web")
	must(t, w.cluster.PodUnready(t.Context(), w.space, "web-1"))
	var out, said bytes.Buffer
	for _, row := range []struct {
		name   string
		status int
		want   string
	}{
		{"web." + w.space + ".svc.cluster.local", report.Fine, "! 1 of 2 endpoints are not in web"},
		{"web-1.web." + w.space, report.Broken, "✗ web-1 is sick since "},
		{"web-2.web." + w.space, report.Broken, `NXDOMAIN "no such endpoint in ` + w.space + `/web"`},
		{"wep." + w.space + ".svc", report.Broken, "NXDOMAIN"},
		{"10.9.13.1", report.Fine, "✓ web-0.web." + w.space + ".svc.cluster.local has the address 10.9.13.1"},
	} {
		must(t, w.poll(func(ctx context.Context) error {
			out.Reset()
			status := run(ctx, []string{row.name, "--no-cluster", "--kube-dns", w.dns}, &out, &said)
			if status != row.status || !strings.Contains(out.String(), row.want) {
				return fmt.Errorf("%s: got %d, want %d and %q in\n%s%s", row.name, status, row.status, row.want, out.String(), said.String())
			}
			return nil
		}))
	}
}

// What pages remember, and who says so, by two replicas.
func TestHowItWas(t *testing.T) {
	w := sharedWorld(t, "publish serving\npod_names all\n"+withPage)
	other := newWorld(t, w.cluster, "publish serving\npod_names all\n"+withPage)
	w.service("web", app("web"))
	for i := range 2 {
		w.pod(fmt.Sprintf("web-%d", i), app("web"))
		w.ready(fmt.Sprintf("web-%d", i), fmt.Sprintf("10.9.12.%d", i+1))
	}
	w.coreDNS("coredns-1")
	w.coreDNS("coredns-2")
	kubeconfig := withForwards(t, w.cluster, forwardtest.Pods{"coredns-1": {"53": w.dns, "8053": w.page}, "coredns-2": {"53": other.dns, "8053": other.page}})
	until := func(want string, args ...string) {
		t.Helper()
		must(t, w.poll(func(context.Context) error {
			var out, said bytes.Buffer
			run(t.Context(), append([]string{"-n", w.space, "--kubeconfig", kubeconfig, "--resolver", "none"}, args...), &out, &said)
			if !strings.Contains(out.String(), want) {
				return fmt.Errorf("want %q in\n%s%s", want, out.String(), said.String())
			}
			return nil
		}))
	}
	until("✓ asks coredns-1: 2 of 2 CoreDNS Pods are ready, k8s_endpoints ", "web")
	until("✓ web answers 2 addresses, TTL 5\n", "web")
	must(t, w.cluster.PodUnready(t.Context(), w.space, "web-1"))
	until(", not in web (publish serving, Corefile:8); its own name stays\n", "web-1.web")
	until("web answers 10.9.12.1, TTL 5\n    changed at ", "web")
	until("(10.9.12.2) was not in web: sick since ", "web-1.web", "--at", "1s")
	until("    web carried 10.9.12.1; web-1.web answered 10.9.12.2\n", "web-1.web", "--at", "1s")
	until("; the other replica says the same\n", "web-1.web", "--at", "1s")
	until("  10.9.12.1 10.9.12.2\n", "web", "--since", "5m")
	until("  10.9.12.1 (web-1 sick)\n    known from ", "web", "--since", "5m")
	until("– not looked at: history of coredns-1 (it begins at ", "web", "--at", "2h")
	// By the page alone, without an API server.
	page := func(args ...string) []string {
		return append([]string{"--no-cluster", "--status", "http://" + w.page}, args...)
	}
	until("! 1 of 2 endpoints are not in web", page("web")...)
	until("web-1 is sick since ", page("web")...)
	until("carries 1 endpoint, says the page of ", page("web")...)
}

// withForwards puts what carries port-forwards in front of the API server, and returns a kubeconfig for it.
func withForwards(t testing.TB, c *cluster.Cluster, pods forwardtest.Pods) string {
	t.Helper()
	config := c.Admin()
	transport, err := rest.TransportFor(config)
	must(t, err)
	to, err := url.Parse(config.Host)
	must(t, err)
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if forwardtest.Is(r) {
			pods.ServeHTTP(w, r)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, cluster.WriteKubeconfig(file, cluster.AdminUser, api.Cluster{Server: front.URL}, api.AuthInfo{}))
	return file
}
