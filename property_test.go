package endpoints

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/fall"
	"github.com/coredns/coredns/plugin/pkg/nonwriter"
	"github.com/coredns/coredns/plugin/test"
	"github.com/coredns/coredns/request"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apitypes "k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"
)

// Everything is drawn from small pools, so that names and addresses collide.
var (
	poolNamespaces = []string{"a", "default"}
	poolServices   = []string{"db", "web", "x"}
	poolIPv4       = []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"}
	poolIPv6       = []string{"fd00::1", "fd00::", "::1", "2001:db8:0:1:1:1:1:1"}
	poolHostnames  = []string{"h", "db-0", "pod-1", "10-0-0-2", "fd00--0", "H"}
	poolPods       = []string{"pod-1", "pod-2", "h", "10-0-0-3", "pod.with.dots", strings.Repeat("p", 63), strings.Repeat("p", 64)}
	poolUIDs       = []string{"", "one", "two", "2b5d8e4a-6f0c-4f1e-9a53-0d7c1b9e8f60", "2b5d8e4a-6f0c-4f1e-9a53-0d7c1b9e8f61"}
	poolTargets    = []string{
		"example.org", "example.org.", "alias.example.org", "nodata.example.org", "Missing.example.org",
		"refused.example.org", "broken.example.org", "lost.example.org",
		"db.default.svc.cluster.local", "Web.Default.svc.Cluster.local.", "x.a.svc.cluster.local",
		"h.db.default.svc.cluster.local", "nobody.default.svc.cluster.local", "_http._tcp.db.default.svc.cluster.local",
		"dns-version.cluster.local", "cluster.local", "1.0.0.10.in-addr.arpa",
		"192.0.2.7", "2001:db8::7", "::ffff:192.0.2.8",
	}
)

// drawnCluster holds objects by kind, namespace and name.
type drawnCluster map[string]any

// poolVersions are of equal length and not: versions are numbers, not text.
var poolVersions = [][]string{{"9", "10", "99", "100"}, {"8", "11", "98", "101"}, {"7", "12", "97", "102"}}

// drawCluster gives no two slices the same version.
func drawCluster(t *rapid.T, poolVersions []string) drawnCluster {
	c := make(drawnCluster)
	for _, namespace := range poolNamespaces {
		for _, name := range poolServices {
			if service := drawService(t, namespace, name); service != nil {
				c["Service "+namespace+"/"+name] = service
			}
			versions := rapid.Permutation(poolVersions).Draw(t, "versions")
			for i := range rapid.IntRange(0, 3).Draw(t, "slices of "+namespace+"/"+name) {
				slice := drawSlice(t, namespace, name)
				slice.Name = fmt.Sprintf("%s-%d", name, i)
				slice.ResourceVersion = versions[i]
				c["EndpointSlice "+namespace+"/"+slice.Name] = slice
			}
		}
	}
	return c
}

func drawService(t *rapid.T, namespace, name string) *corev1.Service {
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	switch rapid.SampledFrom([]string{"headless", "headless", "headless", "ExternalName", "ExternalName", "ClusterIP", "none"}).Draw(t, "kind") {
	case "headless":
		service.Spec.ClusterIP = corev1.ClusterIPNone
	case "ExternalName":
		service.Spec.Type = corev1.ServiceTypeExternalName
		service.Spec.ExternalName = rapid.SampledFrom(poolTargets).Draw(t, "external name")
		service.Spec.Ports = rapid.SliceOfNDistinct(rapid.SampledFrom([]corev1.ServicePort{
			{Name: "http", Protocol: corev1.ProtocolTCP, Port: 80},
			{Name: "dns", Protocol: corev1.ProtocolUDP, Port: 53},
			{Name: "web", Port: 8080},
			{Port: 9000},
		}), 0, 2, func(p corev1.ServicePort) string { return p.Name }).Draw(t, "ports")
	case "ClusterIP":
		service.Spec.ClusterIP = "10.96.0.1"
	default:
		return nil
	}
	return service
}

func drawSlice(t *rapid.T, namespace, service string) *discoveryv1.EndpointSlice {
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: namespace, Labels: map[string]string{discoveryv1.LabelServiceName: service}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       rapid.SliceOfN(rapid.SampledFrom(poolPorts()), 0, 3).Draw(t, "ports"),
	}
	pool := poolIPv4
	switch rapid.IntRange(0, 15).Draw(t, "address type") {
	case 0:
		slice.AddressType, pool = discoveryv1.AddressTypeFQDN, []string{"example.org"}
	case 1, 2, 3, 4, 5:
		slice.AddressType, pool = discoveryv1.AddressTypeIPv6, poolIPv6
	}
	for range rapid.IntRange(0, 4).Draw(t, "endpoints") {
		endpoint := drawEndpoint(t, pool)
		if isDecided(slice.Endpoints, endpoint) {
			slice.Endpoints = append(slice.Endpoints, endpoint)
		}
	}
	return slice
}

func poolPorts() []discoveryv1.EndpointPort {
	port := func(name string, protocol corev1.Protocol, number int32) discoveryv1.EndpointPort {
		return discoveryv1.EndpointPort{Name: &name, Protocol: &protocol, Port: &number}
	}
	name, number := "any", int32(7000)
	return []discoveryv1.EndpointPort{
		port("http", corev1.ProtocolTCP, 80),
		port("http", corev1.ProtocolTCP, 8080),
		port("http", corev1.ProtocolUDP, 80),
		port("web", corev1.ProtocolTCP, 80),
		port("dns", corev1.ProtocolUDP, 53),
		port("Peer", corev1.ProtocolSCTP, 7000),
		port("", corev1.ProtocolTCP, 9000),
		{Port: &number},
		{Name: &name, Port: &number},
		{Name: &name},
	}
}

func drawEndpoint(t *rapid.T, pool []string) discoveryv1.Endpoint {
	endpoint := discoveryv1.Endpoint{
		Addresses: rapid.SliceOfNDistinct(rapid.SampledFrom(pool), 1, min(2, len(pool)), rapid.ID).Draw(t, "addresses"),
		Conditions: discoveryv1.EndpointConditions{
			Ready:       rapid.SampledFrom([]*bool{nil, new(true), new(true), new(false)}).Draw(t, "ready"),
			Serving:     rapid.SampledFrom([]*bool{nil, new(true), new(false)}).Draw(t, "serving"),
			Terminating: rapid.SampledFrom([]*bool{nil, new(false), new(true)}).Draw(t, "terminating"),
		},
	}
	if rapid.Bool().Draw(t, "has a hostname") {
		endpoint.Hostname = new(rapid.SampledFrom(poolHostnames).Draw(t, "hostname"))
	}
	if rapid.Bool().Draw(t, "has a Pod") {
		endpoint.TargetRef = &corev1.ObjectReference{
			Kind: "Pod",
			Name: rapid.SampledFrom(poolPods).Draw(t, "Pod"),
			UID:  apitypes.UID(rapid.SampledFrom(poolUIDs).Draw(t, "UID")),
		}
	}
	return endpoint
}

