package external

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync/atomic"
	"testing"
)

// everything allows all that a stanza can allow.
const everything = `checks on
        check_allow * to 0.0.0.0/0 ::/0 ports 1-65535 kinds tcp tls http https grpc dns postgres redis
        check_interval 2s
        check_timeout 1500ms`

// door counts who connects to an address.
type door struct{ count atomic.Int64 }

// open listens where anybody who is not to come would come.
func open(t *testing.T, addr netip.AddrPort, answer string) *door {
	t.Helper()
	d := new(door)
	listen(t, addr, answer, d)
	return d
}

// openDoor listens until somebody closes it.
func openDoor(t *testing.T, addr netip.AddrPort, answer string) net.Listener {
	t.Helper()
	return listen(t, addr, answer, new(door))
}

func listen(t *testing.T, addr netip.AddrPort, answer string, d *door) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", addr.String())
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			d.count.Add(1)
			_, _ = conn.Write([]byte(answer))
			_ = conn.Close()
		}
	}()
	return l
}

func atLeast(n float64) func(float64) bool { return func(got float64) bool { return got >= n } }

// TestForbiddenAddressesAreNeverDialled has a listener at each address that must not be
// asked, though the stanza allows all, and Services whose slices have these addresses.
func TestForbiddenAddressesAreNeverDialled(t *testing.T) {
	inside(t)
	t.Parallel()
	const port = 80
	forbidden := []string{
		// Cloud metadata, by each of its names for IPv4.
		"169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1",
		"168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254",
		// Loopback, this process's own, and the API server's, as its slice has it.
		"127.0.0.2", "::1", "10.0.0.1", "10.16.9.9",
	}
	doors := make(map[string]*door)
	services := []service{{name: "kubernetes", port: 443, addresses: []string{"10.16.9.9"}}}
	for i, each := range forbidden {
		addr := netip.MustParseAddr(each)
		doors[each] = open(t, netip.AddrPortFrom(addr, port), "")
		services = append(services, service{name: fmt.Sprintf("forbidden-%d", i), check: "tcp", port: port, addresses: []string{each}})
	}
	good, other := netip.MustParseAddrPort("10.16.0.1:80"), netip.MustParseAddrPort("10.16.0.1:81")
	goodDoor, otherDoor := open(t, good, ""), open(t, other, "")
	services = append(services,
		service{name: "good", check: "tcp", port: port, addresses: []string{"10.16.0.1"}},
		// A port that the slice does not have.
		service{name: "elsewhere", check: "tcp 81", port: port, addresses: []string{"10.16.0.1"}})
	// A web server that sends its visitors to another one.
	away := netip.MustParseAddrPort("10.16.0.3:80")
	open(t, netip.MustParseAddrPort("10.16.0.2:80"), "HTTP/1.1 302 Found\r\nLocation: http://"+away.String()+"/\r\nConnection: close\r\n\r\n")
	awayDoor := open(t, away, "")
	services = append(services, service{name: "redirect", check: "http path=/healthz", port: port, addresses: []string{"10.16.0.2"}})

	w := serve(t, everything, services...)
	w.keepAsking(t, "good", "redirect")
	w.untilCounts(t, "checks_total", `kind="tcp",result="passed"`, atLeast(5))
	w.untilCounts(t, "checks_total", `kind="http",result="passed"`, atLeast(3))
	w.untilCounts(t, "check_refusals_total", `reason="never"`, atLeast(float64(len(forbidden))))
	if goodDoor.count.Load() == 0 {
		t.Error("nobody came to the target that is allowed")
	}
	sum := int64(0)
	for addr, d := range doors {
		if n := d.count.Load(); n > 0 {
			t.Errorf("%s was dialled %s times", addr, strconv.FormatInt(n, 10))
			sum += n
		}
	}
	if n := otherDoor.count.Load(); n > 0 {
		t.Errorf("a port that is none of the slice's was dialled %d times", n)
	}
	if n := awayDoor.count.Load(); n > 0 {
		t.Errorf("a redirect was followed %d times", n)
	}
	t.Logf("%d forbidden dials", sum+otherDoor.count.Load()+awayDoor.count.Load())
}
