package endpoints

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/coredns/coredns/plugin/test"
	"github.com/coredns/coredns/request"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
)

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

func (c *sizedClient) Write(b []byte) (int, error) {
	n, err := c.client.Write(b)
	if err == nil {
		c.before = c.replies[0].Copy()
	}
	return n, err
}

// askSized returns the reply as the plugin made it and as it leaves the server.
func (s wholeServer) askSized(t reporter, r *dns.Msg, tcp bool) (before, after *dns.Msg) {
	t.Helper()
	return s.askAs(t, r, test.ResponseWriter{TCP: tcp})
}

// askFrom asks as the client with an address.
func (s wholeServer) askFrom(t reporter, r *dns.Msg, address string) (before, after *dns.Msg) {
	t.Helper()
	return s.askAs(t, r, test.ResponseWriter{RemoteIP: address})
}

func (s wholeServer) askAs(t reporter, r *dns.Msg, as test.ResponseWriter) (before, after *dns.Msg) {
	t.Helper()
	c := &sizedClient{client: client{ResponseWriter: as, wantsBytes: everyOther(r)}}
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
	c.checkRoom(t, after, c.whole.Answer)
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
// were that large, or else those with short names would be drawn more often. A bound
// draws from more records than the whole answer has.
func (c sized) checkRoom(t *rapid.T, after *dns.Msg, drawnFrom []dns.RR) {
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
	for _, rr := range drawnFrom {
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
// of the target with the most would fit, and where there are any beside a part of the
// answer.
func (c sized) checkAdditional(t reporter, after *dns.Msg) {
	c.checkWhole(t, after)
	targets, have := c.checkTargets(t, after)
	if after.Truncated {
		if have > 0 {
			t.Fatalf("%+v %v: the answer is cut, and has the addresses of %d targets", c.by, c.r.Question, have)
		}
		return
	}
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

func TestMaxAnswersBoundsTheServiceNameAndSRVRecords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, cluster := drawStanza(t), drawLargeService(t)
		s.MaxAnswers = rapid.OneOf(rapid.IntRange(1, 10), rapid.IntRange(1, 500)).Draw(t, "max_answers")
		server, n := newServer(s, synced(s.Settings.Naming, cluster.changes())), cluster.model(s)
		for range 4 {
			r := drawLargeQuestion(t)
			question := r.Question[0]
			want := n.ask(question, r.Opcode)
			isBounded := question.Qtype == dns.TypeSRV || strings.EqualFold(question.Name, "db.default.svc.cluster.local.")
			if isBounded && len(want.answer) > s.MaxAnswers {
				got := server.ask(t, r.Copy())
				checkPart(t, written(got).answer, want.answer)
				if len(got.Answer) != s.MaxAnswers || got.Truncated {
					t.Fatalf("max_answers %d: %d records of %d, truncated is %v", s.MaxAnswers, len(got.Answer), len(want.answer), got.Truncated)
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
// records, and the client's buffer.
func (c sized) checkBounded(t *rapid.T, want naiveAnswer) {
	_, after := c.server.askSized(t, c.by.question(c.r), c.by.tcp)
	checkPart(t, written(after).answer, want.answer)
	if missing := len(c.whole.Answer) - len(after.Answer); missing < 0 || after.Truncated != (missing > 0) {
		t.Fatalf("%+v: %d addresses of %d at most, truncated is %v", c.by, len(after.Answer), len(c.whole.Answer), after.Truncated)
	}
	c.checkRoom(t, after, mustMessage(t, want, c.r).Answer)
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

// Each client has a part of its own. All together get all endpoints equally often.
func TestWhereNotAllFitClientsTogetherGetEachEquallyOften(t *testing.T) {
	const all, asked = 60, 5000
	server := newServer(testStanza(), synced(roster.ByHostname, largeSlice(all)))
	for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV} {
		t.Run(dns.TypeToString[qtype], func(t *testing.T) {
			r := new(dns.Msg).SetQuestion("db.default.svc.cluster.local.", qtype)
			carried, size := make(map[string]int), 0
			for i := range asked {
				_, after := server.askFrom(t, r, fmt.Sprintf("10.244.%d.%d", i>>8, i&255))
				for _, rr := range after.Answer {
					carried[rr.String()]++
				}
				size = len(after.Answer)
			}
			if size == 0 || size == all || len(carried) != all {
				t.Fatalf("%d of %d fit, and %d were carried", size, all, len(carried))
			}
			// Parts are runs, which makes the counts of neighbours alike.
			if x := chiSquared(carried, all) / float64(size); x > chiSquaredBound(all-1) {
				t.Errorf("chi-squared is %.1f: %v", x, carried)
			}
		})
	}
}

// A client that takes an answer for the set must not see it change by itself.
func TestAClientGetsTheSamePartAgain(t *testing.T) {
	server := newServer(testStanza(), synced(roster.ByHostname, largeSlice(60)))
	for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV} {
		r := new(dns.Msg).SetQuestion("db.default.svc.cluster.local.", qtype)
		want := ""
		for range 50 {
			_, after := server.askFrom(t, r, "10.244.7.7")
			got := text(&dns.Msg{Answer: after.Answer})
			if want == "" {
				want = got
			}
			if got != want {
				t.Fatalf("got\n%s\nand before\n%s", got, want)
			}
		}
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
