package differential

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"
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
	sql     = differences.Port{Name: "sql", Protocol: "tcp", Number: 5432}
	metrics = differences.Port{Name: "metrics", Protocol: "udp", Number: 9100}
	dnsTCP  = differences.Port{Name: "dns-tcp", Protocol: "tcp", Number: 53}
	dnsUDP  = differences.Port{Name: "dns", Protocol: "udp", Number: 53}
	bare    = differences.Port{Protocol: "tcp", Number: 8080}
)

// pods are all Pods. Those of the app sts have a hostname under the Service sts.
var pods = []struct {
	name, app string
	addresses []string
	standing  differences.Standing
}{
	{"sts-0", "sts", []string{"10.1.0.1", "fd00:1::1"}, differences.Ready},
	{"sts-1", "sts", []string{"10.1.0.2", "fd00:1::2"}, differences.Ready},
	{"sts-2", "sts", []string{"10.1.0.3", "fd00:1::3"}, differences.Unready},
	{"sts-3", "sts", []string{"10.1.0.4", "fd00:1::4"}, differences.Terminating},
	{"plain-a", "plain", []string{"10.2.0.1"}, differences.Ready},
	{"plain-b", "plain", []string{"10.2.0.2"}, differences.Ready},
	{"plain-c", "plain", []string{"10.2.0.3"}, differences.Unready},
	{"dotted.pod", "dotted", []string{"10.2.1.1"}, differences.Ready},
}

// A builder makes objects in the cluster, and describes each in services.
type builder struct {
	ctx      context.Context
	cluster  *cluster.Cluster
	services []*differences.Service
	err      error
}

func (b *builder) do(err error) {
	if b.err == nil {
		b.err = err
	}
}

