// Package loopback finds ports for the servers that tests start.
package loopback

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// Address is the only address on which tests listen.
const Address = "127.0.0.1"

// Ports are drawn from a range in which no kernel picks the local port of an
// outgoing connection by default: such a connection could otherwise take a
// port between Port and the start of the server, or while the server is down.
const (
	lowest   = 10000
	highest  = 29999
	attempts = 200
)

var (
	mu    sync.Mutex
	given = make(map[int]bool)
)

// Port returns a port on which nothing listens, for TCP and for UDP. It is
// never returned again: not to this process, and to no other one that asks
// here, until this process ends. Whatever else runs on the machine may still
// take it: who listens on it must be ready to try another one.
func Port() (int, error) {
	mu.Lock()
	defer mu.Unlock()
	var last error
	for range attempts {
		port := lowest + rand.IntN(highest-lowest+1)
		if given[port] {
			continue
		}
		if last = reserve(port); last != nil {
			continue
		}
		given[port] = true
		if last = free(port); last == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("found no free port of %s from %d to %d in %d attempts: %w", Address, lowest, highest, attempts, last)
}

// Ports returns n different ports, each as Port does.
func Ports(n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		var err error
		if ports[i], err = Port(); err != nil {
			return nil, err
		}
	}
	return ports, nil
}

func free(port int) error {
	at := fmt.Sprintf("%s:%d", Address, port)
	tcp, err := net.Listen("tcp", at)
	if err != nil {
		return err
	}
	defer tcp.Close()
	udp, err := net.ListenPacket("udp", at)
	if err != nil {
		return err
	}
	return udp.Close()
}
