package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"testing"
)

// digFlags make dig ask once, and say how; `-r` keeps a .digrc out.
var digFlags = []string{"-r", "+nocmd", "+tries=1", "+time=10"}

// Dig asks the server with dig and returns the whole answer. The args go to
// dig, such as "+tcp", "+ignore" or "+bufsize=512". No answer within 10 seconds
// is an error.
func (s *Server) Dig(ctx context.Context, name, qtype string, args ...string) (*Answer, error) {
	return Dig(ctx, s.Address(), name, qtype, args...)
}

// MustDig does as Dig does, and ends the test where Dig returns an error.
func (s *Server) MustDig(t testing.TB, name, qtype string, args ...string) *Answer {
	t.Helper()
	a, err := s.Dig(t.Context(), name, qtype, args...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Dig asks whatever answers at the address, a host:port, as the method does.
func Dig(ctx context.Context, address, name, qtype string, args ...string) (*Answer, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	program, err := exec.LookPath("dig")
	if err != nil {
		return nil, errors.New("the program dig is missing: `make test` installs it (Debian's bind9-dnsutils)")
	}
	all := append([]string{}, digFlags...)
	all = append(all, "@"+host, "-p", port, "-q", name, "-t", qtype)
	all = append(all, args...)
	out, err := exec.CommandContext(ctx, program, all...).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("dig %s %s %v: %w\n%s", name, qtype, args, err, out)
	}
	a, err := parse(string(out))
	if err != nil {
		return nil, fmt.Errorf("dig %s %s %v: %w\n%s", name, qtype, args, err, out)
	}
	return a, nil
}
