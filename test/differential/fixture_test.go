package differential

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
)

// The namespaces: two with Services of every kind, one with a ClusterIP Service
// alone, and one with none.
const (
	mainSpace    = "test"
	otherSpace   = "other"
	plainSpace   = "plain"
	vacantSpace  = "vacant"
	webClusterIP = "10.96.7.7"
)

var (
	sql     = port{"sql", "tcp", 5432}
	metrics = port{"metrics", "udp", 9100}
	dnsTCP  = port{"dns-tcp", "tcp", 53}
	dnsUDP  = port{"dns", "udp", 53}
	bare    = port{"", "tcp", 8080}
)

// pods are all Pods. Those of the app sts have a hostname under the Service sts.
var pods = []struct {
	name, app string
	addresses []string
	standing  standing
}{
	{"sts-0", "sts", []string{"10.1.0.1", "fd00:1::1"}, ready},
	{"sts-1", "sts", []string{"10.1.0.2", "fd00:1::2"}, ready},
	{"sts-2", "sts", []string{"10.1.0.3", "fd00:1::3"}, unready},
	{"sts-3", "sts", []string{"10.1.0.4", "fd00:1::4"}, terminating},
	{"plain-a", "plain", []string{"10.2.0.1"}, ready},
	{"plain-b", "plain", []string{"10.2.0.2"}, ready},
	{"plain-c", "plain", []string{"10.2.0.3"}, unready},
	{"dotted.pod", "dotted", []string{"10.2.1.1"}, ready},
}

// A builder makes objects in the cluster, and notes what is known of them.
type builder struct {
	ctx      context.Context
	cluster  *cluster.Cluster
	services []*service
	err      error
}

func (b *builder) do(err error) {
	if b.err == nil {
		b.err = err
	}
}

// build makes all objects and returns when the controllers have made their
// slices.
func build(ctx context.Context, c *cluster.Cluster) ([]*service, error) {
	b := &builder{ctx: ctx, cluster: c}
	for _, namespace := range []string{mainSpace, otherSpace, plainSpace, vacantSpace, changedSpace} {
		b.do(c.CreateNamespace(ctx, namespace))
	}
	b.pods()
	b.selecting()
	b.handmade()
	b.addressesTwice()
	b.clusterIPs()
	b.strays()
	b.externalNames()
	if b.err != nil {
		return nil, b.err
	}
	if err := poll.Until(ctx, b.settled); err != nil {
		return nil, err
	}
	return b.services, buildChanged(ctx, c)
}

func (b *builder) pods() {
	for _, p := range pods {
		pod := cluster.Pod{Namespace: mainSpace, Name: p.name, Labels: map[string]string{"app": p.app}}
		if p.app == "sts" {
			pod.Hostname, pod.Subdomain = p.name, "sts"
		}
		b.do(b.cluster.CreatePod(b.ctx, pod))
		b.do(b.cluster.PodReady(b.ctx, mainSpace, p.name, p.addresses...))
		switch p.standing {
		case unready:
			b.do(b.cluster.PodUnready(b.ctx, mainSpace, p.name))
		case terminating:
			b.do(b.cluster.TerminatePod(b.ctx, mainSpace, p.name))
		}
	}
}

// selecting makes the Services whose slices the controller makes.
func (b *builder) selecting() {
	dual := cluster.DualStack(b.headless("sts", "sts", sql, metrics))
	b.selected(dual, "sts", sql, metrics)
	b.selected(b.headless("plain", "plain", dnsTCP, dnsUDP), "plain", dnsTCP, dnsUDP)
	b.selected(b.headless("unnamed", "plain", bare), "plain", bare)
	b.selected(b.headless("portless", "plain"), "plain")
	b.selected(b.headless("dotted", "dotted", sql), "dotted", sql)
	b.selected(b.headless("idle", "nothing", sql), "nothing", sql)
	always := b.headless("always", "sts", sql)
	always.Spec.PublishNotReadyAddresses = true
	b.selected(always, "sts", sql)
}

func (b *builder) headless(name, app string, ports ...port) *corev1.Service {
	return cluster.HeadlessService(mainSpace, name, map[string]string{"app": app}, servicePorts(ports)...)
}

