package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/cause"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/facts"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/question"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/report"
	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// well is a Service of two Pods with which nothing is wrong.
func well(typed string) *sample {
	s := newSample(typed, "shop", 0).service(selects("app", "web"))
	for _, name := range []string{"web-0", "web-1"} {
		s.pod(name, address(name), func(p *corev1.Pod) { p.Spec.Hostname, p.Spec.Subdomain = name, "web" })
	}
	s.slice("web-x", endpoint("web-0", address("web-0"), true), endpoint("web-1", address("web-1"), true))
	return s.servers(answer(s.Question, address("web-0"), address("web-1")))
}

func address(pod string) string { return "10.1.4.1" + pod[len(pod)-1:] }

// with changes a sample.
func with(s *sample, change func(*sample)) *sample {
	change(s)
	return s
}

// denying has all servers deny the name.
func denying(note string) func(*sample) {
	return func(s *sample) {
		for i := range s.Servers.Replicas {
			s.Servers.Replicas[i].Answers = []facts.Answer{denied(s.Question, note)}
		}
	}
}

// changing changes the last Pod.
func changing(change func(*corev1.Pod)) func(*sample) {
	return func(s *sample) { change(&s.Cluster.Pods[len(s.Cluster.Pods)-1]) }
}

func TestCauses(t *testing.T) {
	for _, row := range []struct {
		name string
		of   *sample
		// want are the lines with the marks ✗ and !, without their details.
		want []string
	}{
		{"nothing is wrong", well("web"), nil},
		{"nothing is wrong with one Pod", with(well("web-1.web"), func(*sample) {}), nil},
		{"the client has the resolver of its node", with(well("web"), func(s *sample) {
			s.Client = facts.Client{Known: true, Source: "Pod shop/client-0", Policy: "Default"}
		}), []string{"✗ Pod shop/client-0 has the resolver of its node (dnsPolicy Default): that does not know names of the cluster [resolver]"}},
		{"the client asks somebody else", with(well("web"), func(s *sample) {
			s.Client = facts.Client{Known: true, Source: "Pod shop/client-0", Nameservers: []string{"192.0.2.53"}}
		}), []string{"! Pod shop/client-0: nameserver 192.0.2.53, which is not the cluster's DNS 10.96.0.10 [resolver]"}},
		{"the client is in a mesh", with(well("web"), func(s *sample) {
			s.Client = facts.Client{Known: true, Source: "Pod shop/client-0", Mesh: "container istio-proxy"}
		}), []string{"! Pod shop/client-0 is in a mesh (container istio-proxy), which may answer in place of DNS [resolver]"}},
		{"the client is in another namespace", with(well("web"), func(s *sample) {
			s.Client = facts.Client{Known: true, Source: "Pod pay/client-0", Ndots: 5, Search: []string{"pay.svc.cluster.local", "svc.cluster.local", "cluster.local"}}
		}), []string{"✗ Pod pay/client-0 asks for web.pay.svc.cluster.local: that is another name than web.shop.svc.cluster.local [search]"}},
		{"no server is ready", with(well("web"), func(s *sample) {
			for i := range s.Servers.Pods {
				s.Servers.Pods[i].Ready = false
				s.Servers.Replicas[i] = facts.Replica{Name: s.Servers.Pods[i].Name, Err: "no port-forward"}
			}
		}), []string{"✗ 0 of 2 CoreDNS Pods are ready: nobody answers [server-pods]"}},
		{"one server is not ready", with(well("web"), func(s *sample) { s.Servers.Pods[1].Ready = false }), []string{"! 1 of 2 CoreDNS Pods are ready [server-pods]"}},
		{"a server does not answer", with(well("web"), func(s *sample) {
			s.Servers.Replicas = []facts.Replica{{Name: "10.96.0.10", Answers: []facts.Answer{{Name: s.Question.Name(), Err: "i/o timeout"}}}}
		}), []string{"✗ 10.96.0.10 does not answer: i/o timeout [server-pods]"}},
		{"servers know different things", with(well("web"), func(s *sample) {
			s.page(v1.Service{Carried: 2, Digest: "a"})
			s.Servers.Replicas[1].Service.Digest = "b"
		}), []string{"! replicas answer this alike, and know different things of its Service: coredns-6f7d9c-x2x4z has 2 addresses, coredns-6f7d9c-9k2lm has 2 addresses [replicas]"}},
		{"a server has just started", with(well("web"), func(s *sample) {
			for i := range s.Servers.Replicas {
				s.Servers.Replicas[i].Answers = []facts.Answer{{Name: s.Question.Name(), Rcode: dns.RcodeServerFailure, Notes: []facts.Note{{Code: facts.NotReady, Text: "the first list is not complete"}}}}
			}
		}), []string{
			"✗ coredns-6f7d9c-x2x4z says nothing yet: the first list is not complete [server-current]",
			"✗ coredns-6f7d9c-9k2lm says nothing yet: the first list is not complete [server-current]",
		}},
		{"a server answers from a snapshot", with(well("web"), func(s *sample) {
			s.Servers.Replicas[0].Answers[0].Notes = []facts.Note{{Code: facts.Stale, Text: "as known before, until the first list is complete"}}
			s.Servers.Replicas = s.Servers.Replicas[:1]
		}), []string{"! coredns-6f7d9c-x2x4z answers as known before, until the first list is complete [server-current]"}},
		{"a server is another one", with(well("web"), func(s *sample) {
			other := facts.Answer{Name: "_explain." + s.Question.Name(), Type: dns.TypeTXT, Rcode: dns.RcodeNameError}
			s.Servers.Replicas = []facts.Replica{{Name: "10.96.0.10", Answers: s.Servers.Replicas[0].Answers, Explained: &other}}
		}), []string{"! 10.96.0.10 gives no reasons: it is not k8s_endpoints, or somebody between leaves them out [server-plugin]"}},
		{"a name elsewhere", newSample("db.example.com.", "shop", 0).servers(), []string{"✗ db.example.com is in no zone of the cluster: want a name that ends in svc.cluster.local [zone]"}},
		{"no such Service", with(newSample("web", "shop", 0), func(s *sample) {
			s.Cluster.ServiceKnown, s.Cluster.Namesakes = true, []string{"pay/web", "shop/wep"}
		}).servers(), []string{"✗ there is no Service shop/web [service]"}},
		{"no such Service, by DNS alone", with(newSample("web", "shop", 0).servers(), func(s *sample) { denying("no headless or ExternalName Service shop/web")(s) }),
			[]string{"✗ there is no Service shop/web [service]"}},
		{"a Pod of a Service with a cluster IP", with(well("web-1.web"), func(s *sample) {
			s.Cluster.Service.Spec.ClusterIP = "10.96.7.1"
			denying("")(s)
		}), []string{"✗ Service shop/web has the cluster IP 10.96.7.1: its Pods have no names in DNS [type]"}},
		{"the Corefile leaves it out", with(well("web"), denying("no headless or ExternalName Service shop/web that the Corefile selects")),
			[]string{"✗ the Corefile does not select Service shop/web: namespaces, labels or namespace_labels leave it out [selected]"}},
		{"the plugin leaves it out", with(well("web"), denying(`the Service shop/web was left out: externalName "a b"`)), []string{`✗ Service shop/web is left out: externalName "a b" [annotation]`}},
		{"an annotation is wrong", with(well("web"), func(s *sample) {
			s.Servers.Replicas[1].Overview.LeftOut = []v1.LeftOut{{Kind: "Service annotation", Namespace: "shop", Name: "web", Text: "annotation pod-names: want ready or serving or all"}}
		}), []string{"! the annotation pod-names is left out: want ready or serving or all [annotation]"}},
		{"all Pods are unready", with(well("web"), func(s *sample) {
			for i := range s.Cluster.Pods {
				unready("14:00:00")(&s.Cluster.Pods[i])
			}
			for i := range s.Cluster.Slices[0].Endpoints {
				*s.Cluster.Slices[0].Endpoints[i].Conditions.Serving = false
			}
			denying("no endpoint is ready: 2 sick")(s)
		}), []string{"✗ web-0 is not ready for 7 m 10 s: containers with unready status: [app] [ready]"}},
		{"a Pod has finished", with(well("web-1.web"), func(s *sample) {
			changing(func(p *corev1.Pod) { p.Status.Phase, p.Status.Reason = corev1.PodFailed, "Evicted" })(s)
			denying("no such endpoint in shop/web")(s)
		}), []string{"✗ Pod web-1 has finished (Evicted): it is no endpoint any more [address]"}},
		{"a Pod has no address", with(well("web-1.web"), func(s *sample) {
			changing(func(p *corev1.Pod) {
				p.Status.PodIP, p.Status.ContainerStatuses = "", nil
				p.Status.Conditions = p.Status.Conditions[:1]
			})(s)
			denying("no such endpoint in shop/web")(s)
		}), []string{"✗ Pod web-1 has no address yet, for 2 h 07 m [address]"}},
		{"a Pod terminates", with(well("web-1.web"), func(s *sample) {
			changing(func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: at("14:07:00")} })(s)
			denying("no such endpoint in shop/web")(s)
		}), []string{"✗ web-1 terminates since 14:07:00 [ready]"}},
		{"nobody is called so", with(well("web-7.web"), denying("no such endpoint in shop/web")), []string{"✗ no Pod of shop/web is called web-7 [hostname]"}},
		{"a Pod has the subdomain of another Service", with(well("web-1.web"), func(s *sample) {
			changing(func(p *corev1.Pod) { p.Spec.Subdomain = "wep" })(s)
			denying("no such endpoint in shop/web")(s)
		}), []string{"✗ Pod web-1 has subdomain wep, not web: so it has no name of its own [hostname]"}},
		{"a Pod of a Deployment has no hostname", with(well("web-1.web"), func(s *sample) {
			changing(func(p *corev1.Pod) { p.Spec.Hostname, p.Spec.Subdomain = "", "" })(s)
			denying("no such endpoint in shop/web")(s)
		}), []string{"✗ Pod web-1 has no hostname: so it has no name of its own, unless the Corefile has endpoint_pod_names [hostname]"}},
		{"slices of nobody are empty", with(well("web"), func(s *sample) {
			s.Cluster.Service.Spec.Selector, s.Cluster.Slices[0].Endpoints = nil, nil
			denying("shop/web has no endpoints")(s)
		}), []string{"✗ 1 EndpointSlice of shop/web, without an endpoint [slices]"}},
		{"slices are copies", with(well("web"), func(s *sample) {
			s.Cluster.Service.Spec.Selector = nil
			s.Cluster.Slices[0].Labels[discoveryv1.LabelManagedBy] = "endpointslicemirroring-controller.k8s.io"
		}), []string{"! the slices of shop/web are copies of an Endpoints object (KEP-4974): they do not say who serves while it terminates [mirror]"}},
		{"a slice has names", with(well("web"), func(s *sample) { s.Cluster.Slices[0].AddressType = discoveryv1.AddressTypeFQDN }),
			[]string{"! slice web-x has the address type FQDN, which needs fqdn_slices [type-fqdn]"}},
		{"no slice has a Pod", with(well("web"), func(s *sample) { s.Cluster.Slices[0].Endpoints = s.Cluster.Slices[0].Endpoints[:1] }),
			[]string{"✗ no slice of shop/web has web-1, which has had 10.1.4.11 since 12:00:01 [controller]"}},
		{"a slice is behind the readiness of a Pod", with(well("web"), func(s *sample) { *s.Cluster.Slices[0].Endpoints[1].Conditions.Serving = false }),
			[]string{"✗ slice web-x is of 12:00:02, but web-1 is ready since 12:00:01 [controller]"}},
		{"there is no such port", with(well("_grpc._tcp.web"), denying("no such port at any endpoint of shop/web")), []string{"✗ shop/web has no port _grpc._tcp; it has none [ports]"}},
		{"the plugin leaves an endpoint out, and nobody knows more", with(well("web-1.web"), func(s *sample) {
			denying("endpoint web-1 is starting, and pod_names ready gives no name to it")(s)
			s.page(v1.Service{Policy: []v1.PolicyLine{{Option: "publish", Value: "ready", From: "default"}}, Endpoints: []v1.Endpoint{{
				Name: "web-1", Address: "10.1.4.11", Tier: "starting", Since: v1.At(at("14:07:00")), Why: "it has never been ready",
			}}})
		}), []string{"✗ web-1 is starting since 14:07:00: it has never been ready (publish ready) [tier]"}},
		{"DNS says something that nothing explains", with(well("web"), denying("shop/web has no endpoints")), []string{`✗ web.shop.svc.cluster.local: NXDOMAIN "shop/web has no endpoints" [answer]`}},
		{"an answer has a reason", with(well("web"), func(s *sample) {
			for i := range s.Servers.Replicas {
				s.Servers.Replicas[i].Answers[0].Notes = []facts.Note{{Text: "draining endpoints only"}}
			}
		}), []string{`! web answers 2 addresses, TTL 2, and says "draining endpoints only" [answer]`}},
		{"nobody has the address", with(newSample("10.1.6.44", "shop", 0), func(s *sample) { s.servers(denied(s.Question, "no endpoint with this address is known")) }),
			[]string{"✗ no Service has an endpoint with the address 10.1.6.44 [service]"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var got []string
			for _, f := range cause.Judge(&row.of.Facts).Findings {
				switch f.Level {
				case why.Broken:
					got = append(got, "✗ "+f.Text+" ["+string(f.ID)+"]")
				case why.Warning:
					got = append(got, "! "+f.Text+" ["+string(f.ID)+"]")
				}
				if f.Level == why.Broken && f.Do == "" && !slices.Contains([]why.CauseID{why.IDZone, why.IDService, why.IDTier}, f.ID) {
					t.Errorf("nothing is said about what to do: %s", f.Text)
				}
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(row.want, "\n"))
			}
		})
	}
}

