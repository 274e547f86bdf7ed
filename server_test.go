package endpoints

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/nonwriter"
	"github.com/coredns/coredns/plugin/test"
	"github.com/coredns/coredns/request"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/place"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"

	"github.com/miekg/dns"
)

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
			return naiveAnswer{answer: addresses, authority: []string{"example.org.\t60\tIN\tNS\tns.example.org."}}
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
	server.h.clients.Store(place.NewTable(&s.Clients, nil))
	server.h.next = plugin.HandlerFunc(next)
	server.h.upstream, server.h.takesBytes = server, toClients
	return server
}

// synced returns a cache that serves the changes.
func synced(naming roster.Naming, changes ...[]model.Change) *cache {
	return syncedWith(corefile.Settings{Naming: naming}, changes...)
}

func syncedWith(s corefile.Settings, changes ...[]model.Change) *cache {
	c := newCache(s, false)
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
	// wantsBytes asks for bytes, where there are any to have, and bytes are those of a
	// reply that was no message.
	wantsBytes bool
	bytes      []byte
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

// Write takes bytes, which have to be a message.
func (c *client) Write(b []byte) (int, error) {
	m := &dns.Msg{Compress: true}
	if err := m.Unpack(b); err != nil {
		return 0, err
	}
	m.Compress = true
	c.replies, c.bytes = append(c.replies, m), slices.Clone(b)
	return len(b), nil
}

// reporter is a testing.T or a rapid.T.
type reporter interface {
	Helper()
	Fatalf(format string, args ...any)
}

// ask returns the reply over TCP, or nil where the question passed on.
func (s wholeServer) ask(t reporter, r *dns.Msg) *dns.Msg {
	t.Helper()
	c := &client{ResponseWriter: test.ResponseWriter{TCP: true}, wantsBytes: everyOther(r)}
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