// selected creates a Service that selects the Pods of an app.
func (b *builder) selected(obj *corev1.Service, app string, ports ...port) *service {
	s := &service{namespace: obj.Namespace, name: obj.Name}
	for _, p := range pods {
		if p.app != app {
			continue
		}
		for _, address := range p.addresses {
			e := endpoint{address: address, pod: p.name, ports: ports, standing: p.standing}
			if obj.Spec.PublishNotReadyAddresses {
				e.standing = ready
			}
			if p.app == "sts" && s.name == "sts" {
				e.hostname = p.name
			}
			if e.is4() || obj.Spec.IPFamilyPolicy != nil {
				s.endpoints = append(s.endpoints, e)
			}
		}
	}
	b.do(b.cluster.CreateService(b.ctx, obj))
	b.services = append(b.services, s)
	return s
}

// handmade makes Services without a selector, and the slices of them.
func (b *builder) handmade() {
	one, two := port{"one", "tcp", 1001}, port{"two", "tcp", 1002}
	s := b.without(mainSpace, "hand")
	b.slice(s, "hand-a", []port{one}, endpoint{address: "10.3.0.1", hostname: "first"}, endpoint{address: "10.3.0.2"})
	b.slice(s, "hand-b", []port{two}, endpoint{address: "10.3.0.2"}, endpoint{address: "10.3.0.3", standing: unready})
	b.slice(s, "hand-c", nil, endpoint{address: "10.3.0.4"}, endpoint{address: "10.3.0.5", standing: terminating})
	b.slice(s, "hand-d", []port{{"one", "tcp", 2001}}, endpoint{address: "fd00:3::1", hostname: "first"}, endpoint{address: "2001:db8::"})

	s = b.without(mainSpace, "mixed")
	b.slice(s, "mixed-a", []port{one, {"", "udp", 1009}, {"uno", "tcp", 1001}}, endpoint{address: "10.3.1.1"})
	b.slice(s, "mixed-b", []port{{"", "tcp", 1010}}, endpoint{address: "10.3.1.1"}, endpoint{address: "10.3.1.2"})
	s = b.without(mainSpace, "any-port")
	b.slice(s, "any-port-a", []port{one, {"all", "tcp", 0}, {"every", "sctp", 0}}, endpoint{address: "10.3.2.1", hostname: "any-0"})
	s = b.without(otherSpace, "sts")
	b.slice(s, "sts-a", []port{sql}, endpoint{address: "10.1.0.1", hostname: "shared"}, endpoint{address: "fd00:1::1"})
	s = b.without(mainSpace, "down")
	b.slice(s, "down-a", []port{sql}, endpoint{address: "10.3.3.1", standing: unready}, endpoint{address: "10.3.3.2", standing: draining})
	b.without(mainSpace, "empty")

	s = b.without(mainSpace, "big")
	var many []endpoint
	for i := range 60 {
		many = append(many, endpoint{address: fmt.Sprintf("10.3.4.%d", i+1)})
	}
	b.slice(s, "big-a", []port{one}, many...)
	s = b.without(mainSpace, "medium")
	b.slice(s, "medium-a", []port{one}, many[:7]...)

	s = b.without(mainSpace, "legacy")
	b.legacy(s, sql, endpoint{address: "10.3.5.1", hostname: "old"}, endpoint{address: "10.3.5.2"}, endpoint{address: "10.3.5.3", standing: unready})
	s = b.without(mainSpace, "fqdn")
	b.fqdnSlice(s, "www.example.org")
	s = b.without(mainSpace, "vip")
	b.slice(s, "vip-a", []port{sql}, endpoint{address: webClusterIP})
}

// addressesTwice makes Services in whose slices an address stands twice, and
// the newer slice says something else.
func (b *builder) addressesTwice() {
	s := b.without(mainSpace, "moved")
	b.slice(s, "moved-a", []port{sql}, endpoint{address: "10.4.0.1", pod: "mover", standing: outdated}, endpoint{address: "10.4.0.2", pod: "stayer"})
	b.slice(s, "moved-b", []port{sql}, endpoint{address: "10.4.0.1", pod: "mover", standing: unready})
	s = b.without(mainSpace, "reused")
	b.slice(s, "reused-a", []port{sql}, endpoint{address: "10.4.1.1", hostname: "before", pod: "before", standing: replaced})
	b.slice(s, "reused-b", []port{sql}, endpoint{address: "10.4.1.1", hostname: "after", pod: "after"})
}

