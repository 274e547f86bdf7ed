package endpoints

import (
	"context"
	"net"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/request"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/external"

	"github.com/miekg/dns"
)

// unaskedKey is the context key of a look-up that no client waits for. What another server
// block keeps is no answer to it: two of them could feed each other for ever.
type unaskedKey struct{}

// isUnasked reports whether a question is one of those.
func isUnasked(ctx context.Context) bool { return ctx.Value(unaskedKey{}) != nil }

// sizeUnasked is how large an answer may be over UDP that no client waits for, in bytes.
const sizeUnasked = 4096

// through looks names up in the server that a question came through, for the client that
// asked it: other plugins, such as acl and view, judge by that address.
type through struct {
	upstream upstream
	server   any
	writer   unasked
	// from is the name that was asked for.
	from string
}

// through returns the way that a question came.
func (q *query) through(ctx context.Context, up upstream) external.Resolver {
	return &through{up, ctx.Value(dnsserver.Key{}), unasked{q.w.LocalAddr(), asTCP(q.w.RemoteAddr())}, q.lower}
}

// Resolve implements external.Resolver.
func (t *through) Resolve(ctx context.Context, name string, qtype uint16) (*dns.Msg, error) {
	r := new(dns.Msg).SetQuestion(name, qtype).SetEdns0(sizeUnasked, false)
	ctx = context.WithValue(ctx, dnsserver.Key{}, t.server)
	ctx = context.WithValue(ctx, dnsserver.LoopKey{}, 0)
	ctx = context.WithValue(ctx, chainKey{}, []string{t.from})
	ctx = context.WithValue(ctx, unaskedKey{}, true)
	return t.upstream.Lookup(ctx, request.Request{W: t.writer, Req: r}, name, qtype)
}

// asTCP returns the address of a client as one that has no bound for an answer: forward asks
// over the protocol of the client.
func asTCP(client net.Addr) net.Addr {
	if addr := addressOf(client); addr.IsValid() {
		return &net.TCPAddr{IP: addr.AsSlice()}
	}
	return client
}

// unasked is where an answer goes that no client waits for.
type unasked struct{ local, remote net.Addr }

// LocalAddr implements dns.ResponseWriter.
func (u unasked) LocalAddr() net.Addr { return u.local }

// RemoteAddr implements dns.ResponseWriter.
func (u unasked) RemoteAddr() net.Addr { return u.remote }

// WriteMsg implements dns.ResponseWriter.
func (unasked) WriteMsg(*dns.Msg) error { return nil }

// Write implements dns.ResponseWriter.
func (unasked) Write(b []byte) (int, error) { return len(b), nil }

// Close implements dns.ResponseWriter.
func (unasked) Close() error { return nil }

// TsigStatus implements dns.ResponseWriter.
func (unasked) TsigStatus() error { return nil }

// TsigTimersOnly implements dns.ResponseWriter.
func (unasked) TsigTimersOnly(bool) {}

// Hijack implements dns.ResponseWriter.
func (unasked) Hijack() {}
