package probe

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
)

// Closing with RST tells the other end, which sees an error and not an end.
func TestResetClosesWithRST(t *testing.T) {
	for _, resets := range []bool{false, true} {
		ended := make(chan error, 1)
		at := serve(t, func(conn net.Conn) {
			_, err := conn.Read(make([]byte, 1))
			ended <- err
		})
		expect(t, at, check.Spec{Kind: check.TCP, Reset: resets}, check.Passed)
		if err := <-ended; errors.Is(err, syscall.ECONNRESET) != resets {
			t.Errorf("Reset is %t, and the other end sees %v", resets, err)
		}
	}
}

// A process without file descriptors has found out nothing of its targets.
func TestACheckIsVoidWhereNoFileDescriptorIsLeft(t *testing.T) {
	at := serve(t, hang)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	few := syscall.Rlimit{Cur: uint64(len(open)), Max: before.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	// Numbers below that are free take files.
	for err == nil {
		var file *os.File
		if file, err = os.Open(os.DevNull); err == nil {
			defer file.Close()
		}
	}
	got := run(t, at, long, check.Spec{Kind: check.TCP})
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	if got != check.Void {
		t.Errorf("got %s, want %s", got, check.Void)
	}
	expect(t, at, check.Spec{Kind: check.TCP}, check.Passed)
}

// A check lasts for seconds: nothing is sent to keep its connection alive.
func TestNoConnectionIsKeptAlive(t *testing.T) {
	at := serve(t, hang)
	conn, err := Dial(t.Context(), "tcp", at, &check.Spec{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) {
		if alive, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_KEEPALIVE); err != nil || alive != 0 {
			t.Errorf("the connection is kept alive: %d, %v", alive, err)
		}
	}); err != nil {
		t.Fatal(err)
	}
}