// isDecided tells whether the rules say which of two endpoints with the same
// address in one slice has it. No controller writes such a slice, and for most
// of them no answer is wrong.
func isDecided(others []discoveryv1.Endpoint, endpoint discoveryv1.Endpoint) bool {
	for _, other := range others {
		for _, address := range other.Addresses {
			a, b := naiveClaim{endpoint: &other}, naiveClaim{endpoint: &endpoint}
			if slices.Contains(endpoint.Addresses, address) && a.ready() == b.ready() && (a.samePod(b) || a.terminating() == b.terminating()) {
				return false
			}
		}
	}
	return true
}

// change is what a source reports of the object of that key, which is nil where
// it is gone. Of an object that is not served, it is a removal.
func change(key string, object any) model.Change {
	kind, name, _ := strings.Cut(key, " ")
	namespace, name, _ := strings.Cut(name, "/")
	switch object := object.(type) {
	case *corev1.Service:
		if made, err := model.NewService(object); err == nil && made != nil {
			return model.ServiceChange(made)
		}
	case *discoveryv1.EndpointSlice:
		if made, err := model.NewSlice(object); err == nil {
			return model.SliceChange(made)
		}
	}
	if kind == "Service" {
		return model.ServiceChange(&model.Service{ServiceKey: model.ServiceKey{Namespace: namespace, Name: name}}).Removal()
	}
	service, _, _ := strings.Cut(name, "-")
	return model.SliceChange(&model.Slice{SliceKey: model.SliceKey{Namespace: namespace, Name: name}, Service: service}).Removal()
}

func (c drawnCluster) changes() []model.Change {
	var all []model.Change
	for _, key := range slices.Sorted(maps.Keys(c)) {
		all = append(all, change(key, c[key]))
	}
	return all
}

// drawStanza draws the options that the model knows.
func drawStanza(t *rapid.T) *corefile.Stanza {
	s := &corefile.Stanza{
		Zones:       []string{"cluster.local.", "in-addr.arpa.", "ip6.arpa."},
		Primary:     "cluster.local.",
		TTL:         5,
		NegativeTTL: 1,
		Settings:    corefile.Settings{Naming: rapid.SampledFrom([]roster.Naming{roster.ByHostname, roster.ByPodName}).Draw(t, "naming")},
	}
	if rapid.IntRange(0, 4).Draw(t, "zones") == 0 {
		s.Zones = []string{"0.0.10.in-addr.arpa.", "cluster.local.", "alt.cluster.local.", "0.0.0.0.0.0.0.d.f.ip6.arpa."}
	}
	s.Fall = fall.F{Zones: rapid.SampledFrom([][]string{
		nil, {"."}, {"cluster.local."}, {"in-addr.arpa.", "ip6.arpa."}, {"a.svc.cluster.local.", "10.in-addr.arpa."},
	}).Draw(t, "fallthrough")}
	return s
}

// model returns what a plugin with this stanza should answer for the cluster.
func (c drawnCluster) model(s *corefile.Stanza) *naive {
	n := &naive{
		zones:       s.Zones,
		primary:     s.Primary,
		fallsIn:     s.Fall.Zones,
		podNames:    s.Settings.Naming == roster.ByPodName,
		ttl:         s.TTL,
		negativeTTL: s.NegativeTTL,
		next:        elsewhere,
	}
	for _, object := range c {
		switch object := object.(type) {
		case *corev1.Service:
			n.services = append(n.services, object)
		case *discoveryv1.EndpointSlice:
			n.slices = append(n.slices, object)
		}
	}
	return n
}

// String lists what an answer can come from.
func (n *naive) String() string {
	var text strings.Builder
	write := func(kind, name string, content ...any) {
		encoded, err := json.Marshal(content)
		fmt.Fprintf(&text, "%s %s %.2000s %v\n", kind, name, encoded, err)
	}
	for _, service := range n.services {
		write("Service", service.Namespace+"/"+service.Name, service.Spec)
	}
	for _, slice := range n.slices {
		write("EndpointSlice", slice.Namespace+"/"+slice.Name, slice.ResourceVersion, slice.Ports, slice.Endpoints)
	}
	return text.String()
}

// elsewhere is what the rest of the server answers, also to what falls through.
func elsewhere(name string, qtype uint16) naiveAnswer {
	const soa = "example.org.\t60\tIN\tSOA\tns.example.org. host.example.org. 0 7200 1800 86400 60"
	addresses := []string{"example.org.\t60\tIN\tA\t192.0.2.1", "example.org.\t60\tIN\tA\t192.0.2.2"}
	nodata := naiveAnswer{authority: []string{soa}}
	isA := qtype == dns.TypeA
	switch strings.ToLower(name) {
	case "example.org.":
		switch {
		case isA:
			return naiveAnswer{answer: addresses}
		case qtype == dns.TypeMX:
			return naiveAnswer{answer: []string{"example.org.\t60\tIN\tMX\t10 mx.example.org."}, additional: []string{"mx.example.org.\t60\tIN\tA\t192.0.2.3"}}
		}
		return nodata
	case "alias.example.org.":
		const cname = "alias.example.org.\t60\tIN\tCNAME\texample.org."
		if isA {
			return naiveAnswer{answer: append([]string{cname}, addresses...)}
		}
		return naiveAnswer{answer: []string{cname}, authority: nodata.authority}
	case "nodata.example.org.":
		return nodata
	case "refused.example.org.":
		return naiveAnswer{rcode: dns.RcodeRefused}
	case "broken.example.org.", "lost.example.org.":
		return naiveAnswer{rcode: dns.RcodeServerFailure}
	}
	nodata.rcode = dns.RcodeNameError
	return nodata
}

// wholeServer is a server with the plugin and, behind it, elsewhere.
type wholeServer struct{ h *handler }

// newServer returns a server whose plugin reads the cache.
func newServer(s *corefile.Stanza, c *cache) wholeServer {
	server := wholeServer{newHandler(s)}
	server.h.cache.Store(c)
	server.h.next = plugin.HandlerFunc(next)
	server.h.upstream = server
	return server
}

// synced returns a cache that serves the changes.
func synced(naming roster.Naming, changes ...[]model.Change) *cache {
	c := newCache(corefile.Settings{Naming: naming}, false)
	for _, batch := range changes {
		c.Apply(batch)
	}
	c.Synced()
	c.publish()
	return c
}

