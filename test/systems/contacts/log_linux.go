package contacts

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A Contact is the opening of a connection. What is sent again for the same one is none.
type Contact struct {
	At       time.Time
	From, To netip.AddrPort
}

// A Log has the contacts since it was opened.
type Log struct {
	socket int

	mu   sync.Mutex
	all  []Contact
	last map[[2]netip.AddrPort]time.Time
}

// Open begins to see what comes in at the interface.
func Open(name string) (*Log, error) {
	bridge, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	protocol := uint16(unix.ETH_P_IP)
	protocol = protocol<<8 | protocol>>8
	socket, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, int(protocol))
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := unix.Bind(socket, &unix.SockaddrLinklayer{Protocol: protocol, Ifindex: bridge.Index}); err != nil {
		return nil, errors.Join(os.NewSyscallError("bind", err), unix.Close(socket))
	}
	l := &Log{socket: socket, last: make(map[[2]netip.AddrPort]time.Time)}
	go l.read()
	return l, nil
}

// maxPacket is more than what syn looks at.
const maxPacket = 128

// read goes on for as long as the process lives.
func (l *Log) read() {
	buffer := make([]byte, maxPacket)
	for {
		n, from, err := unix.Recvfrom(l.socket, buffer, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return
		}
		// What goes out was seen when it came in.
		if link, ok := from.(*unix.SockaddrLinklayer); !ok || link.Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		if from, to, ok := syn(buffer[:n]); ok {
			l.add(Contact{time.Now(), from, to})
		}
	}
}

// again is how long a client sends the same SYN again: one later opens another connection.
const again = 2 * time.Minute

func (l *Log) add(c Contact) {
	l.mu.Lock()
	defer l.mu.Unlock()
	pair := [2]netip.AddrPort{c.From, c.To}
	before, known := l.last[pair]
	l.last[pair] = c.At
	if !known || c.At.Sub(before) > again {
		l.all = append(l.all, c)
	}
}

// Since returns the contacts from then on.
func (l *Log) Since(then time.Time) []Contact {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []Contact
	for _, each := range l.all {
		if !each.At.Before(then) {
			found = append(found, each)
		}
	}
	return found
}