// build makes all objects and returns when the controllers have made their
// slices.
func build(ctx context.Context, c *cluster.Cluster) ([]*differences.Service, error) {
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
		case differences.Unready:
			b.do(b.cluster.PodUnready(b.ctx, mainSpace, p.name))
		case differences.Terminating:
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

func (b *builder) headless(name, app string, ports ...differences.Port) *corev1.Service {
	return cluster.HeadlessService(mainSpace, name, map[string]string{"app": app}, servicePorts(ports)...)
}

// selected creates a Service that selects the Pods of an app.
func (b *builder) selected(obj *corev1.Service, app string, ports ...differences.Port) *differences.Service {
	s := &differences.Service{Namespace: obj.Namespace, Name: obj.Name}
	for _, p := range pods {
		if p.app != app {
			continue
		}
		for _, address := range p.addresses {
			e := differences.Endpoint{Address: address, Pod: p.name, Ports: ports, Standing: p.standing}
			if obj.Spec.PublishNotReadyAddresses {
				e.Standing = differences.Ready
			}
			if p.app == "sts" && s.Name == "sts" {
				e.Hostname = p.name
			}
			if is4(e) || obj.Spec.IPFamilyPolicy != nil {
				s.Endpoints = append(s.Endpoints, e)
			}
		}
	}
	b.do(b.cluster.CreateService(b.ctx, obj))
	b.services = append(b.services, s)
	return s
}

// handmade makes Services without a selector, and the slices of them.
func (b *builder) handmade() {
	one, two := differences.Port{Name: "one", Protocol: "tcp", Number: 1001}, differences.Port{Name: "two", Protocol: "tcp", Number: 1002}
	s := b.without(mainSpace, "hand")
	b.slice(s, "hand-a", []differences.Port{one}, differences.Endpoint{Address: "10.3.0.1", Hostname: "first", Zone: "eu-1"}, differences.Endpoint{Address: "10.3.0.2", Zone: "Eu.2"})
	b.slice(s, "hand-b", []differences.Port{two}, differences.Endpoint{Address: "10.3.0.2", Zone: "Eu.2"}, differences.Endpoint{Address: "10.3.0.3", Standing: differences.Unready, Zone: "eu-3"})
	b.slice(s, "hand-c", nil, differences.Endpoint{Address: "10.3.0.4"}, differences.Endpoint{Address: "10.3.0.5", Standing: differences.Terminating})
	b.slice(s, "hand-d", []differences.Port{{Name: "one", Protocol: "tcp", Number: 2001}}, differences.Endpoint{Address: "fd00:3::1", Hostname: "first", Zone: "eu-1"}, differences.Endpoint{Address: "2001:db8::", Zone: "eu-6"})

	s = b.without(mainSpace, "mixed")
	b.slice(s, "mixed-a", []differences.Port{one, {Protocol: "udp", Number: 1009}, {Name: "uno", Protocol: "tcp", Number: 1001}}, differences.Endpoint{Address: "10.3.1.1"})
	b.slice(s, "mixed-b", []differences.Port{{Protocol: "tcp", Number: 1010}}, differences.Endpoint{Address: "10.3.1.1"}, differences.Endpoint{Address: "10.3.1.2"})
	s = b.without(mainSpace, "any-port")
	b.slice(s, "any-port-a", []differences.Port{one, {Name: "all", Protocol: "tcp", Number: 0}, {Name: "every", Protocol: "sctp", Number: 0}}, differences.Endpoint{Address: "10.3.2.1", Hostname: "any-0"})
	s = b.without(otherSpace, "sts")
	b.slice(s, "sts-a", []differences.Port{sql}, differences.Endpoint{Address: "10.1.0.1", Hostname: "shared"}, differences.Endpoint{Address: "fd00:1::1"})
	s = b.without(mainSpace, "down")
	b.slice(s, "down-a", []differences.Port{sql}, differences.Endpoint{Address: "10.3.3.1", Standing: differences.Unready, Zone: "eu-3"}, differences.Endpoint{Address: "10.3.3.2", Standing: differences.Draining, Zone: "eu-1"})
	b.without(mainSpace, "empty")

	s = b.without(mainSpace, "big")
	var many []differences.Endpoint
	for i := range 60 {
		many = append(many, differences.Endpoint{Address: fmt.Sprintf("10.3.4.%d", i+1)})
	}
	b.slice(s, "big-a", []differences.Port{one}, many...)
	s = b.without(mainSpace, "medium")
	b.slice(s, "medium-a", []differences.Port{one}, many[:7]...)

	s = b.without(mainSpace, "legacy")
	b.legacy(s, sql, differences.Endpoint{Address: "10.3.5.1", Hostname: "old"}, differences.Endpoint{Address: "10.3.5.2"}, differences.Endpoint{Address: "10.3.5.3", Standing: differences.Unready})
	s = b.without(mainSpace, "fqdn")
	b.fqdnSlice(s, "www.example.org")
	s = b.without(mainSpace, "vip")
	b.slice(s, "vip-a", []differences.Port{sql}, differences.Endpoint{Address: webClusterIP})
}

// addressesTwice makes Services in whose slices an address stands twice: the
// newer slice contradicts the older one.
func (b *builder) addressesTwice() {
	s := b.without(mainSpace, "moved")
	b.slice(s, "moved-a", []differences.Port{sql}, differences.Endpoint{Address: "10.4.0.1", Pod: "mover", Standing: differences.Outdated}, differences.Endpoint{Address: "10.4.0.2", Pod: "stayer"})
	b.slice(s, "moved-b", []differences.Port{sql}, differences.Endpoint{Address: "10.4.0.1", Pod: "mover", Standing: differences.Unready})
	s = b.without(mainSpace, "reused")
	b.slice(s, "reused-a", []differences.Port{sql}, differences.Endpoint{Address: "10.4.1.1", Hostname: "before", Pod: "before", Standing: differences.Replaced})
	b.slice(s, "reused-b", []differences.Port{sql}, differences.Endpoint{Address: "10.4.1.1", Hostname: "after", Pod: "after"})
}

func (b *builder) clusterIPs() {
	http := differences.Port{Name: "http", Protocol: "tcp", Number: 80}
	web := cluster.ClusterIPService(mainSpace, "web", map[string]string{"app": "plain"}, servicePorts([]differences.Port{http})...)
	web.Spec.ClusterIP = webClusterIP
	s := b.selected(web, "plain", http)
	s.Kind, s.Address, s.Ports = differences.ClusterIP, webClusterIP, []differences.Port{http}
	only := cluster.ClusterIPService(plainSpace, "only", nil, servicePorts([]differences.Port{http})...)
	only.Spec.ClusterIP = "10.96.7.8"
	b.do(b.cluster.CreateService(b.ctx, only))
	s = &differences.Service{Namespace: plainSpace, Name: "only", Kind: differences.ClusterIP, Address: "10.96.7.8", Ports: []differences.Port{http}}
	b.services = append(b.services, s)
	b.slice(s, "only-a", []differences.Port{http}, differences.Endpoint{Address: "10.5.0.1", Hostname: "only-0"}, differences.Endpoint{Address: "10.1.0.1"})
}

// strays makes slices that belong to no headless Service.
func (b *builder) strays() {
	s := &differences.Service{Namespace: mainSpace, Name: "nobody", Kind: differences.Absent}
	b.services = append(b.services, s)
	b.slice(s, "nobody-a", []differences.Port{sql}, differences.Endpoint{Address: "10.6.0.1", Hostname: "no-0"})
	s = b.external("left-over", "www.example.org.", 0)
	b.slice(s, "left-over-a", []differences.Port{sql}, differences.Endpoint{Address: "10.6.0.2", Hostname: "left-0"})
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
	b.annotated("flattened", "www.example.org.", "flatten", "on").Flatten = true
	b.annotated("several", "failing.example.org.", "targets", "order www.example.org").Targets = []string{"www.example.org."}
	b.external("itself", inside("itself"), differences.Loop)
	b.external("ring-a", inside("ring-b"), differences.Loop)
	b.external("ring-b", inside("ring-a"), differences.Loop)
	b.external("chain-0", inside("plain"), 0)
	for i := range 9 {
		b.external(fmt.Sprintf("chain-%d", i+1), inside(fmt.Sprintf("chain-%d", i)), i+1)
	}
	b.external("literal", "192.0.2.33", 0, sql, metrics)
	b.external("ported", "www.example.org.", 0, sql, metrics, differences.Port{Name: "sip", Protocol: "sctp", Number: 5060})
	b.external("ported-inside", inside("sts"), 0, sql)
	b.external("unnamed-external", "www.example.org.", 0, bare)
}

// annotated makes an ExternalName Service with an annotation of this plugin.
func (b *builder) annotated(name, target, annotation, value string) *differences.Service {
	s := &differences.Service{Namespace: mainSpace, Name: name, Kind: differences.ExternalName, Target: target}
	obj := cluster.ExternalNameService(s.Namespace, name, strings.TrimSuffix(target, "."))
	obj.Annotations = map[string]string{"k8s-endpoints.coredns.io/" + annotation: value}
	b.do(b.cluster.CreateService(b.ctx, obj))
	b.services = append(b.services, s)
	return s
}

func (b *builder) external(name, target string, links int, ports ...differences.Port) *differences.Service {
	s := &differences.Service{Namespace: mainSpace, Name: name, Kind: differences.ExternalName, Target: target, Links: links, Ports: ports}
	b.do(b.cluster.CreateService(b.ctx, cluster.ExternalNameService(s.Namespace, name, strings.TrimSuffix(target, "."), servicePorts(ports)...)))
	b.services = append(b.services, s)
	return s
}

// without makes a headless Service of both families without a selector.
func (b *builder) without(namespace, name string) *differences.Service {
	obj := cluster.DualStack(cluster.HeadlessService(namespace, name, nil))
	b.do(b.cluster.CreateService(b.ctx, obj))
	s := &differences.Service{Namespace: namespace, Name: name}
	b.services = append(b.services, s)
	return s
}

// slice makes a slice for each family among the endpoints.
func (b *builder) slice(s *differences.Service, name string, ports []differences.Port, endpoints ...differences.Endpoint) {
	four := cluster.HandmadeSlice(s.Namespace, name, s.Name, slicePorts(ports))
	six := cluster.HandmadeSlice(s.Namespace, name+"-v6", s.Name, slicePorts(ports))
	six.AddressType = discoveryv1.AddressTypeIPv6
	for _, e := range endpoints {
		e.Ports = ports
		s.Endpoints = append(s.Endpoints, e)
		of := six
		if is4(e) {
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

func (b *builder) fqdnSlice(s *differences.Service, name string) {
	s.FQDN = name
	obj := cluster.HandmadeSlice(s.Namespace, s.Name+"-a", s.Name, slicePorts([]differences.Port{sql}))
	obj.AddressType = discoveryv1.AddressTypeFQDN
	obj.Endpoints = []discoveryv1.Endpoint{{Addresses: []string{name}}}
	b.do(b.cluster.CreateSlice(b.ctx, obj))
}

// legacy makes Endpoints, which the controllers mirror.
func (b *builder) legacy(s *differences.Service, p differences.Port, endpoints ...differences.Endpoint) {
	obj := cluster.LegacyEndpoints(s.Namespace, s.Name, []corev1.EndpointPort{{Name: p.Name, Protocol: protocolOf(p), Port: p.Number}})
	subset := &obj.Subsets[0]
	for _, e := range endpoints {
		e.Ports = []differences.Port{p}
		s.Endpoints = append(s.Endpoints, e)
		address := corev1.EndpointAddress{IP: e.Address, Hostname: e.Hostname}
		if e.Standing == differences.Ready {
			subset.Addresses = append(subset.Addresses, address)
		} else {
			subset.NotReadyAddresses = append(subset.NotReadyAddresses, address)
		}
	}
	b.do(b.cluster.CreateEndpoints(b.ctx, obj))
}

func asObject(e differences.Endpoint) discoveryv1.Endpoint {
	obj := discoveryv1.Endpoint{Addresses: []string{e.Address}}
	if e.Hostname != "" {
		obj.Hostname = &e.Hostname
	}
	if e.Pod != "" {
		obj.TargetRef = &corev1.ObjectReference{Kind: "Pod", Namespace: mainSpace, Name: e.Pod, UID: types.UID(e.Pod)}
	}
	if e.Zone != "" {
		obj.Zone = &e.Zone
	}
	no, yes := false, true
	switch e.Standing {
	case differences.Unready:
		obj.Conditions.Ready = &no
	case differences.Terminating, differences.Draining:
		obj.Conditions = discoveryv1.EndpointConditions{Ready: &no, Serving: &yes, Terminating: &yes}
	}
	return obj
}

func protocolOf(p differences.Port) corev1.Protocol {
	return corev1.Protocol(strings.ToUpper(p.Protocol))
}

func servicePorts(ports []differences.Port) []corev1.ServicePort {
	var made []corev1.ServicePort
	for _, p := range ports {
		made = append(made, cluster.Port(p.Name, protocolOf(p), p.Number))
	}
	return made
}

func slicePorts(ports []differences.Port) []discoveryv1.EndpointPort {
	var made []discoveryv1.EndpointPort
	for _, p := range ports {
		obj := cluster.SlicePort(p.Name, protocolOf(p), p.Number)
		if p.Number == 0 {
			obj.Port = nil
		}
		made = append(made, obj)
	}
	return made
}

// inSlices reports whether a slice calls the endpoint ready.
func inSlices(e differences.Endpoint) bool {
	return e.Standing != differences.Unready && e.Standing != differences.Terminating && e.Standing != differences.Draining
}

func is4(e differences.Endpoint) bool { return strings.Contains(e.Address, ".") }

// settled returns nil when the slices in the cluster agree with services.
func (b *builder) settled(ctx context.Context) error {
	for _, s := range b.services {
		all, err := b.cluster.Slices(ctx, s.Namespace, s.Name)
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
		for _, e := range s.Endpoints {
			want = append(want, fmt.Sprint([]string{e.Address}, inSlices(e)))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			return fmt.Errorf("%s/%s: the slices say %v, want %v", s.Namespace, s.Name, got, want)
		}
	}
	return nil
}
