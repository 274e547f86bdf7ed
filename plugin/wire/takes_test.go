package wire

import (
	"context"
	"net"
	"testing"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/cache"
	"github.com/coredns/coredns/plugin/header"
	"github.com/coredns/coredns/plugin/metrics"
	"github.com/coredns/coredns/plugin/pkg/dnstest"
	"github.com/coredns/coredns/plugin/pkg/nonwriter"
	"github.com/coredns/coredns/plugin/test"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"
)

// serverWriter returns the writer of a real server, which may have decorated it.
func serverWriter(t *testing.T, decorate dns.DecorateWriter) dns.ResponseWriter {
	t.Helper()
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	writers := make(chan dns.ResponseWriter, 1)
	server := &dns.Server{PacketConn: packets, DecorateWriter: decorate, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		writers <- w
		_ = w.WriteMsg(new(dns.Msg).SetReply(r))
	})}
	go func() { _ = server.ActivateAndServe() }()
	t.Cleanup(func() { _ = server.Shutdown() })
	if _, err := dns.Exchange(new(dns.Msg).SetQuestion("example.org.", dns.TypeA), packets.LocalAddr().String()); err != nil {
		t.Fatal(err)
	}
	return <-writers
}

// behind returns what CoreDNS hands to a plugin.
func behind(w dns.ResponseWriter) (handed dns.ResponseWriter) {
	next := plugin.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, _ *dns.Msg) (int, error) {
		handed = w
		return dns.RcodeSuccess, nil
	})
	_, _ = plugin.NextOrFailure("", next, context.Background(), w, nil)
	return handed
}

// unknown is the writer of a plugin that nobody here knows.
type unknown struct{ dns.ResponseWriter }

// lastly stands between a server's own writer and the socket, as shed does.
type lastly struct{ dns.Writer }

func TestBytesGoOnlyToWritersThatAreKnown(t *testing.T) {
	server, r := serverWriter(t, nil), new(dns.Msg)
	decorated := serverWriter(t, func(w dns.Writer) dns.Writer { return lastly{w} })
	many := server
	for range mostWriters + 1 {
		many = behind(many)
	}
	for _, c := range []struct {
		name string
		w    dns.ResponseWriter
		want bool
	}{
		{"the server's own", server, true},
		{"that of CoreDNS's server", request.NewScrubWriter(r, server), true},
		{"that of a plugin behind it", behind(request.NewScrubWriter(r, server)), true},
		{"prometheus in front", behind(metrics.NewRecorder(request.NewScrubWriter(r, server))), true},
		{"two plugins in front", behind(behind(metrics.NewRecorder(behind(request.NewScrubWriter(r, server))))), true},
		{"shed behind it, which hands on what messages become", request.NewScrubWriter(r, decorated), false},
		{"log in front, which reads the message", behind(dnstest.NewRecorder(request.NewScrubWriter(r, server))), false},
		{"cache in front, which another order of plugins would have", behind(&cache.ResponseWriter{ResponseWriter: request.NewScrubWriter(r, server)}), false},
		{"header in front, the same", behind(&header.ResponseHeaderWriter{ResponseWriter: request.NewScrubWriter(r, server)}), false},
		{"a look-up by another plugin", behind(nonwriter.New(request.NewScrubWriter(r, server))), false},
		{"a plugin that nobody knows", behind(unknown{request.NewScrubWriter(r, server)}), false},
		{"prometheus behind such a one", behind(metrics.NewRecorder(unknown{server})), false},
		{"another server", request.NewScrubWriter(r, &test.ResponseWriter{}), false},
		{"nothing", nil, false},
		{"prometheus in front of nothing", metrics.NewRecorder(nil), false},
		{"more plugins than there are", many, false},
	} {
		if got := Takes(c.w); got != c.want {
			t.Errorf("%s: got %t, want %t", c.name, got, c.want)
		}
	}
	usual := behind(metrics.NewRecorder(behind(request.NewScrubWriter(r, server))))
	if n := testing.AllocsPerRun(100, func() { Takes(usual) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestTheWriterOfPluginsIsKnown(t *testing.T) {
	if ofPlugins == nil {
		t.Error("this CoreDNS has another one: all answers are messages")
	}
}
