package main

//lint:file-ignore SA1019 Endpoints are deprecated, and clusters still have them.

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/cause"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/facts"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/question"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/report"
	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

var update = flag.Bool("update", false, "write what is reported into testdata/samples")

// now is when all samples are asked.
var now = time.Date(2026, 11, 28, 14, 7, 10, 0, time.UTC)

func at(clock string) time.Time {
	t, err := time.Parse(time.DateTime, "2026-11-28 "+clock)
	if err != nil {
		panic(err)
	}
	return t
}

// A sample is one thing that goes wrong in a cluster, as the facts that are then gathered.
type sample struct {
	facts.Facts
	typed string
}

func newSample(typed, namespace string, reading int) *sample {
	all, err := question.Parse(typed, namespace, "cluster.local")
	if err != nil {
		panic(err)
	}
	s := &sample{typed: typed}
	s.Now, s.Question = now, all[reading]
	return s
}

// servers are two of them that are well, and say the same.
func (s *sample) servers(answers ...facts.Answer) *sample {
	s.Servers.Address = "10.96.0.10"
	for i, name := range []string{"coredns-6f7d9c-x2x4z", "coredns-6f7d9c-9k2lm"} {
		s.Servers.Pods = append(s.Servers.Pods, facts.ServerPod{Name: name, Address: fmt.Sprintf("10.1.0.%d", 5+4*i), Ready: true})
		r := facts.Replica{Name: name, TCP: true, Answers: answers}
		r.Overview = &v1.Overview{Header: header(name), Sources: []v1.Source{{Stream: "services", Up: true, LastEvent: v1.At(now.Add(-4 * time.Second))}}}
		s.Servers.Replicas = append(s.Servers.Replicas, r)
	}
	return s
}

func header(name string) v1.Header {
	return v1.Header{APIVersion: v1.APIVersion, Now: v1.At(now), Server: v1.Server{Name: name, Version: "0.1.0"}}
}

// page gives both servers the same page of the Service.
func (s *sample) page(of v1.Service) *sample {
	for i := range s.Servers.Replicas {
		one := of
		s.Servers.Replicas[i].Service = &one
	}
	return s
}

// then gives both servers the same page of the past.
func (s *sample) then(of v1.Service) *sample {
	for i := range s.Servers.Replicas {
		one := of
		s.Servers.Replicas[i].AtThen = &one
	}
	return s
}

// service has the Service in the cluster, and knows all of its Pods and slices.
func (s *sample) service(change func(*corev1.Service)) *sample {
	q := &s.Question
	made := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: q.Namespace, Name: q.Service}, Spec: corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone}}
	change(made)
	c := &s.Cluster
	c.Service, c.ServiceKnown, c.PodsKnown, c.SlicesKnown, c.EventsKnown = made, true, true, true, true
	return s
}

func selects(labels ...string) func(*corev1.Service) {
	return func(s *corev1.Service) {
		s.Spec.Selector = make(map[string]string)
		for i := 0; i < len(labels); i += 2 {
			s.Spec.Selector[labels[i]] = labels[i+1]
		}
	}
}

// pod adds one that runs and is ready, but for what change does.
func (s *sample) pod(name, address string, change func(*corev1.Pod)) *sample {
	s.Cluster.Pods = append(s.Cluster.Pods, newPod(s.Question.Namespace, name, address, change))
	return s
}

func newPod(namespace, name, address string, change func(*corev1.Pod)) corev1.Pod {
	p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, CreationTimestamp: metav1.NewTime(at("12:00:00"))}}
	began := metav1.NewTime(at("12:00:01"))
	p.Spec.NodeName = "n1"
	p.Spec.Containers = []corev1.Container{{Name: "app"}}
	p.Status = corev1.PodStatus{
		Phase: corev1.PodRunning, StartTime: &began, PodIP: address,
		Conditions: []corev1.PodCondition{
			{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: began},
			{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: began},
		},
		ContainerStatuses: []corev1.ContainerStatus{{Name: "app", Ready: true}},
	}
	if change != nil {
		change(&p)
	}
	return p
}