// next only notes questions of clients; those of the upstream it answers.
func next(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	if c, ok := ctx.Value(clientKey{}).(*client); ok {
		c.passed = true
		return dns.RcodeSuccess, nil
	}
	a := elsewhere(r.Question[0].Name, r.Question[0].Qtype)
	if a.rcode == dns.RcodeServerFailure {
		return a.rcode, errors.New("broken")
	}
	m, err := a.message(r)
	if err != nil {
		return dns.RcodeServerFailure, err
	}
	return dns.RcodeSuccess, w.WriteMsg(m)
}

// Lookup implements upstream as CoreDNS does: all plugins are asked, and the
// answer is made to fit the client's buffer.
func (s wholeServer) Lookup(ctx context.Context, state request.Request, name string, qtype uint16) (*dns.Msg, error) {
	if name == "lost.example.org." {
		return nil, errors.New("lost")
	}
	r := state.NewWithQuestion(name, qtype).Req
	w := nonwriter.New(state.W)
	ctx = context.WithValue(ctx, clientKey{}, nil)
	if rcode, _ := s.h.ServeDNS(ctx, request.NewScrubWriter(r, w), r); !plugin.ClientWrite(rcode) {
		return new(dns.Msg).SetRcode(r, rcode), nil
	}
	return w.Msg, nil
}

// client records the replies to one question.
type client struct {
	test.ResponseWriter
	passed  bool
	replies []*dns.Msg
}

// clientKey is the context key of the client whose question it is.
type clientKey struct{}

func (c *client) context() context.Context {
	return context.WithValue(context.Background(), clientKey{}, c)
}

func (c *client) WriteMsg(m *dns.Msg) error {
	c.replies = append(c.replies, m)
	return nil
}

// reporter is a testing.T or a rapid.T.
type reporter interface {
	Helper()
	Fatalf(format string, args ...any)
}

// ask returns the reply over TCP, or nil where the question passed on.
func (s wholeServer) ask(t reporter, r *dns.Msg) *dns.Msg {
	t.Helper()
	c := &client{ResponseWriter: test.ResponseWriter{TCP: true}}
	rcode, err := s.h.ServeDNS(c.context(), c, r)
	switch {
	case err != nil || rcode != dns.RcodeSuccess:
		t.Fatalf("%v: code %s, error %v", r.Question, dns.RcodeToString[rcode], err)
	case c.passed && len(c.replies) == 0:
		return nil
	case c.passed || len(c.replies) != 1:
		t.Fatalf("%v: passed on: %v; %d replies", r.Question, c.passed, len(c.replies))
	}
	return c.replies[0]
}

// compare asks the plugin and the model.
func (s wholeServer) compare(t reporter, n *naive, r *dns.Msg) {
	t.Helper()
	want := n.ask(r.Question[0], r.Opcode)
	m := s.ask(t, r)
	got := written(m)
	if !equalAnswers(got, want) {
		t.Fatalf("%s\nplugin %smodel  %s%s", r.Question[0].String(), got, want, n)
	}
	if m == nil {
		return
	}
	if m.Id != r.Id || !m.Response || m.Truncated || len(m.Question) != 1 || m.Question[0] != r.Question[0] {
		t.Fatalf("the reply's header or question is not that of %v:\n%v", r, m)
	}
}

// written is a reply in the form of the model's.
func written(m *dns.Msg) naiveAnswer {
	if m == nil {
		return naiveAnswer{passed: true}
	}
	return naiveAnswer{
		rcode:         m.Rcode,
		authoritative: m.Authoritative,
		answer:        writtenRecords(m.Answer),
		authority:     writtenRecords(m.Ns),
		additional:    writtenRecords(m.Extra),
	}
}

// writtenRecords keeps what is there twice.
func writtenRecords(rrs []dns.RR) []string {
	var lines []string
	for _, rr := range rrs {
		if soa, ok := rr.(*dns.SOA); ok {
			soa.Serial = 0
		}
		if rr.Header().Rrtype != dns.TypeOPT {
			lines = append(lines, rr.String())
		}
	}
	slices.Sort(lines)
	return lines
}

// message is the reply that a is the text of.
func (a naiveAnswer) message(r *dns.Msg) (*dns.Msg, error) {
	m := new(dns.Msg).SetRcode(r, a.rcode)
	for section, text := range map[*[]dns.RR][]string{&m.Answer: a.answer, &m.Ns: a.authority, &m.Extra: a.additional} {
		for _, line := range text {
			rr, err := dns.NewRR(line)
			if err != nil {
				return nil, err
			}
			*section = append(*section, rr)
		}
	}
	return m, nil
}

func equalAnswers(a, b naiveAnswer) bool {
	return a.passed == b.passed && a.rcode == b.rcode && a.authoritative == b.authoritative &&
		slices.Equal(a.answer, b.answer) && slices.Equal(a.authority, b.authority) && slices.Equal(a.additional, b.additional)
}

func (a naiveAnswer) String() string {
	if a.passed {
		return "passes on\n"
	}
	text := fmt.Sprintf("%s authoritative=%v\n", dns.RcodeToString[a.rcode], a.authoritative)
	for _, section := range []struct {
		title string
		lines []string
	}{{"", a.answer}, {"authority  ", a.authority}, {"additional ", a.additional}} {
		for _, line := range section.lines {
			text += "    " + section.title + line + "\n"
		}
	}
	return text
}

// The questions.

var poolBelow = []string{
	"", "", "", "",
	"h.", "db-0.", "pod-1.", "pod-2.", "pod.with.dots.", strings.Repeat("p", 63) + ".",
	"10-0-0-1.", "10-0-0-2.", "10-0-0-3.", "10-0-0-4.", "10-0-0-5.", "fd00--1.", "fd00--0.", "--1.", "2001-db8-0-1-1-1-1-1.",
	"10-0-0-01.", "fd00--.", "fd00-0-0-0-0-0-0-1.", "fd00--01.", "-.", "--0.", "2001-db8--1-1-1-1-1.",
	"_tcp.", "_udp.", "_sctp.", "_icmp.", "_.", "tcp.",
	"_http._tcp.", "_http._udp.", "_web._tcp.", "_dns._udp.", "_peer._sctp.", "_any._tcp.", "_._tcp.", "_dns._tcp.", "_http._tcp.", "_dns._udp.", "_web._tcp.",
	"http._tcp.", "_http.tcp.", "http.tcp.", "xhttp._tcp.", "_http.xtcp.", "x._http._tcp.", "_http._tcp.h.", "h.h.", `\.h.`, `h\.db.`, `\000.`,
}