func (b *builder) clusterIPs() {
	http := port{"http", "tcp", 80}
	web := cluster.ClusterIPService(mainSpace, "web", map[string]string{"app": "plain"}, servicePorts([]port{http})...)
	web.Spec.ClusterIP = webClusterIP
	s := b.selected(web, "plain", http)
	s.kind, s.address, s.ports = clusterIP, webClusterIP, []port{http}
	only := cluster.ClusterIPService(plainSpace, "only", nil, servicePorts([]port{http})...)
	only.Spec.ClusterIP = "10.96.7.8"
	b.do(b.cluster.CreateService(b.ctx, only))
	s = &service{namespace: plainSpace, name: "only", kind: clusterIP, address: "10.96.7.8", ports: []port{http}}
	b.services = append(b.services, s)
	b.slice(s, "only-a", []port{http}, endpoint{address: "10.5.0.1", hostname: "only-0"}, endpoint{address: "10.1.0.1"})
}

// strays makes slices that belong to no headless Service.
func (b *builder) strays() {
	s := &service{namespace: mainSpace, name: "nobody", kind: absent}
	b.services = append(b.services, s)
	b.slice(s, "nobody-a", []port{sql}, endpoint{address: "10.6.0.1", hostname: "no-0"})
	s = b.external("left-over", "www.example.org.", 0)
	b.slice(s, "left-over-a", []port{sql}, endpoint{address: "10.6.0.2", hostname: "left-0"})
}

func (b *builder) externalNames() {
	inside := func(name string) string { return name + "." + mainSpace + ".svc." + zone }
	for name, target := range map[string]string{
		"outside":        "www.example.org.",
		"rich":           "rich.example.org.",
		"v4-outside":     "v4.example.org.",
		"missing":        "missing.example.org.",
		"failing":        "failing.example.org.",
		"unserved":       "www.example.net.",
		"to-headless":    inside("sts"),
		"to-cluster-ip":  inside("web"),
		"to-endpoint":    inside("sts-0.sts"),
		"to-other-form":  inside("10-1-0-1.sts"),
		"to-nothing":     inside("nope"),
		"to-empty":       inside("empty"),
		"to-zone":        zone,
		"to-dns-version": "dns-version." + zone,
		"to-literal":     inside("literal"),
	} {
		b.external(name, target, 0)
	}
	b.external("itself", inside("itself"), loop)
	b.external("ring-a", inside("ring-b"), loop)
	b.external("ring-b", inside("ring-a"), loop)
	b.external("chain-0", inside("plain"), 0)
	for i := range 9 {
		b.external(fmt.Sprintf("chain-%d", i+1), inside(fmt.Sprintf("chain-%d", i)), i+1)
	}
	b.external("literal", "192.0.2.33", 0, sql, metrics)
	b.external("ported", "www.example.org.", 0, sql, metrics, port{"sip", "sctp", 5060})
	b.external("ported-inside", inside("sts"), 0, sql)
	b.external("unnamed-external", "www.example.org.", 0, bare)
}

func (b *builder) external(name, target string, links int, ports ...port) *service {
	s := &service{namespace: mainSpace, name: name, kind: externalName, target: target, links: links, ports: ports}
	b.do(b.cluster.CreateService(b.ctx, cluster.ExternalNameService(s.namespace, name, strings.TrimSuffix(target, "."), servicePorts(ports)...)))
	b.services = append(b.services, s)
	return s
}

// without makes a headless Service of both families without a selector.
func (b *builder) without(namespace, name string) *service {
	obj := cluster.DualStack(cluster.HeadlessService(namespace, name, nil))
	b.do(b.cluster.CreateService(b.ctx, obj))
	s := &service{namespace: namespace, name: name}
	b.services = append(b.services, s)
	return s
}

