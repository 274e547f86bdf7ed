package endpoints

import (
	"hash/fnv"
	"maps"
	"slices"
	"testing"
	"unique"

	"github.com/coredns/coredns/plugin/test"
	"github.com/coredns/coredns/request"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/place"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/topology"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"pgregory.net/rapid"
)

// toClients writes answers as bytes to clients that want them, and as messages to all else.
func toClients(w dns.ResponseWriter) bool {
	switch w := w.(type) {
	case *client:
		return w.wantsBytes
	case *sizedClient:
		return w.wantsBytes
	}
	return false
}

// everyOther is true for about half of all questions, the same each time: whatever holds
// for answers is tested of messages and of bytes.
func everyOther(r *dns.Msg) bool {
	h := fnv.New32a()
	for _, q := range r.Question {
		h.Write([]byte(q.Name))
	}
	return h.Sum32()%2 == 0
}

// Bytes are what the server makes of the message, but for compression.
func TestBytesAreTheMessage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawStanza(t)
		s.MaxAnswers = rapid.SampledFrom([]int{0, 0, 3, 100}).Draw(t, "max_answers")
		cluster := drawLargeService(t)
		if rapid.Bool().Draw(t, "small") {
			cluster = drawCluster(t, poolVersions[0])
		}
		if rapid.Bool().Draw(t, "topology") {
			byTopology(t, s, cluster)
		}
		c := syncedWith(s.Settings, cluster.changes())
		server := newServer(s, c)
		c.phase.Store(uint32(rapid.SampledFrom([]phase{current, current, restored}).Draw(t, "phase")))
		for range rapid.IntRange(1, 8).Draw(t, "questions") {
			r := rapid.OneOf(rapid.Custom(drawLargeQuestion), rapid.Custom(drawAnyQuestion)).Draw(t, "question")
			by := drawTransport(t, rapid.IntRange(100, 5000).Draw(t, "size"))
			asked := by.question(r)
			asked.RecursionDesired, asked.CheckingDisabled = rapid.Bool().Draw(t, "RD"), rapid.Bool().Draw(t, "CD")
			if opt := asked.IsEdns0(); opt != nil && rapid.Bool().Draw(t, "DO") {
				opt.SetDo()
			}
			server.compareBytes(t, asked, by.tcp)
		}
	})
}

// byTopology puts the endpoints of a cluster into zones, and the client into one of them.
func byTopology(t *rapid.T, s *corefile.Stanza, c drawnCluster) {
	s.Settings.Topology = topology.Policy{Mode: topology.Mode(rapid.IntRange(0, 2).Draw(t, "mode")), Count: 1, Percent: 50}
	s.Clients.Server = place.Server{Zone: unique.Make("a")}
	wishes := rapid.Bool().Draw(t, "wishes")
	zones := rapid.SampledFrom([][]string{{"a"}, {"a", "b"}, {"b", "a", "b"}, {"b"}, {"a", ""}}).Draw(t, "zones")
	for _, key := range slices.Sorted(maps.Keys(c)) {
		switch obj := c[key].(type) {
		case *corev1.Service:
			if wishes {
				obj = obj.DeepCopy()
				c[key] = obj
				obj.Spec.TrafficDistribution = new(corev1.ServiceTrafficDistributionPreferClose)
			}
		case *discoveryv1.EndpointSlice:
			obj = obj.DeepCopy()
			c[key] = obj
			for i := range obj.Endpoints {
				if zone := zones[i%len(zones)]; zone != "" {
					obj.Endpoints[i].Zone = &zone
				}
			}
		}
	}
}

func drawAnyQuestion(t *rapid.T) *dns.Msg {
	name := drawCase(t, drawName(t))
	return overTheWire(t, new(dns.Msg).SetQuestion(name, typeFor(name, rapid.SampledFrom([]uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV}).Draw(t, "type"))))
}

// compareBytes asks twice, for a message and for bytes.
func (s wholeServer) compareBytes(t reporter, asked *dns.Msg, tcp bool) {
	t.Helper()
	as := test.ResponseWriter{TCP: tcp}
	first := asked.Copy()
	m := &client{ResponseWriter: as}
	_, err := s.h.ServeDNS(m.context(), request.NewScrubWriter(first, m), first)
	b := &client{ResponseWriter: as}
	// The server's own writer makes a message fit.
	second := asked.Copy()
	scrub := &sizedClient{client: client{ResponseWriter: as, wantsBytes: true}}
	scrub.scrub = request.NewScrubWriter(second, b)
	_, err2 := s.h.ServeDNS(scrub.context(), scrub, second)
	if scrub.bytes != nil {
		b = &scrub.client
	}
	if (err == nil) != (err2 == nil) || m.passed != scrub.passed || len(m.replies) != len(b.replies) {
		t.Fatalf("%v: %d and %d replies, passed on: %v and %v, errors %v and %v", asked, len(m.replies), len(b.replies), m.passed, scrub.passed, err, err2)
	}
	if len(m.replies) == 0 {
		return
	}
	if size := (&request.Request{W: m, Req: asked}).Size(); len(b.bytes) > size {
		t.Fatalf("%v: %d bytes for a client that takes %d", asked, len(b.bytes), size)
	}
	want, got := m.replies[0], b.replies[0]
	if got.MsgHdr != want.MsgHdr || !slices.Equal(got.Question, want.Question) {
		t.Fatalf("got %+v %v, want %+v %v", got.MsgHdr, got.Question, want.MsgHdr, want.Question)
	}
	if got, want := optOf(got), optOf(want); got != want {
		t.Fatalf("%v: got the OPT record\n%s\nwant\n%s", asked, got, want)
	}
	if got, want := written(got), written(want); !slices.Equal(got.answer, want.answer) || !slices.Equal(got.authority, want.authority) {
		t.Fatalf("%v: got\n%vwant\n%v", asked, got, want)
	}
	compareAdditional(t, want, got)
}

// compareAdditional compares the addresses of targets. Where not all fit, the order of the
// targets, which is drawn, says whose are there.
func compareAdditional(t reporter, want, got *dns.Msg) {
	in, out := ownersOf(want.Extra), ownersOf(got.Extra)
	targets := make(map[string]bool)
	for _, rr := range want.Answer {
		if srv, ok := rr.(*dns.SRV); ok {
			targets[srv.Target] = true
		}
	}
	if len(targets) == 0 {
		// What an alias leads to may have others, such as those of mail servers.
		if !maps.Equal(in, out) {
			t.Fatalf("the additional records are of %v, want %v", out, in)
		}
		return
	}
	if len(in) == len(targets) && want.Len() < pointableBytes && !maps.Equal(in, out) {
		t.Fatalf("the additional records are of %v, want %v", out, in)
	}
	for owner := range out {
		if !targets[owner] {
			t.Fatalf("%s is no target of %v", owner, targets)
		}
	}
}

// ownersOf counts the addresses of each owner.
func ownersOf(extra []dns.RR) map[string]int {
	owners := make(map[string]int)
	for _, rr := range extra {
		if rr.Header().Rrtype != dns.TypeOPT {
			owners[rr.Header().Name]++
		}
	}
	return owners
}

// optOf returns the OPT record of a message as text.
func optOf(m *dns.Msg) string {
	if opt := m.IsEdns0(); opt != nil {
		return opt.String()
	}
	return "none"
}