var poolOthers = []string{
	"cluster.local.", "svc.cluster.local.", "a.svc.cluster.local.", "default.svc.cluster.local.", "kube-system.svc.cluster.local.",
	"dns-version.cluster.local.", "x.dns-version.cluster.local.", "ns.dns.cluster.local.", "dns.cluster.local.",
	"pod.cluster.local.", "10-0-0-1.default.pod.cluster.local.", "db.default.cluster.local.", "db.default.pod.cluster.local.",
	"acluster.local.", `a\.cluster.local.`, "alt.cluster.local.", "dns-version.alt.cluster.local.", "db.default.svc.alt.cluster.local.",
	"default.svc.alt.cluster.local.", "local.", ".", "example.org.", "in-addr.arpa.", "ip6.arpa.", "arpa.", "dns-version.in-addr.arpa.",
	"svc.in-addr.arpa.", "db.default.svc.in-addr.arpa.",
	"1.0.0.10.in-addr.arpa.", "2.0.0.10.in-addr.arpa.", "3.0.0.10.in-addr.arpa.", "9.0.0.10.in-addr.arpa.", "0.0.10.in-addr.arpa.", "10.in-addr.arpa.",
	"01.0.0.10.in-addr.arpa.", "256.0.0.10.in-addr.arpa.", "5.1.0.0.10.in-addr.arpa.", "x.0.0.10.in-addr.arpa.", "0x1.0.0.10.in-addr.arpa.",
	"256.in-addr.arpa.", "00.in-addr.arpa.",
	"0.0.0.0.0.0.0.d.f.ip6.arpa.", "d.f.ip6.arpa.", "g.f.ip6.arpa.", "df.ip6.arpa.", "0.ip6.arpa.",
}

var poolTypes = []uint16{
	dns.TypeA, dns.TypeA, dns.TypeA, dns.TypeAAAA, dns.TypeAAAA, dns.TypeSRV, dns.TypeSRV, dns.TypeSRV, dns.TypePTR, dns.TypePTR,
	dns.TypeCNAME, dns.TypeTXT, dns.TypeSOA, dns.TypeNS, dns.TypeMX, dns.TypeHTTPS, dns.TypeANY, dns.TypeDS, dns.TypeAXFR, dns.TypeIXFR,
}

func drawQuestions(t *rapid.T, count int) []*dns.Msg {
	return rapid.SliceOfN(rapid.Custom(drawQuestion), count, count).Draw(t, "questions")
}

func drawQuestion(t *rapid.T) *dns.Msg {
	name := drawName(t)
	qtype := rapid.SampledFrom(poolTypes).Draw(t, "type")
	if rapid.Bool().Draw(t, "the type that belongs to the name") {
		qtype = typeFor(name, qtype)
	}
	r := new(dns.Msg).SetQuestion(drawCase(t, name), qtype)
	r.Id = 4711
	switch rapid.IntRange(0, 40).Draw(t, "class and opcode") {
	case 0:
		r.Question[0].Qclass = dns.ClassCHAOS
	case 1:
		r.Question[0].Qclass = dns.ClassANY
	case 2:
		r.Opcode = dns.OpcodeNotify
	}
	return overTheWire(t, r)
}

func typeFor(name string, other uint16) uint16 {
	switch {
	case strings.HasPrefix(name, "_"):
		return dns.TypeSRV
	case strings.HasPrefix(name, "dns-version."):
		return dns.TypeTXT
	case strings.HasSuffix(name, ".arpa."):
		return dns.TypePTR
	}
	return other
}

func drawName(t *rapid.T) string {
	switch rapid.IntRange(0, 9).Draw(t, "kind of name") {
	case 0, 1:
		return rapid.SampledFrom(poolOthers).Draw(t, "other name")
	case 2:
		address := rapid.SampledFrom(append(poolIPv4, poolIPv6...)).Draw(t, "address")
		name, _ := dns.ReverseAddr(address)
		return rapid.SampledFrom([]string{"", "", "", "", "1.", "x."}).Draw(t, "below") + name
	case 3:
		return drawAnyName(t)
	}
	return rapid.SampledFrom(poolBelow).Draw(t, "below") +
		rapid.SampledFrom(append(poolServices, "db", "missing")).Draw(t, "Service") + "." +
		rapid.SampledFrom(append(poolNamespaces, "default", "default", "missing")).Draw(t, "namespace") + ".svc." +
		rapid.SampledFrom([]string{"cluster.local.", "cluster.local.", "cluster.local.", "alt.cluster.local."}).Draw(t, "zone")
}

// drawAnyName returns a name of any bytes, at or below some other name.
func drawAnyName(t *rapid.T) string {
	name := rapid.SampledFrom([]string{".", "local.", "cluster.local.", "svc.cluster.local.", "db.default.svc.cluster.local.", "arpa.", "10.in-addr.arpa.", "ip6.arpa."}).Draw(t, "above")
	for range rapid.IntRange(1, 4).Draw(t, "labels") {
		var label strings.Builder
		for _, c := range rapid.SliceOfN(rapid.SampledFrom([]byte("ab01-_.\\\"\x00\xff ")), 1, 4).Draw(t, "label") {
			fmt.Fprintf(&label, `\%03d`, c)
		}
		name = strings.TrimSuffix(label.String()+"."+name, "..") + "."
		name = strings.Replace(name, "..", ".", 1)
	}
	return name
}

// drawCase writes some letters large. A letter behind a backslash is none.
func drawCase(t *rapid.T, name string) string {
	large := rapid.SampledFrom([]uint64{0, 0, 0xffffffffffffffff, 0x5a5a5a5a5a5a5a5a, 0x0123456789abcdef}).Draw(t, "capitals")
	b := []byte(name)
	for i, c := range b {
		if 'a' <= c && c <= 'z' && large>>(i%64)&1 == 1 {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

// overTheWire gives names the form that they have in a server.
func overTheWire(t reporter, r *dns.Msg) *dns.Msg {
	t.Helper()
	wire, err := r.Pack()
	if err != nil {
		t.Fatalf("%v: %v", r.Question, err)
	}
	read := new(dns.Msg)
	if err := read.Unpack(wire); err != nil {
		t.Fatalf("%v: %v", r.Question, err)
	}
	return read
}

func TestThePluginAnswersWhatTheModelDoes(t *testing.T) {
	for title, naming := range map[string]roster.Naming{"by hostname": roster.ByHostname, "by Pod name": roster.ByPodName} {
		t.Run(title, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				s, cluster := drawStanza(t), drawCluster(t, poolVersions[0])
				s.Settings.Naming = naming
				server, n := newServer(s, synced(s.Settings.Naming, cluster.changes())), cluster.model(s)
				for _, r := range drawQuestions(t, 200) {
					server.compare(t, n, r)
				}
			})
		})
	}
}