// unready makes a Pod unready since then.
func unready(since string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		c := &p.Status.Conditions[1]
		c.Status, c.LastTransitionTime, c.Reason, c.Message = corev1.ConditionFalse, metav1.NewTime(at(since)), "ContainersNotReady", "containers with unready status: [app]"
		p.Status.ContainerStatuses[0].Ready = false
	}
}

// slice adds one of the controller with these Pods, each as "name address" or "name address unready".
func (s *sample) slice(name string, endpoints ...discoveryv1.Endpoint) *sample {
	q := &s.Question
	s.Cluster.Slices = append(s.Cluster.Slices, discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: q.Namespace, Name: name, CreationTimestamp: metav1.NewTime(at("12:00:02")),
			Labels: map[string]string{discoveryv1.LabelServiceName: q.Service, discoveryv1.LabelManagedBy: "endpointslice-controller.k8s.io"},
		},
		AddressType: discoveryv1.AddressTypeIPv4, Endpoints: endpoints,
	})
	return s
}

func endpoint(pod, address string, ready bool) discoveryv1.Endpoint {
	node := "n1"
	return discoveryv1.Endpoint{
		Addresses: []string{address}, Hostname: &pod, NodeName: &node, Conditions: discoveryv1.EndpointConditions{Ready: &ready, Serving: &ready},
		TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: pod},
	}
}

func answer(q question.Question, addresses ...string) facts.Answer {
	return facts.Answer{Name: q.Name(), Type: q.Types()[0], Records: addresses, TTL: 2}
}

func denied(q question.Question, note string) facts.Answer {
	return facts.Answer{Name: q.Name(), Type: q.Types()[0], Rcode: dns.RcodeNameError, TTL: 1, Notes: []facts.Note{{Code: dns.ExtendedErrorCodeOther, Text: note}}}
}

