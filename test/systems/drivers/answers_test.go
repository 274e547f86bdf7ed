package drivers

import (
	"bufio"
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestRepliesOfRedisAreRead(t *testing.T) {
	for _, test := range []struct {
		name, reply string
		want        []string
		fails       bool
	}{
		{"one text", "$5\r\nab\r\nc\r\n", []string{"ab\r\nc"}, false},
		{"an empty text", "$0\r\n\r\n", []string{""}, false},
		{"an array", "*2\r\n$1\r\na\r\n$1\r\nb\r\n", []string{"a", "b"}, false},
		{"an array in an array", "*2\r\n*1\r\n$1\r\na\r\n$1\r\nb\r\n", []string{"a", "b"}, false},
		{"no answer", "*-1\r\n", nil, true},
		{"an error", "-ERR no such master\r\n", nil, true},
		{"half a text", "$5\r\nab", nil, true},
		{"an empty line", "\r\n", nil, true},
	} {
		got, err := readReply(bufio.NewReader(strings.NewReader(test.reply)))
		if !slices.Equal(got, test.want) || (err != nil) != test.fails {
			t.Errorf("%s: got %q, %v", test.name, got, err)
		}
	}
}

func TestOnlyServersInUseCountForHAProxy(t *testing.T) {
	const state = `1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state
4 web 1 web1 10.244.1.3 2 0
4 web 2 web2 10.244.1.2 2 0
4 web 3 web3 10.244.1.4 0 32
4 web 4 web4 - 0 32
5 other 1 web1 10.244.1.9 2 0
`
	want := []netip.Addr{netip.MustParseAddr("10.244.1.2"), netip.MustParseAddr("10.244.1.3")}
	if got := serversIn(state); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// said are Pods of which each command is answered with the same.
type said string

func (s said) Exec(context.Context, string, ...string) (string, error) {
	if s == "" {
		return "", errors.New("it has failed")
	}
	return string(s), nil
}

func (s said) Address(string) netip.Addr { return netip.MustParseAddr("10.244.1.2") }

func (s said) Names() []string { return []string{"lb", "web-0", "web-1"} }

func TestAVersionIsTheFirstNumberWithADot(t *testing.T) {
	for text, want := range map[string]string{
		"v0.7.0\n": "0.7.0",
		"getent (Debian GLIBC 2.36-9+deb12u1) 2.36": "2.36",
		"musl libc (x86_64)\nVersion 1.2.3":         "1.2.3",
		"it is 12":                                  "",
		"":                                          "",
	} {
		got, err := versionOf(t.Context(), said(text), "lb", "program", "--version")
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", text, got, err, want)
		}
	}
}

func TestMembersAreThoseOfAPrefix(t *testing.T) {
	all, err := members(said(""), "web-", 2)
	if want := []string{"web-0", "web-1"}; err != nil || !slices.Equal(all, want) {
		t.Errorf("got %q, %v, want %q", all, err, want)
	}
	if _, err := members(said(""), "web-", 3); err == nil {
		t.Error("one is missing, and nothing is said of it")
	}
}

func TestAResolverIsAskedForWhatThereIs(t *testing.T) {
	const service = "web.ns.svc.cluster.local"
	r := &resolver{types: []string{"A", "PTR", "SRV"}}
	want := [][]string{
		{"A:web", "10.244.1.2"},
		{"A:web.ns", "10.244.1.2"},
		{"A:" + service, "10.244.1.2"},
		{"A:web-0.web", "10.244.1.2"},
		{"A:web-0." + service, "10.244.1.2"},
		{"PTR:10.244.1.2", "web-0." + service},
		{"SRV:_http._tcp." + service, "web-0." + service},
		{"SRV:" + service, "web-0." + service},
	}
	if got := r.wanted(said(""), []string{"web-0"}, "ns"); !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got %q, want %q", got, want)
	}
}