// What the model and random clusters found, in its smallest form.
func TestTheModelInHardCases(t *testing.T) {
	port := func(name string, protocol corev1.Protocol, number int32) discoveryv1.EndpointPort {
		return discoveryv1.EndpointPort{Name: &name, Protocol: &protocol, Port: &number}
	}
	sql, dnsUDP, dnsTCP := port("sql", corev1.ProtocolTCP, 5432), port("dns", corev1.ProtocolUDP, 53), port("dns-tcp", corev1.ProtocolTCP, 53)
	for _, c := range []struct {
		name      string
		ports     []discoveryv1.EndpointPort
		endpoints []discoveryv1.Endpoint
		below     string
		qtype     uint16
	}{
		{
			"two ports of one number are one SRV record of the Service name",
			[]discoveryv1.EndpointPort{dnsUDP, dnsTCP}, []discoveryv1.Endpoint{{Addresses: []string{"10.0.0.1"}}}, "", dns.TypeSRV,
		},
		{
			"a hostname that looks like another endpoint's address is one target with it",
			[]discoveryv1.EndpointPort{sql},
			[]discoveryv1.Endpoint{{Addresses: []string{"10.0.0.1"}, Hostname: new("10-0-0-2")}, {Addresses: []string{"10.0.0.2"}}}, "", dns.TypeSRV,
		},
		{
			"a Pod's name that looks like another endpoint's address resolves to both",
			[]discoveryv1.EndpointPort{sql},
			[]discoveryv1.Endpoint{
				{Addresses: []string{"10.0.0.1"}, TargetRef: &corev1.ObjectReference{Name: "10-0-0-2"}},
				{Addresses: []string{"10.0.0.2"}},
			}, "_sql._tcp.", dns.TypeSRV,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			cluster := oneService(c.ports, c.endpoints)
			s := testStanza()
			server := newServer(s, synced(s.Settings.Naming, cluster.changes()))
			server.compare(t, cluster.model(s), new(dns.Msg).SetQuestion(c.below+"db.default.svc.cluster.local.", c.qtype))
		})
	}
}

// Two Pods swap their names: all that an answer for the Service name is made of
// stays the same.
func TestAChangeThatOnlyAnEndpointNameShows(t *testing.T) {
	pods := func(names ...string) drawnCluster {
		var endpoints []discoveryv1.Endpoint
		for i, name := range names {
			endpoints = append(endpoints, discoveryv1.Endpoint{
				Addresses: []string{fmt.Sprintf("10.0.0.%d", i+1)},
				TargetRef: &corev1.ObjectReference{Name: name},
			})
		}
		return oneService(nil, endpoints)
	}
	before, after := pods("one", "two"), pods("two", "one")
	s := testStanza()
	c := synced(s.Settings.Naming, before.changes())
	server := newServer(s, c)
	r := new(dns.Msg).SetQuestion("one.db.default.svc.cluster.local.", dns.TypeA)
	server.compare(t, before.model(s), r)
	c.Apply(after.changes())
	c.publish()
	server.compare(t, after.model(s), r)
}

// oneService is a cluster with a headless Service db in the namespace default.
func oneService(ports []discoveryv1.EndpointPort, endpoints []discoveryv1.Endpoint) drawnCluster {
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "db"}}
	service.Spec.ClusterIP = corev1.ClusterIPNone
	return drawnCluster{
		"Service default/db": service,
		"EndpointSlice default/db-0": &discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "default", Name: "db-0", ResourceVersion: "1",
				Labels: map[string]string{discoveryv1.LabelServiceName: "db"},
			},
			AddressType: discoveryv1.AddressTypeIPv4,
			Ports:       ports,
			Endpoints:   endpoints,
		},
	}
}

// Every object goes through several states, in any order among the objects, in
// any batches, with and without a publication in between.
func TestOnlyTheLastStateOfEachObjectCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawStanza(t)
		var states []drawnCluster
		for _, versions := range poolVersions {
			states = append(states, drawCluster(t, versions))
		}
		var steps []string
		for _, state := range states {
			for _, key := range slices.Sorted(maps.Keys(state)) {
				if !slices.Contains(steps, key) {
					steps = append(steps, key, key, key)
				}
			}
		}
		steps = rapid.Permutation(steps).Draw(t, "steps")
		c := newCache(s.Settings, false)
		server, now, seen := newServer(s, c), make(drawnCluster), make(map[string]int)
		syncAt := rapid.IntRange(0, len(steps)).Draw(t, "synced after")
		for done := 0; done < len(steps); {
			size := rapid.IntRange(1, len(steps)-done).Draw(t, "batch")
			var batch []model.Change
			for _, key := range steps[done : done+size] {
				object := states[seen[key]][key]
				seen[key]++
				now[key] = object
				batch = append(batch, change(key, object))
			}
			c.Apply(batch)
			done += size
			if done >= syncAt {
				c.Synced()
			}
			if rapid.Bool().Draw(t, "publish") {
				c.publish()
				if done >= syncAt {
					server.compare(t, now.model(s), drawQuestion(t))
				}
			}
		}
		c.Synced()
		c.publish()
		n := states[len(states)-1].model(s)
		for _, r := range drawQuestions(t, 50) {
			server.compare(t, n, r)
		}
	})
}

func TestAnswersMayBeChangedByWhoeverGetsThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, cluster := drawStanza(t), drawCluster(t, poolVersions[0])
		server, n := newServer(s, synced(s.Settings.Naming, cluster.changes())), cluster.model(s)
		for _, r := range drawQuestions(t, 20) {
			m := server.ask(t, r.Copy())
			if m == nil {
				continue
			}
			for _, section := range []*[]dns.RR{&m.Answer, &m.Ns, &m.Extra} {
				for _, rr := range *section {
					*rr.Header() = dns.RR_Header{Name: "changed.", Rrtype: dns.TypeNULL, Class: dns.ClassANY, Ttl: 99}
				}
				clear(*section)
				*section = append((*section)[:0], nil, nil)
			}
			m.Question[0].Name = "changed."
			server.compare(t, n, r)
		}
	})
}

// Sizes.

// drawLargeService draws a headless Service db in the namespace default.
func drawLargeService(t *rapid.T) drawnCluster {
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "db"}}
	service.Spec.ClusterIP = corev1.ClusterIPNone
	c := drawnCluster{"Service default/db": service}
	ports := rapid.SliceOfN(rapid.SampledFrom(poolPorts()), 0, 3).Draw(t, "ports")
	hostnames := rapid.SampledFrom([]func(int) string{
		func(int) string { return "" },
		func(i int) string { return "db-" + strconv.Itoa(i) },
		func(i int) string { return "shared-" + strconv.Itoa(i%7) },
		func(i int) string { return strings.Repeat("n", 1+i%60) + strconv.Itoa(i) },
		func(i int) string { return strings.Repeat("n", 1+i/10) },
	}).Draw(t, "hostnames")
	most := rapid.SampledFrom([]int{3, 40, 40, 100, 400}).Draw(t, "at most")
	for i, family := range []discoveryv1.AddressType{discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6} {
		slice := &discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "default", Name: fmt.Sprintf("db-%d", i), ResourceVersion: strconv.Itoa(i + 1),
				Labels: map[string]string{discoveryv1.LabelServiceName: "db"},
			},
			AddressType: family,
			Ports:       ports,
		}
		for at := range rapid.IntRange(0, most).Draw(t, "endpoints") {
			endpoint := discoveryv1.Endpoint{Addresses: []string{fmt.Sprintf("10.1.%d.%d", at/256, at%256)}}
			if family == discoveryv1.AddressTypeIPv6 {
				endpoint.Addresses[0] = fmt.Sprintf("fd00::%x", at+1)
			}
			if hostname := hostnames(at); hostname != "" {
				endpoint.Hostname = &hostname
			}
			slice.Endpoints = append(slice.Endpoints, endpoint)
		}
		c["EndpointSlice default/"+slice.Name] = slice
	}
	return c
}