// slice makes a slice for each family among the endpoints.
func (b *builder) slice(s *service, name string, ports []port, endpoints ...endpoint) {
	four := cluster.HandmadeSlice(s.namespace, name, s.name, slicePorts(ports))
	six := cluster.HandmadeSlice(s.namespace, name+"-v6", s.name, slicePorts(ports))
	six.AddressType = discoveryv1.AddressTypeIPv6
	for _, e := range endpoints {
		e.ports = ports
		s.endpoints = append(s.endpoints, e)
		of := six
		if e.is4() {
			of = four
		}
		of.Endpoints = append(of.Endpoints, asObject(e))
	}
	for _, obj := range []*discoveryv1.EndpointSlice{four, six} {
		if len(obj.Endpoints) > 0 {
			b.do(b.cluster.CreateSlice(b.ctx, obj))
		}
	}
}

func (b *builder) fqdnSlice(s *service, name string) {
	s.fqdn = name
	obj := cluster.HandmadeSlice(s.namespace, s.name+"-a", s.name, slicePorts([]port{sql}))
	obj.AddressType = discoveryv1.AddressTypeFQDN
	obj.Endpoints = []discoveryv1.Endpoint{{Addresses: []string{name}}}
	b.do(b.cluster.CreateSlice(b.ctx, obj))
}

// legacy makes Endpoints, which the controllers mirror.
func (b *builder) legacy(s *service, p port, endpoints ...endpoint) {
	obj := cluster.LegacyEndpoints(s.namespace, s.name, []corev1.EndpointPort{{Name: p.name, Protocol: protocolOf(p), Port: p.number}})
	subset := &obj.Subsets[0]
	for _, e := range endpoints {
		e.ports = []port{p}
		s.endpoints = append(s.endpoints, e)
		address := corev1.EndpointAddress{IP: e.address, Hostname: e.hostname}
		if e.standing == ready {
			subset.Addresses = append(subset.Addresses, address)
		} else {
			subset.NotReadyAddresses = append(subset.NotReadyAddresses, address)
		}
	}
	b.do(b.cluster.CreateEndpoints(b.ctx, obj))
}

func asObject(e endpoint) discoveryv1.Endpoint {
	obj := discoveryv1.Endpoint{Addresses: []string{e.address}}
	if e.hostname != "" {
		obj.Hostname = &e.hostname
	}
	if e.pod != "" {
		obj.TargetRef = &corev1.ObjectReference{Kind: "Pod", Namespace: mainSpace, Name: e.pod, UID: types.UID(e.pod)}
	}
	no, yes := false, true
	switch e.standing {
	case unready:
		obj.Conditions.Ready = &no
	case terminating, draining:
		obj.Conditions = discoveryv1.EndpointConditions{Ready: &no, Serving: &yes, Terminating: &yes}
	}
	return obj
}

func protocolOf(p port) corev1.Protocol { return corev1.Protocol(strings.ToUpper(p.protocol)) }

func servicePorts(ports []port) []corev1.ServicePort {
	var made []corev1.ServicePort
	for _, p := range ports {
		made = append(made, cluster.Port(p.name, protocolOf(p), p.number))
	}
	return made
}

func slicePorts(ports []port) []discoveryv1.EndpointPort {
	var made []discoveryv1.EndpointPort
	for _, p := range ports {
		obj := cluster.SlicePort(p.name, protocolOf(p), p.number)
		if p.number == 0 {
			obj.Port = nil
		}
		made = append(made, obj)
	}
	return made
}

// settled returns nil when the slices in the cluster say what is known of all
// Services.
func (b *builder) settled(ctx context.Context) error {
	for _, s := range b.services {
		all, err := b.cluster.Slices(ctx, s.namespace, s.name)
		if err != nil {
			return err
		}
		var got []string
		for _, slice := range all {
			for _, e := range slice.Endpoints {
				if slice.AddressType != discoveryv1.AddressTypeFQDN {
					got = append(got, fmt.Sprint(e.Addresses, e.Conditions.Ready == nil || *e.Conditions.Ready))
				}
			}
		}
		var want []string
		for _, e := range s.endpoints {
			want = append(want, fmt.Sprint([]string{e.address}, e.inSlices()))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			return fmt.Errorf("%s/%s: the slices say %v, want %v", s.namespace, s.name, got, want)
		}
	}
	return nil
}
