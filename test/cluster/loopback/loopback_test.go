package loopback

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// otherVariable makes the test binary another process that wants a port.
const otherVariable = "LOOPBACK_TEST_PORT"

func TestMain(m *testing.M) {
	if port, err := strconv.Atoi(os.Getenv(otherVariable)); err == nil {
		fmt.Println("reserve:", reserve(port))
		return
	}
	os.Exit(m.Run())
}

func TestAPortIsReservedAgainstOtherProcesses(t *testing.T) {
	given, err := Port()
	if err != nil {
		t.Fatal(err)
	}
	for port, want := range map[int]string{given: "another test has reserved port", lowest - 1: "<nil>"} {
		other := exec.Command(os.Args[0])
		other.Env = append(os.Environ(), fmt.Sprintf("%s=%d", otherVariable, port))
		out, err := other.CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), "reserve: "+want) {
			t.Errorf("port %d: got %v and %q, want %q", port, err, out, want)
		}
	}
}

func TestPortsAreDifferentAndFreeForTCPAndUDP(t *testing.T) {
	ports, err := Ports(50)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[int]bool)
	for _, port := range ports {
		if seen[port] {
			t.Errorf("port %d was given twice", port)
		}
		seen[port] = true
		if err := free(port); err != nil {
			t.Errorf("port %d: %v", port, err)
		}
	}
}

func TestAPortInUseIsNotFree(t *testing.T) {
	for _, network := range []string{"tcp", "udp"} {
		t.Run(network, func(t *testing.T) {
			port, err := Port()
			if err != nil {
				t.Fatal(err)
			}
			occupy(t, network, port)
			if free(port) == nil {
				t.Errorf("port %d is in use for %s and was called free", port, network)
			}
		})
	}
}

func occupy(t *testing.T, network string, port int) {
	t.Helper()
	at := fmt.Sprintf("%s:%d", Address, port)
	if network == "tcp" {
		l, err := net.Listen(network, at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return
	}
	c, err := net.ListenPacket(network, at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
}
