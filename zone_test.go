package endpoints

import (
	"net"
	"net/netip"
	"testing"

	"github.com/coredns/coredns/plugin/pkg/proxyproto"
)

// Behind a proxy that says who asks, the part of an answer goes by the client, not by the
// proxy.
func TestTheAddressOfASocket(t *testing.T) {
	proxy, client := &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 53}, net.ParseIP("10.244.0.1")
	for _, tc := range []struct {
		name   string
		socket net.Addr
		want   netip.Addr
	}{
		{"of UDP", &net.UDPAddr{IP: client}, netip.MustParseAddr("10.244.0.1")},
		{"of TCP", &net.TCPAddr{IP: client}, netip.MustParseAddr("10.244.0.1")},
		{"of a client behind a proxy", proxyproto.NewAddr(proxy, &net.UDPAddr{IP: client}, nil), netip.MustParseAddr("10.244.0.1")},
		{"of a stream through a proxy", proxyproto.NewAddr(proxy, &net.TCPAddr{IP: client}, []byte{1}), netip.MustParseAddr("10.244.0.1")},
		{"of no network with addresses", &net.UnixAddr{Name: "socket"}, netip.Addr{}},
		{"of nobody", nil, netip.Addr{}},
	} {
		if got := addressOf(tc.socket); got != tc.want {
			t.Errorf("%s: got %v, want %v", tc.name, got, tc.want)
		}
	}
}