// Each level has its exit status.
func TestStatuses(t *testing.T) {
	verdict := func(l why.Level) *cause.Verdict { return &cause.Verdict{Level: l} }
	for _, row := range []struct {
		levels []why.Level
		want   int
	}{
		{nil, report.Unknown},
		{[]why.Level{why.Fine}, report.Fine},
		{[]why.Level{why.Warning}, report.Fine},
		{[]why.Level{why.Fine, why.Broken}, report.Broken},
		{[]why.Level{why.Skipped, why.Broken}, report.Broken},
		{[]why.Level{why.Fine, why.Skipped}, report.Unknown},
	} {
		var all []*cause.Verdict
		for _, l := range row.levels {
			all = append(all, verdict(l))
		}
		if got := report.Status(all); got != row.want {
			t.Errorf("%v: got %d, want %d", row.levels, got, row.want)
		}
	}
}

// Whoever may write a Pod must not write to the terminal of whoever looks at it.
func TestHostileTextsDoNotReachTheTerminal(t *testing.T) {
	evil := "\x1b[2J\x07\u202e'; rm -rf ~ #\r\n" + strings.Repeat("x", 5000)
	s := well("web")
	s.Cluster.Service.Spec.Selector = map[string]string{"app": evil}
	for i := range s.Cluster.Pods {
		p := &s.Cluster.Pods[i]
		unready("14:00:00")(p)
		p.Name, p.Status.Conditions[1].Message, p.Status.ContainerStatuses[0].Name = evil, evil, evil
	}
	s.Cluster.Pressed = map[string]string{"n1": evil}
	denying(evil)(s)
	s.page(v1.Service{Endpoints: []v1.Endpoint{{Name: evil, Address: evil, Tier: evil, Why: evil}}, Policy: []v1.PolicyLine{{Option: "publish", Value: evil, Where: evil}}})
	s.Skip(evil, evil)
	for form, write := range report.Forms {
		var out bytes.Buffer
		must(t, write(&out, []*cause.Verdict{cause.Judge(&s.Facts)}, false))
		for _, r := range out.String() {
			if r != '\n' && !unicode.IsPrint(r) && form != "json" || r == 0x1b {
				t.Fatalf("%s: %q", form, r)
			}
		}
		for line := range strings.Lines(out.String()) {
			if form == "text" && len(line) > 1200 {
				t.Errorf("a line has %d bytes", len(line))
			}
			if _, command, ok := strings.Cut(line, "→ "); ok && strings.Contains(command, "rm -rf") && !strings.Contains(command, `'?[2J??`) {
				t.Errorf("the command is not quoted: %s", command)
			}
		}
	}
}

