package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"
)

const corefile = `.:{{.DNS}} {
    bind 127.0.0.1
    ready 127.0.0.1:{{.Ready}}
    prometheus 127.0.0.1:{{.Metrics}}
    hosts {
        192.0.2.1 web.example.org
        192.0.2.2 web.example.org
        2001:db8::1 web.example.org
        ttl 30
        no_reverse
    }
    errors
}
`

func TestAWholeAnswer(t *testing.T) {
	s := New(t, corefile)
	got := s.MustDig(t, "web.example.org", "A", "+tcp")
	want := `NOERROR qr aa rd
question web.example.org. IN A
answer web.example.org. 30 IN A 192.0.2.1
answer web.example.org. 30 IN A 192.0.2.2
`
	if got.String() != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
	if !got.TCP || got.Truncated || got.UDPSize == 0 {
		t.Errorf("got TCP %t, Truncated %t, UDPSize %d, want TCP, the answer whole, and EDNS", got.TCP, got.Truncated, got.UDPSize)
	}
	if over := s.MustDig(t, "web.example.org", "AAAA", "+noedns"); over.TCP || over.UDPSize != 0 {
		t.Errorf("got TCP %t, UDPSize %d, want UDP without EDNS", over.TCP, over.UDPSize)
	}
}

func TestTruncationIsSeen(t *testing.T) {
	var addresses strings.Builder
	for i := range 100 {
		fmt.Fprintf(&addresses, "192.0.2.%d many.example.org\n", i+1)
	}
	s := New(t, strings.Replace(corefile, "ttl 30", addresses.String()+"ttl 30", 1))

	cut := s.MustDig(t, "many.example.org", "A", "+noedns", "+ignore")
	if !cut.Truncated || !cut.HasFlag("tc") || cut.TCP || len(cut.Answer) == 0 || len(cut.Answer) >= 100 {
		t.Errorf("+ignore: got Truncated %t, TCP %t, %d records, want a part over UDP", cut.Truncated, cut.TCP, len(cut.Answer))
	}
	whole := s.MustDig(t, "many.example.org", "A", "+noedns")
	if !whole.Truncated || whole.HasFlag("tc") || !whole.TCP || len(whole.Answer) != 100 {
		t.Errorf("got Truncated %t, TCP %t, %d records, want all 100 over TCP after a truncated answer", whole.Truncated, whole.TCP, len(whole.Answer))
	}
}

func TestExtendedErrorsAreSeen(t *testing.T) {
	s := New(t, strings.Replace(corefile, "    errors", "    acl {\n        block type TXT\n    }\n    errors", 1))
	got := s.MustDig(t, "web.example.org", "TXT")
	if got.Status != "REFUSED" || !slices.Equal(got.EDE, []string{"15 (Blocked)"}) {
		t.Errorf("got %s and %q, want REFUSED and 15 (Blocked)", got.Status, got.EDE)
	}
}