// samples are those of the seed's list.
var samples = []struct {
	name string
	make func() *sample
}{
	{"a selector", func() *sample {
		s := newSample("web", "shop", 0).service(selects("app", "web", "tier", "front")).slice("web-x7k2p")
		for i, name := range []string{"web-7d4-x2x4z", "web-7d4-9k2lm", "web-7d4-c77wq", "db-0", "db-1"} {
			labels := map[string]string{"app": "web", "tier": "frontend"}
			if i > 2 {
				labels = map[string]string{"app": "db"}
			}
			s.Cluster.Others = append(s.Cluster.Others, facts.Labelled{Namespace: "shop", Name: name, Labels: labels})
		}
		s.Cluster.InNamespace = 14
		page := v1.Service{Type: "headless", Selector: true, History: []v1.Decision{{At: v1.At(at("13:58:02")), Cause: "service", Carried: [2]int{3, 0}}}}
		return s.servers(denied(s.Question, "shop/web has no endpoints")).page(page)
	}},
	{"b without selector", func() *sample {
		s := newSample("pg", "db", 0).service(func(*corev1.Service) {})
		s.Cluster.Legacy = &corev1.Endpoints{Subsets: []corev1.EndpointSubset{{Addresses: []corev1.EndpointAddress{{IP: "10.9.0.1"}, {IP: "10.9.0.2"}}}}}
		return s.servers(denied(s.Question, "db/pg has no endpoints"))
	}},
	{"c Pods that failed to start", func() *sample {
		s := newSample("db-1.db", "shop", 0).service(selects("app", "db"))
		s.pod("db-0", "10.1.4.17", nil).pod("db-2", "10.1.9.31", nil)
		s.pod("db-1", "", func(p *corev1.Pod) {
			p.Spec.Hostname, p.Spec.Subdomain, p.Spec.NodeName = "db-1", "db", ""
			p.Status = corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{
				Type: corev1.PodScheduled, Status: corev1.ConditionFalse, LastTransitionTime: metav1.NewTime(at("14:01:10")),
				Reason: "Unschedulable", Message: "0/5 nodes are available: insufficient memory",
			}}}
		})
		s.slice("db-abcde", endpoint("db-0", "10.1.4.17", true), endpoint("db-2", "10.1.9.31", true))
		return s.servers(denied(s.Question, "no such endpoint in shop/db"))
	}},
	{"d readiness", func() *sample {
		s := newSample("web-2.web", "shop", 0).service(selects("app", "web"))
		for i := range 6 {
			name, address := fmt.Sprintf("web-%d", i), fmt.Sprintf("10.1.9.%d", 29+i)
			change := func(p *corev1.Pod) { p.Spec.Hostname, p.Spec.Subdomain = name, "web" }
			if i == 2 {
				change = func(p *corev1.Pod) {
					p.Spec.Hostname, p.Spec.Subdomain = name, "web"
					p.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "x.io/lb"}}
					unready("14:02:58")(p)
				}
			}
			s.pod(name, address, change)
		}
		s.Cluster.Events = map[string][]corev1.Event{"web-2": {{
			Reason: "Unhealthy", Message: "Readiness probe failed: HTTP probe failed with statuscode: 503", Count: 57, LastTimestamp: metav1.NewTime(now.Add(-3 * time.Second)),
		}}}
		flaps := 15
		page := v1.Service{Type: "headless", Selector: true, Carried: 5, Policy: []v1.PolicyLine{{Option: "publish", Value: "serving", From: "corefile", Where: "Corefile:14"}}}
		page.Endpoints = []v1.Endpoint{{
			Name: "web-2", Pod: "web-2", Address: "10.1.9.31", Tier: "sick", Since: v1.At(at("14:02:58")), Named: true, Flaps: &flaps,
			Why: "not published, because it is not ready any more; its own name stays",
		}}
		return s.servers(answer(s.Question, "10.1.9.31")).page(page)
	}},
	{"e what was", func() *sample {
		s := newSample("web-2.web", "shop", 0)
		s.Question.At = at("14:03:00")
		then := v1.Service{KnownFrom: v1.At(time.Date(2026, 11, 27, 19, 26, 2, 0, time.UTC)), Policy: []v1.PolicyLine{{Option: "pod_names", Value: "all"}}}
		for i, address := range []string{"10.1.4.27", "10.1.6.44", "10.1.9.31", "10.1.7.12", "10.1.8.5"} {
			e := v1.Endpoint{Name: fmt.Sprintf("web-%d", i), Address: address, Tier: "good", Published: true}
			if i == 2 {
				e.Tier, e.Published, e.Since = "sick", false, v1.At(at("14:02:58"))
			}
			then.Endpoints = append(then.Endpoints, e)
		}
		return s.servers().then(then)
	}},
	{"e from when to when", func() *sample {
		s := newSample("db", "shop", 0)
		s.Question.From, s.Question.To = at("03:00:00"), at("03:10:00")
		span := func(from, to, tier string) v1.Span {
			return v1.Span{From: v1.At(at(from)), To: v1.At(at(to)), Tier: tier, Published: tier == "good"}
		}
		then := v1.Service{
			KnownFrom: v1.At(at("01:00:00")),
			Endpoints: []v1.Endpoint{
				{Name: "db-0", Address: "10.1.4.17", Spans: []v1.Span{span("03:00:00", "03:10:00", "good")}},
				{Name: "db-1", Address: "10.1.6.9", Spans: []v1.Span{span("03:00:00", "03:10:00", "good")}},
				{Name: "db-2", Address: "10.1.9.77", Spans: []v1.Span{span("03:04:59", "03:10:00", "good")}},
			},
			Gone: []v1.Endpoint{{Name: "db-2", Address: "10.1.9.31", Spans: []v1.Span{span("03:00:00", "03:04:41", "good"), span("03:04:41", "03:04:59", "dying")}}},
			Lost: []v1.Loss{{From: v1.At(at("03:02:10")), To: v1.At(at("03:02:52"))}},
		}
		return s.servers().then(then)
	}},
	{"e since before it is known", func() *sample {
		s := newSample("db-0.db", "shop", 0)
		s.Question.From, s.Question.To = at("13:00:00"), at("14:07:10")
		span := func(from, to time.Time, tier string) v1.Span {
			return v1.Span{From: v1.At(from), To: v1.At(to), Tier: tier, Published: tier == "good"}
		}
		blink := at("13:40:00").Add(200 * time.Millisecond)
		then := v1.Service{
			KnownFrom: v1.At(at("13:30:00")),
			Endpoints: []v1.Endpoint{
				{Name: "db-0", Address: "10.1.4.17", Spans: []v1.Span{
					span(at("13:31:00"), at("13:40:00"), "good"), span(at("13:40:00"), blink, "sick"), span(blink, at("14:00:00"), "good"), span(at("14:00:00"), now, "sick"),
				}},
				{Name: "db-1", Address: "10.1.6.9", Spans: []v1.Span{span(at("13:35:00"), now, "good")}},
			},
		}
		return s.servers().then(then)
	}},
	{"e before anything is known", func() *sample {
		s := newSample("db", "shop", 0)
		s.Question.At = at("13:00:00")
		return s.servers().then(v1.Service{KnownFrom: v1.At(at("13:30:00"))})
	}},
	{"f endpoints do not follow", func() *sample {
		s := newSample("web", "shop", 0).service(selects("app", "web"))
		s.pod("web-0", "10.1.4.27", nil).pod("web-1", "10.1.6.80", func(p *corev1.Pod) {
			began := metav1.NewTime(at("13:52:31"))
			p.Status.StartTime = &began
		})
		s.slice("web-x7k2p", endpoint("web-0", "10.1.4.27", true), endpoint("web-1", "10.1.6.44", true))
		s.Cluster.Slices[0].ManagedFields = []metav1.ManagedFieldsEntry{{Time: &metav1.Time{Time: at("13:40:10")}}}
		s.Cluster.Renewed = at("13:54:10")
		return s.servers(answer(s.Question, "10.1.4.27", "10.1.6.44"))
	}},
	{"g ports", func() *sample {
		s := newSample("_grpc._tcp.api", "shop", 0).service(func(s *corev1.Service) {
			selects("app", "api")(s)
			s.Spec.Ports = []corev1.ServicePort{
				{Name: "http", Protocol: corev1.ProtocolTCP, Port: 80, TargetPort: intstr.FromString("http")},
				{Name: "grpc", Protocol: corev1.ProtocolTCP, Port: 90, TargetPort: intstr.FromString("grpc")},
			}
		})
		for i := range 3 {
			s.pod(fmt.Sprintf("api-%d", i), fmt.Sprintf("10.1.5.%d", i), func(p *corev1.Pod) {
				p.Spec.Containers[0].Ports = []corev1.ContainerPort{
					{Name: "http", ContainerPort: 8080, Protocol: corev1.ProtocolTCP}, {Name: "grpc-web", ContainerPort: 9090, Protocol: corev1.ProtocolTCP},
				}
			})
		}
		s.slice("api-x", endpoint("api-0", "10.1.5.0", true), endpoint("api-1", "10.1.5.1", true), endpoint("api-2", "10.1.5.2", true))
		return s.servers(denied(s.Question, "no such port at any endpoint of shop/api"))
	}},
	{"h publishNotReadyAddresses", func() *sample {
		s := newSample("es", "search", 0).service(func(s *corev1.Service) {
			selects("app", "es")(s)
			s.Spec.PublishNotReadyAddresses = true
		})
		s.pod("es-0", "10.1.3.77", nil).pod("es-1", "10.1.3.78", unready("14:00:00")).pod("es-2", "10.1.3.79", unready("14:01:00"))
		s.slice("es-x", endpoint("es-0", "10.1.3.77", true), endpoint("es-1", "10.1.3.78", true), endpoint("es-2", "10.1.3.79", true))
		return s.servers(answer(s.Question, "10.1.3.77", "10.1.3.78", "10.1.3.79"))
	}},
	{"i external names", func() *sample {
		s := newSample("billing", "shop", 0).service(func(s *corev1.Service) {
			s.Spec = corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "db.example.com"}
		})
		failed := facts.Answer{Name: s.Question.Name(), Type: dns.TypeA, Rcode: dns.RcodeServerFailure, Took: 2 * time.Second}
		s.Direct, s.DirectAt = &facts.Answer{Records: []string{"192.0.2.7"}}, "192.0.2.53"
		return s.servers(failed)
	}},
	{"j the side of the client", func() *sample {
		s := newSample("db.shop.svc.cluster.local", "shop", 0).service(selects("app", "db"))
		s.pod("db-0", "10.1.4.17", nil).pod("db-1", "10.1.6.9", nil).pod("db-2", "10.1.9.31", nil)
		s.slice("db-x", endpoint("db-0", "10.1.4.17", true), endpoint("db-1", "10.1.6.9", true), endpoint("db-2", "10.1.9.31", true))
		s.Client = facts.Client{
			Known: true, Source: "/etc/resolv.conf", Nameservers: []string{"169.254.20.10"}, Ndots: 5,
			Search: []string{"shop.svc.cluster.local", "svc.cluster.local", "cluster.local"},
		}
		s.Client.Answer = &facts.Answer{Name: s.Question.Name(), Type: dns.TypeA, Rcode: dns.RcodeNameError, TTL: 17}
		s.servers(answer(s.Question, "10.1.4.17", "10.1.6.9", "10.1.9.31"))
		other := &s.Servers.Replicas[1]
		other.Answers = []facts.Answer{answer(s.Question, "10.1.4.17", "10.1.6.9")}
		other.Overview.Sources[0].Up = false
		other.Overview.Sources[0].Lost = []v1.Loss{{From: v1.At(now.Add(-48 * time.Second)), Why: "connection refused"}}
		return s
	}},
	{"k traffic does not arrive", func() *sample {
		s := newSample("web", "shop", 0).service(selects("app", "web"))
		s.pod("web-0", "10.1.4.27", nil).pod("web-1", "10.1.7.12", nil)
		s.slice("web-x", endpoint("web-0", "10.1.4.27", true), endpoint("web-1", "10.1.7.12", true))
		s.Cluster.NetworkPolicies = []string{"deny-all", "web-in"}
		s.Paths = []facts.Path{{Address: "10.1.4.27:80", Node: "n1", Took: time.Millisecond}, {Address: "10.1.7.12:80", Node: "n3", Err: "timed out"}}
		return s.servers(answer(s.Question, "10.1.4.27", "10.1.7.12"))
	}},
	{"l DNS alone", func() *sample {
		s := newSample("web.shop.svc.cluster.local", "default", 0)
		s.Skip("Pods, slices and Services", "no kubeconfig")
		off := denied(s.Question, "no such name in shop/web")
		s.Servers.Replicas = []facts.Replica{{Name: "10.96.0.10", Answers: []facts.Answer{answer(s.Question, "10.1.4.27", "10.1.6.44", "10.1.7.12", "10.1.8.5")}, Explained: &off}}
		return s
	}},
}

func TestSamples(t *testing.T) {
	for _, one := range samples {
		t.Run(one.name, func(t *testing.T) {
			f := one.make()
			var got bytes.Buffer
			must(t, report.Forms["text"](&got, []*cause.Verdict{cause.Judge(&f.Facts)}, false))
			file := filepath.Join("testdata", "samples", strings.ReplaceAll(one.name, " ", "-")+".txt")
			if *update {
				must(t, os.WriteFile(file, got.Bytes(), 0o600))
			}
			want, err := os.ReadFile(file)
			must(t, err)
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("got\n%s\nwant\n%s", got.Bytes(), want)
			}
		})
	}
}
