package probe

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"

	"github.com/miekg/dns"
	"google.golang.org/grpc"
	served "google.golang.org/grpc/health"
	health "google.golang.org/grpc/health/grpc_health_v1"
)

// servedVariable makes the test binary serve a kind, in a process of its own: the benchmark
// counts the time of its own process only.
const servedVariable = "PROBE_TEST_SERVES"

// serveForBenchmark serves a kind, prints where, and ends with its input.
func serveForBenchmark(kind string) {
	if kind == check.DNS.String() {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		fail(err)
		fmt.Println(conn.LocalAddr())
		go answerForBenchmark(conn)
	} else {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		fail(err)
		fmt.Println(listener.Addr())
		go acceptForBenchmark(kind, listener)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func answerForBenchmark(conn net.PacketConn) {
	packet := make([]byte, 1<<10)
	answer := replying(func(*dns.Msg) {})
	for {
		n, from, err := conn.ReadFrom(packet)
		fail(err)
		for _, each := range answer(packet[:n]) {
			_, _ = conn.WriteTo(each, from)
		}
	}
}

func acceptForBenchmark(kind string, listener net.Listener) {
	if kind == check.GRPC.String() {
		server := grpc.NewServer()
		health.RegisterHealthServer(server, served.NewServer())
		fail(server.Serve(listener))
	}
	each := map[string]func(net.Conn){
		"tcp":      hang,
		"tls":      hang,
		"http":     sendAndClose("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"),
		"https":    sendAndClose("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"),
		"postgres": send("N"),
		"redis":    send("+PONG\r\n"),
	}[kind]
	var config *tls.Config
	if kind == "tls" || kind == "https" {
		certificate, _ := certified(new(testing.B), tomorrow())
		config = &tls.Config{Certificates: []tls.Certificate{certificate}}
	}
	for {
		conn, err := listener.Accept()
		fail(err)
		go func() {
			defer conn.Close()
			if config == nil {
				each(conn)
				return
			}
			secured := tls.Server(conn, config)
			if secured.Handshake() == nil {
				each(secured)
				secured.Close()
			}
		}()
	}
}

// another starts a process that serves a kind, for as long as the benchmark.
func another(b *testing.B, kind check.Kind) netip.AddrPort {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), servedVariable+"="+kind.String())
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return netip.MustParseAddrPort(line[:len(line)-1])
}

// spent returns the time of the CPU that this process has used, in nanoseconds.
func spent(b *testing.B) int64 {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}

// BenchmarkProbe tells what a check of each kind costs: cpu-us/op is the time of the CPU in
// this process, with what the kernel does for it. Kind.Units follows from that.
func BenchmarkProbe(b *testing.B) {
	for kind := check.TCP; kind < check.Kinds; kind++ {
		for _, resets := range []bool{false, true} {
			name := kind.String()
			if resets {
				name += "-reset"
			}
			b.Run(name, func(b *testing.B) {
				at := another(b, kind)
				s := &check.Spec{Kind: kind, Reset: resets, Timeout: long}
				b.ReportAllocs()
				b.ResetTimer()
				before := spent(b)
				for range b.N {
					if got := Run(b.Context(), Dial, at, s); got != check.Passed {
						b.Fatalf("got %s, want %s", got, check.Passed)
					}
				}
				b.ReportMetric(float64(spent(b)-before)/1e3/float64(b.N), "cpu-us/op")
			})
		}
	}
}