func TestMetricsCountWhatDigAsked(t *testing.T) {
	s := New(t, corefile)
	s.MustDig(t, "web.example.org", "A")
	text, err := s.Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := `coredns_dns_requests_total{family="1",proto="udp",server="dns://` + s.Address() + `",type="A",view="",zone="."} 1`
	if !strings.Contains(text, want) {
		t.Errorf("%s is missing in:\n%s", want, text)
	}
	samples, err := s.Samples(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if series := strings.TrimSuffix(want, " 1"); samples[series] != 1 {
		t.Errorf("%s is %v in %v", series, samples[series], samples)
	}
}

func TestASignalReloadsTheCorefile(t *testing.T) {
	s := New(t, corefile)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Reload(ctx, strings.ReplaceAll(corefile, "192.0.2.", "198.51.100.")); err != nil {
		t.Fatal(err)
	}
	err := poll.Until(ctx, func(ctx context.Context) error {
		a, err := s.Dig(ctx, "web.example.org", "A")
		if err != nil {
			return err
		}
		if !slices.Contains(a.Answer, "web.example.org. 30 IN A 198.51.100.1") {
			return fmt.Errorf("still the old answer:\n%s", a)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestStartWithoutTheReadyPortWaitsForTheDNSPort(t *testing.T) {
	s := New(t, strings.Replace(corefile, "    ready 127.0.0.1:{{.Ready}}\n", "", 1))
	if got := s.MustDig(t, "web.example.org", "A"); got.Status != "NOERROR" {
		t.Errorf("got %s, want NOERROR", got.Status)
	}
}

func TestStartTellsWhatIsWrong(t *testing.T) {
	tests := []struct{ name, corefile, want string }{
		{"CoreDNS refuses the Corefile", strings.Replace(corefile, "errors", "mistakes", 1), "Unknown directive 'mistakes'"},
		{"the Corefile would listen on every interface", ".:{{.DNS}} {\n whoami\n}\n", "no `bind 127.0.0.1`"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			s, err := Start(t.Context(), tc.corefile)
			if err == nil {
				t.Fatal("got no error", s.Stop())
			}
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q in it", err, tc.want)
			}
		})
	}
}

// twoPorts has a server block more, on a port of its own.
const twoPorts = corefile + `.:{{.Port.other}} {
    bind 127.0.0.1
    template IN A {
        answer "{{.Name}} 60 IN A 192.0.2.9"
    }
}
`

func TestAFurtherPort(t *testing.T) {
	s := New(t, twoPorts)
	got, err := Dig(t.Context(), s.AddressOf("other"), "web.example.org", "A")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"web.example.org. 60 IN A 192.0.2.9"}; !slices.Equal(got.Answer, want) {
		t.Errorf("got %q, want %q", got.Answer, want)
	}
}

func TestAPortThatWasTakenMeanwhileIsToldApart(t *testing.T) {
	program, err := Binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		port func(ports) int
	}{
		{"the DNS port", func(p ports) int { return p.dns }},
		{"the metrics port", func(p ports) int { return p.metrics }},
		{"a further port", func(p ports) int { return p.further["other"] }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := findPorts(twoPorts)
			if err != nil {
				t.Fatal(err)
			}
			taken, err := net.Listen("tcp", at(tc.port(p)))
			if err != nil {
				t.Fatal(err)
			}
			defer taken.Close()
			s, err := startOnce(t.Context(), program, twoPorts, p)
			if err == nil {
				t.Fatal("got no error", s.Stop())
			}
			if !errors.Is(err, errPortTaken) {
				t.Errorf("got %v, want %v", err, errPortTaken)
			}
		})
	}
}

func TestStopEndsTheProcessKeepsTheLogAndRemovesTheFolder(t *testing.T) {
	s := New(t, corefile)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := s.Signal(syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("Signal: got %v, want %v", err, os.ErrProcessDone)
	}
	if _, err := os.Stat(s.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder: got %v, want %v", err, os.ErrNotExist)
	}
	if want := "CoreDNS-1.15.0"; !strings.Contains(s.Log(), want) {
		t.Errorf("%s is missing in the log: %s", want, s.Log())
	}
	if err := s.Stop(); err != nil {
		t.Errorf("a second Stop: %v", err)
	}
}

func TestStopTellsThatTheServerHadEnded(t *testing.T) {
	s, err := Start(t.Context(), corefile)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-s.process.Done()
	if err := s.Stop(); err == nil || !strings.Contains(err.Error(), "signal: killed") {
		t.Errorf("got %v, want that it was killed", err)
	}
}

func TestComplaints(t *testing.T) {
	tests := []struct {
		name, log string
		want      []string
	}{
		{"a quiet log has none", "CoreDNS-1.15.0\n[INFO] plugin/reload: running\n", nil},
		{"a data race is one", "a\nWARNING: DATA RACE\nRead at 0x00\n", []string{"WARNING: DATA RACE"}},
		{"a panic that CoreDNS caught is one", "[ERROR] Recovered from panic in server: \"x\"\n", []string{"[ERROR] Recovered from panic in server: \"x\""}},
		{"a panic is one", "panic: oh\ngoroutine 1\n", []string{"panic: oh"}},
		{"an error of the runtime is one", "fatal error: concurrent map writes\n", []string{"fatal error: concurrent map writes"}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if got := complaints(tc.log); !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