func drawLargeQuestion(t *rapid.T) *dns.Msg {
	name := rapid.SampledFrom([]string{"", "", "_http._tcp.", "_any._tcp.", "shared-1.", "n.", "db-0.", "10-1-0-1."}).Draw(t, "below") + "db.default.svc.cluster.local."
	types := []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV}
	if strings.HasPrefix(name, "_") {
		types = []uint16{dns.TypeSRV}
	}
	return new(dns.Msg).SetQuestion(drawCase(t, name), rapid.SampledFrom(types).Draw(t, "type"))
}

// sizedClient sees a reply before and after it is made to fit.
type sizedClient struct {
	client
	scrub  *request.ScrubWriter
	before *dns.Msg
}

func (c *sizedClient) WriteMsg(m *dns.Msg) error {
	c.before = m.Copy()
	return c.scrub.WriteMsg(m)
}

// askSized returns the reply as the plugin made it and as it leaves the server.
func (s wholeServer) askSized(t reporter, r *dns.Msg, tcp bool) (before, after *dns.Msg) {
	t.Helper()
	c := &sizedClient{client: client{ResponseWriter: test.ResponseWriter{TCP: tcp}}}
	c.scrub = request.NewScrubWriter(r, &c.client)
	rcode, err := s.h.ServeDNS(c.context(), c, r)
	if err != nil || rcode != dns.RcodeSuccess || len(c.replies) != 1 {
		t.Fatalf("%v: code %s, error %v, %d replies", r.Question, dns.RcodeToString[rcode], err, len(c.replies))
	}
	return c.before, c.replies[0]
}

// transport is how a client asks.
type transport struct {
	tcp, edns bool
	// udpSize is what the client says in its OPT record.
	udpSize uint16
	options int // bytes
}

// drawTransport draws one whose buffer is, now and then, about as large as the
// whole answer.
func drawTransport(t *rapid.T, whole int) transport {
	by := transport{tcp: rapid.IntRange(0, 9).Draw(t, "TCP") == 0, edns: rapid.IntRange(0, 9).Draw(t, "EDNS") > 0}
	if !by.edns {
		return by
	}
	near := min(max(whole+rapid.IntRange(-40, 40).Draw(t, "off by"), 0), 65535)
	by.udpSize = rapid.OneOf(
		rapid.SampledFrom([]uint16{0, 512, 1232, 4096}),
		rapid.Just(uint16(near)),
		rapid.Uint16Range(512, 65535),
		rapid.Uint16Range(512, 4096),
	).Draw(t, "buffer")
	by.options = rapid.SampledFrom([]int{0, 0, 8, 300}).Draw(t, "bytes of options")
	return by
}

// size is how much the client takes.
func (by transport) size() int {
	if by.tcp {
		return dns.MaxMsgSize
	}
	return max(dns.MinMsgSize, int(by.udpSize))
}

func (by transport) question(r *dns.Msg) *dns.Msg {
	r = r.Copy()
	if !by.edns {
		return r
	}
	r.SetEdns0(by.udpSize, false)
	if by.options > 0 {
		opt := r.IsEdns0()
		opt.Option = append(opt.Option, &dns.EDNS0_LOCAL{Code: dns.EDNS0LOCALSTART, Data: make([]byte, by.options-4)})
	}
	return r
}

func mustMessage(t reporter, a naiveAnswer, r *dns.Msg) *dns.Msg {
	t.Helper()
	m, err := a.message(r)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return m
}

// packed returns the number of bytes of a message with its names compressed.
func packed(t reporter, m *dns.Msg) int {
	t.Helper()
	m = m.Copy()
	m.Compress = true
	wire, err := m.Pack()
	if err != nil {
		t.Fatalf("%v: %v", m.Question, err)
	}
	return len(wire)
}

func TestAnAnswerCarriesWhatFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, cluster := drawStanza(t), drawLargeService(t)
		server, n := newServer(s, synced(s.Settings.Naming, cluster.changes())), cluster.model(s)
		for range 4 {
			r := drawLargeQuestion(t)
			whole := mustMessage(t, n.ask(r.Question[0], r.Opcode), r)
			for range 4 {
				by := drawTransport(t, packed(t, whole)+11)
				sized{server, by, r, whole}.check(t)
			}
		}
	})
}

// sized is a question whose answer may be too large.
type sized struct {
	server wholeServer
	by     transport
	r      *dns.Msg
	whole  *dns.Msg // what the answer would be if it had no bound
}

func (c sized) check(t *rapid.T) {
	before, after := c.server.askSized(t, c.by.question(c.r), c.by.tcp)
	if !equalAnswers(written(before), written(after)) || before.Truncated != after.Truncated {
		t.Fatalf("%+v %v: the server had to cut\n%v\nto\n%v", c.by, c.r.Question, before, after)
	}
	wire, err := after.Pack()
	if err != nil || len(wire) > c.by.size() {
		t.Fatalf("%+v %v: %d bytes do not fit, or: %v", c.by, c.r.Question, len(wire), err)
	}
	if after.Rcode != c.whole.Rcode || !slices.Equal(writtenRecords(after.Ns), writtenRecords(c.whole.Ns)) {
		t.Fatalf("%+v: got\n%v\nof\n%v", c.by, after, c.whole)
	}
	got, want := written(after), written(c.whole)
	checkPart(t, got.answer, want.answer)
	checkPart(t, got.additional, want.additional)
	if missing := len(want.answer) - len(got.answer); after.Truncated != (missing > 0) {
		t.Fatalf("%+v %v: %d answers are missing, truncated is %v", c.by, c.r.Question, missing, after.Truncated)
	}
	c.checkRoom(t, after)
	c.checkAdditional(t, after)
}

// checkPart fails where part has anything twice, or anything that whole has not.
func checkPart(t reporter, part, whole []string) {
	for i, line := range part {
		if _, found := slices.BinarySearch(whole, line); !found || i > 0 && line == part[i-1] {
			t.Fatalf("%s is there twice, or should not be there at all", line)
		}
	}
}