// Where facts lack, nothing is made up, and nothing breaks.
func TestHalfTheFacts(t *testing.T) {
	for _, one := range samples {
		s := one.make()
		q := s.Question
		for name, strip := range map[string]func(*facts.Facts){
			"nothing":      func(f *facts.Facts) { *f = facts.Facts{Question: q, Now: now} },
			"no cluster":   func(f *facts.Facts) { f.Cluster = facts.Cluster{} },
			"no servers":   func(f *facts.Facts) { f.Servers = facts.Servers{} },
			"no Pods":      func(f *facts.Facts) { f.Cluster.Pods, f.Cluster.PodsKnown = nil, false },
			"no slices":    func(f *facts.Facts) { f.Cluster.Slices, f.Cluster.SlicesKnown = nil, false },
			"no events":    func(f *facts.Facts) { f.Cluster.Events, f.Cluster.EventsKnown = nil, false },
			"no clock":     func(f *facts.Facts) { f.Now = time.Time{} },
			"no Overview":  func(f *facts.Facts) { f.Servers.Replicas = withoutOverview(f.Servers.Replicas) },
			"no questions": func(f *facts.Facts) { f.Question = question.Question{} },
		} {
			f := one.make().Facts
			strip(&f)
			v := cause.Judge(&f)
			for _, finding := range v.Findings {
				if strings.Contains(finding.Text, "%!") || finding.Text == "" {
					t.Errorf("%s, %s: %q", one.name, name, finding.Text)
				}
			}
		}
	}
}

func withoutOverview(all []facts.Replica) []facts.Replica {
	for i := range all {
		all[i].Overview = nil
	}
	return all
}
