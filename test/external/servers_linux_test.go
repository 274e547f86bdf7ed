package external

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/targets"
)

// A server is one that checks find out about, and how they ask it.
type testServer struct {
	name  string
	check string
	run   func(testing.TB) (*targets.Target, netip.AddrPort)
	udp   bool
}

// plain returns a server that listens in one place.
func plain(run func(testing.TB) *targets.Target) func(testing.TB) (*targets.Target, netip.AddrPort) {
	return func(t testing.TB) (*targets.Target, netip.AddrPort) {
		s := run(t)
		return s, s.At
	}
}

// web returns nginx, and its place without or with TLS.
func web(place func(*targets.Web) netip.AddrPort) func(testing.TB) (*targets.Target, netip.AddrPort) {
	return func(t testing.TB) (*targets.Target, netip.AddrPort) {
		w := targets.Nginx(t, netip.MustParseAddrPort("127.0.0.1:1"))
		return w.Target, place(w)
	}
}

func inClear(w *targets.Web) netip.AddrPort { return w.At }
func secure(w *targets.Web) netip.AddrPort  { return w.Secure }

var testServers = []testServer{
	{name: "postgres", check: "postgres", run: plain(targets.Postgres)},
	{name: "redis", check: "redis", run: plain(func(t testing.TB) *targets.Target { return targets.Redis(t) })},
	{name: "http", check: "http path=/healthz", run: web(inClear)},
	{name: "https", check: "https path=/healthz name=db.example.org", run: web(secure)},
	{name: "tls", check: "tls", run: web(secure)},
	{name: "grpc", check: "grpc service=well", run: plain(targets.Health)},
	{name: "dns", check: "dns name=example.org", run: plain(targets.DNS), udp: true},
}

// TestAnswersFollowRealServers has each server be well, killed, started, stopped and let run
// on. A Service that is all gone has its address still, and says so; one that fails closed is
// empty.
func TestAnswersFollowRealServers(t *testing.T) {
	inside(t)
	t.Parallel()
	for _, each := range testServers {
		t.Run(each.name, func(t *testing.T) {
			t.Parallel()
			target, at := each.run(t)
			open := service{name: each.name, check: each.check, port: int(at.Port()), addresses: []string{at.Addr().String()}}
			if each.udp {
				open.protocol = "UDP"
			}
			closed := open
			closed.name, closed.annotations = each.name+"-closed", map[string]string{"fail-open": "off"}
			w := serve(t, everything, open, closed)
			w.keepAsking(t, open.name, closed.name)
			kind := fmt.Sprintf("kind=%q", each.name)
			well := func() {
				t.Helper()
				w.untilAddresses(t, open, "", open.addresses...)
				w.untilAddresses(t, closed, "", open.addresses...)
			}
			gone := func() {
				t.Helper()
				w.untilAddresses(t, open, "fail open: 0 of 1 serving, by check", open.addresses...)
				w.untilGone(t, closed, "no endpoint passes its check: 1 sick")
			}
			well()
			w.untilCounts(t, "checks_total", kind+`,result="passed"`, atLeast(2))
			target.Kill(t)
			gone()
			target.Start(t)
			well()
			target.Pause(t)
			gone()
			target.Resume(t)
			well()
		})
	}
}