// checkRoom fails where an answer is missing though all fit, or though one more
// fits for certain: one of the size of the largest. All records count as if they
// were that large, or else those with short names would be drawn more often.
func (c sized) checkRoom(t *rapid.T, after *dns.Msg) {
	withoutExtra := c.whole.Copy()
	withoutExtra.Extra = nil
	if opt := after.IsEdns0(); opt != nil {
		// Why there is less takes its room too.
		withoutExtra.Extra = []dns.RR{opt}
	} else if c.by.edns {
		withoutExtra.SetEdns0(c.by.udpSize, false)
	}
	// The options of a question count as if the answer had them too.
	size, missing := c.by.size()-c.by.options, len(c.whole.Answer)-len(after.Answer)
	if missing == 0 {
		return
	}
	if used := packed(t, withoutExtra); used <= size {
		t.Fatalf("%+v %v: all answers have %d bytes and fit, but %d are missing", c.by, c.r.Question, used, missing)
	}
	largest := 0
	for _, rr := range c.whole.Answer {
		largest = max(largest, sizeOf(rr))
	}
	withoutExtra.Answer = nil
	if used := packed(t, withoutExtra) + (len(after.Answer)+1)*largest; used <= size {
		t.Fatalf("%+v %v: %d of %d answers, but one more would fit: %d bytes at most", c.by, c.r.Question, len(after.Answer), len(c.whole.Answer), used)
	}
}

// sizeOf is the size of a record behind a pointer to its owner.
func sizeOf(rr dns.RR) int {
	const pointer, fixed = 2, 10
	switch rr := rr.(type) {
	case *dns.A:
		return pointer + fixed + 4
	case *dns.AAAA:
		return pointer + fixed + 16
	case *dns.SRV:
		return pointer + fixed + 6 + len(rr.Target) + 1
	}
	panic("no such records are in the answers: " + rr.String())
}

// pointableBytes is how far into a message pointers reach. Behind it, the size of a
// message depends on the order of its records.
const pointableBytes = 1 << 14

// checkAdditional fails where the addresses of a target are missing though those
// of the target with the most would fit.
func (c sized) checkAdditional(t reporter, after *dns.Msg) {
	c.checkWhole(t, after)
	targets, have := c.checkTargets(t, after)
	sizes, largest := make(map[string]int), 0
	for _, rr := range c.whole.Extra {
		owner := rr.Header().Name
		// The label of the owner counts, for where pointers do not reach.
		sizes[owner] += sizeOf(rr) + len(owner) - len("db.default.svc.cluster.local.")
		largest = max(largest, sizes[owner])
	}
	if have < targets && packed(t, after)+largest <= c.by.size()-c.by.options {
		t.Fatalf("%+v %v: the addresses of %d targets are missing, but %d bytes are left", c.by, c.r.Question, targets-have, c.by.size()-packed(t, after))
	}
}

// checkWhole fails where an additional record is missing though all fit.
func (c sized) checkWhole(t reporter, after *dns.Msg) {
	whole := c.whole.Copy()
	if c.by.edns {
		whole.SetEdns0(c.by.udpSize, false)
	}
	missing := len(whole.Extra) - len(after.Extra)
	if used := packed(t, whole); missing > 0 && used <= min(c.by.size()-c.by.options, pointableBytes) {
		t.Fatalf("%+v %v: the whole answer has %d bytes and fits, but %d additional records are missing", c.by, c.r.Question, used, missing)
	}
}

// checkTargets fails where a target has some of its addresses, but not all, or
// where what is no target has any. It returns how many targets the answer has,
// and how many of them with their addresses.
func (c sized) checkTargets(t reporter, after *dns.Msg) (targets, have int) {
	inAnswer := make(map[string]bool)
	for _, rr := range after.Answer {
		if srv, ok := rr.(*dns.SRV); ok {
			inAnswer[srv.Target] = true
		}
	}
	counts := make(map[string]int)
	for _, rr := range c.whole.Extra {
		counts[rr.Header().Name]--
	}
	for _, rr := range after.Extra {
		if owner := rr.Header().Name; owner != "." {
			counts[owner]++
			if !inAnswer[owner] {
				t.Fatalf("%+v %v: the answer has no target %s", c.by, c.r.Question, owner)
			}
		}
	}
	for _, rr := range after.Extra {
		if owner := rr.Header().Name; counts[owner] != 0 && owner != "." {
			t.Fatalf("%+v %v: %d addresses of %s are missing", c.by, c.r.Question, -counts[owner], owner)
		}
	}
	for target := range inAnswer {
		if counts[target] == 0 {
			have++
		}
	}
	return len(inAnswer), have
}

// externalService is an ExternalName Service in the namespace default.
func externalService(name, target string, ports ...corev1.ServicePort) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: target, Ports: ports},
	}
}

// A chase adds to what the target's answer holds: the whole must fit as well.
func TestAnAliasOfALargeServiceFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, cluster := drawStanza(t), drawLargeService(t)
		cluster["Service default/alias"] = externalService("alias", "db.default.svc.cluster.local")
		server, n := newServer(s, synced(s.Settings.Naming, cluster.changes())), cluster.model(s)
		for range 4 {
			r := new(dns.Msg).SetQuestion("alias.default.svc.cluster.local.", rapid.SampledFrom([]uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV}).Draw(t, "type"))
			whole := mustMessage(t, n.ask(r.Question[0], r.Opcode), r)
			sized{server, drawTransport(t, packed(t, whole)+11), r, whole}.checkAlias(t)
		}
	})
}

// Without EDNS, seven SRV records and the CNAME record fit, and some addresses.
func TestAnAliasLosesAdditionalRecordsWithoutTC(t *testing.T) {
	var endpoints []discoveryv1.Endpoint
	for i := range 7 {
		endpoints = append(endpoints, discoveryv1.Endpoint{Addresses: []string{fmt.Sprintf("10.1.0.%d", i)}})
	}
	cluster := oneService([]discoveryv1.EndpointPort{{Name: new("sql"), Port: new(int32(5432))}}, endpoints)
	cluster["Service default/alias"] = externalService("alias", "db.default.svc.cluster.local")
	s := testStanza()
	server := newServer(s, synced(s.Settings.Naming, cluster.changes()))
	r := new(dns.Msg).SetQuestion("alias.default.svc.cluster.local.", dns.TypeSRV)
	sized{server, transport{}, r, mustMessage(t, cluster.model(s).ask(r.Question[0], r.Opcode), r)}.checkAlias(t)
}

