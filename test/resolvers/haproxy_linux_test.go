package resolvers

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/server"
)

var watched = flag.Duration("haproxy", 12*time.Second, "how long HAProxy is watched")

// sampleEach is several times as often as HAProxy asks.
const sampleEach = 100 * time.Millisecond

// proxied is a HAProxy that asks for the servers of a Service each second, and lets
// go at once of one that an answer does not have. It never asks over TCP.
const proxied = `global
    stats socket DIR/socket mode 600 level admin
defaults
    mode http
    timeout connect 500ms
    timeout client 5s
    timeout server 5s
resolvers kubernetes
    nameserver dns ADDRESS
    accepted_payload_size 8192
    timeout resolve 1s
    timeout retry 500ms
    hold valid 1s
    hold obsolete 0s
frontend clients
    bind unix@DIR/clients
    default_backend web
backend web
    server-template web 400 _sql._tcp.of300.default.svc.cluster.local resolvers kubernetes resolve-prefer ipv4 init-addr none
`

func TestHAProxyKeepsItsServersWhileNothingChanges(t *testing.T) {
	inside(t)
	const count = 300
	s := server.New(t, strings.ReplaceAll(twoBounds, "MANIFESTS", manifests(t, headless(sized(count), many(count)...)...)))
	dir := folder(t)
	configuration, socket := filepath.Join(dir, "haproxy.cfg"), filepath.Join(dir, "socket")
	must(t, os.WriteFile(configuration, []byte(strings.NewReplacer("DIR", dir, "ADDRESS", s.Address()).Replace(proxied)), 0o600))
	run(t, find(t, "haproxy"), "-db", "-f", configuration)

	// Each name that comes without its address takes a question of its own.
	want := partOverUDP(t, s)
	if len(want) < 100 || len(want) >= count {
		t.Fatalf("an answer over UDP has %d of %d endpoints, want a part", len(want), count)
	}
	var slots map[string]string
	until(t, func(context.Context) error {
		var err error
		if slots, err = serversOf(socket); err != nil {
			return err
		}
		return wantServers(slots, want)
	})
	exchanged, samples := 0, 0
	sample := time.NewTicker(sampleEach)
	defer sample.Stop()
	for begun := time.Now(); time.Since(begun) < *watched; samples++ {
		now, err := serversOf(socket)
		must(t, err)
		for slot, address := range now {
			if slots[slot] != address {
				exchanged++
			}
		}
		slots = now
		<-sample.C
	}
	t.Logf("%d of %d endpoints in use; %d servers exchanged in %v, %d samples", len(want), count, exchanged, *watched, samples)
	if exchanged > 0 {
		t.Errorf("%d servers were exchanged while nothing changed", exchanged)
	}
	must(t, wantServers(slots, want))
}

// partOverUDP returns the addresses of the endpoints in the answer that HAProxy gets.
func partOverUDP(t *testing.T, s *server.Server) map[string]bool {
	t.Helper()
	a := s.MustDig(t, "_sql._tcp.of300.default.svc.cluster.local", "SRV", "+ignore", "+bufsize=8192")
	part := make(map[string]bool)
	for _, record := range a.Answer {
		var i int
		_, err := fmt.Sscanf(strings.Fields(record)[7], "web-%d.", &i)
		must(t, err)
		part[address(i)] = true
	}
	return part
}

func wantServers(slots map[string]string, want map[string]bool) error {
	got := make(map[string]bool)
	for _, address := range slots {
		got[address] = true
	}
	for address := range want {
		if !got[address] {
			return fmt.Errorf("HAProxy uses %d servers of %d; %s is missing", len(got), len(want), address)
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("HAProxy uses %d servers, and the answer has %d", len(got), len(want))
	}
	return nil
}

// serversOf returns the addresses of the servers that HAProxy uses, by its names for
// them.
func serversOf(socket string) (map[string]string, error) {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if _, err := io.WriteString(c, "show servers state web\n"); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(c)
	if err != nil {
		return nil, err
	}
	slots := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		// Backend id and name, server id and name, address, state.
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[1] != "web" {
			continue
		}
		if address, state := fields[4], fields[5]; address != "-" && state != "0" {
			slots[fields[3]] = address
		}
	}
	if len(slots) == 0 {
		return nil, errors.New("HAProxy has no servers yet:\n" + string(text))
	}
	return slots, nil
}