// checkAlias knows less of what fits than check does: the answer for the target
// was made to fit without the alias.
func (c sized) checkAlias(t reporter) {
	_, after := c.server.askSized(t, c.by.question(c.r), c.by.tcp)
	wire, err := after.Pack()
	if err != nil || len(wire) > c.by.size() {
		t.Fatalf("%+v %v: %d bytes do not fit, or: %v", c.by, c.r.Question, len(wire), err)
	}
	got, want := written(after), written(c.whole)
	checkPart(t, got.answer, want.answer)
	checkPart(t, got.additional, want.additional)
	if missing := len(want.answer) - len(got.answer); after.Truncated != (missing > 0) {
		t.Fatalf("%+v %v: %d answers and %d additional records are missing, truncated is %v",
			c.by, c.r.Question, missing, len(want.additional)-len(got.additional), after.Truncated)
	}
	c.checkWhole(t, after)
	c.checkTargets(t, after)
}

func TestMaxAnswersBoundsTheAddressesOfTheServiceNameOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, cluster := drawStanza(t), drawLargeService(t)
		s.MaxAnswers = rapid.OneOf(rapid.IntRange(1, 10), rapid.IntRange(1, 500)).Draw(t, "max_answers")
		server, n := newServer(s, synced(s.Settings.Naming, cluster.changes())), cluster.model(s)
		for range 4 {
			r := drawLargeQuestion(t)
			question := r.Question[0]
			want := n.ask(question, r.Opcode)
			if strings.EqualFold(question.Name, "db.default.svc.cluster.local.") && question.Qtype != dns.TypeSRV && len(want.answer) > s.MaxAnswers {
				got := server.ask(t, r.Copy())
				checkPart(t, written(got).answer, want.answer)
				if len(got.Answer) != s.MaxAnswers || got.Truncated {
					t.Fatalf("max_answers %d: %d addresses of %d, truncated is %v", s.MaxAnswers, len(got.Answer), len(want.answer), got.Truncated)
				}
				c := sized{server, drawTransport(t, packed(t, got)+11), r, got}
				c.checkBounded(t, want)
				continue
			}
			whole := mustMessage(t, want, r)
			sized{server, drawTransport(t, packed(t, whole)+11), r, whole}.check(t)
		}
	})
}

// checkBounded checks an answer that two bounds hold for: the number of
// addresses, and the client's buffer.
func (c sized) checkBounded(t *rapid.T, want naiveAnswer) {
	_, after := c.server.askSized(t, c.by.question(c.r), c.by.tcp)
	checkPart(t, written(after).answer, want.answer)
	if missing := len(c.whole.Answer) - len(after.Answer); missing < 0 || after.Truncated != (missing > 0) {
		t.Fatalf("%+v: %d addresses of %d at most, truncated is %v", c.by, len(after.Answer), len(c.whole.Answer), after.Truncated)
	}
	c.checkRoom(t, after)
}

// 3,000 IPv6 addresses are more than 64 KiB.
func TestOverTCPAnAnswerIsCutAt64KiB(t *testing.T) {
	const all = 3000
	server := newServer(testStanza(), synced(roster.ByHostname, largeSlice(all)))
	r := new(dns.Msg).SetQuestion("db.default.svc.cluster.local.", dns.TypeAAAA)
	before, after := server.askSized(t, r, true)
	wire, err := after.Pack()
	if err != nil {
		t.Fatal(err)
	}
	const fit = (dns.MaxMsgSize - 12 - 30 - 4) / 28
	if len(after.Answer) != fit || len(before.Answer) != fit || !after.Truncated {
		t.Errorf("%d addresses in %d bytes, made from %d, truncated is %v; want %d", len(after.Answer), len(wire), len(before.Answer), after.Truncated, fit)
	}
	seen := make(map[string]bool)
	for _, rr := range after.Answer {
		seen[rr.(*dns.AAAA).AAAA.String()] = true
	}
	if len(seen) != fit {
		t.Errorf("%d different addresses of %d", len(seen), fit)
	}
}

// largeSlice reports a headless Service db with that many addresses of each
// family, the hostnames of which differ in length.
func largeSlice(count int) []model.Change {
	service := model.ServiceKey{Namespace: "default", Name: "db"}
	slice := &model.Slice{SliceKey: model.SliceKey{Namespace: "default", Name: "db-1"}, Service: "db", Ports: []model.Port{{Name: "sql", Number: 5432}}}
	for i := range count {
		endpoint := model.Endpoint{
			Hostname:   strings.Repeat("n", 1+i%40) + strconv.Itoa(i),
			ID:         model.PodID{byte(i >> 8), byte(i)},
			Conditions: model.Ready | model.Serving,
		}
		for _, address := range []netip.Addr{
			netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}),
			netip.AddrFrom16([16]byte{0: 0xfd, 14: byte(i >> 8), 15: byte(i)}),
		} {
			endpoint.Address = address
			slice.Endpoints = append(slice.Endpoints, endpoint)
		}
	}
	return []model.Change{model.ServiceChange(&model.Service{ServiceKey: service, Kind: model.Headless}), model.SliceChange(slice)}
}

// The seeds are random here: chance exceeds the bound in one of 10^9 runs.
func TestWhereNotAllFitEachIsCarriedEquallyOftenAndEquallyOftenFirst(t *testing.T) {
	const all, asked = 60, 5000
	server := newServer(testStanza(), synced(roster.ByHostname, largeSlice(all)))
	for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV} {
		t.Run(dns.TypeToString[qtype], func(t *testing.T) {
			r := new(dns.Msg).SetQuestion("db.default.svc.cluster.local.", qtype)
			carried, first, size := make(map[string]int), make(map[string]int), 0
			for range asked {
				_, after := server.askSized(t, r, false)
				for _, rr := range after.Answer {
					carried[rr.String()]++
				}
				first[after.Answer[0].String()]++
				size = len(after.Answer)
			}
			if size == 0 || size == all || len(carried) != all {
				t.Fatalf("%d of %d fit, and %d were carried", size, all, len(carried))
			}
			// What is carried is carried once, which makes the counts more equal.
			again := float64(all-1) / float64(all-size)
			if x := chiSquared(carried, all) * again; x > chiSquaredBound(all-1) {
				t.Errorf("carried: chi-squared is %.1f: %v", x, carried)
			}
			if x := chiSquared(first, all); x > chiSquaredBound(all-1) {
				t.Errorf("first: chi-squared is %.1f: %v", x, first)
			}
		})
	}
}

// chiSquared returns how far the counts of that many things are from being equal.
func chiSquared(counts map[string]int, things int) float64 {
	sum := 0
	for _, count := range counts {
		sum += count
	}
	expected := float64(sum) / float64(things)
	x := expected * float64(things-len(counts))
	for _, count := range counts {
		x += (float64(count) - expected) * (float64(count) - expected) / expected
	}
	return x
}

// chiSquaredBound is the approximation by Wilson and Hilferty.
func chiSquaredBound(degrees int) float64 {
	const quantile = 6
	d := float64(degrees)
	return d * math.Pow(1-2/(9*d)+quantile*math.Sqrt(2/(9*d)), 3)
}
