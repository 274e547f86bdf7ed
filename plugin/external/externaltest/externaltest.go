// Package externaltest answers questions as servers outside of a cluster would.
package externaltest

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/coredns/coredns/plugin/test"

	"github.com/miekg/dns"
)

// defaultTTL is that of records in seconds, where nobody says another one.
const defaultTTL = "60"

// Answer returns what a server has of a name: text has addresses and aliases, or is a
// response code, or "error" for no answer. A TTL in seconds follows a slash. For HTTPS there
// are records with hints of addresses, and for TXT there is one.
func Answer(text, name string, qtype uint16) (*dns.Msg, error) {
	text, ttl, _ := strings.Cut(text, "/")
	if ttl == "" {
		ttl = defaultTTL
	}
	m := new(dns.Msg)
	if text == "error" {
		return nil, errors.New("no server")
	}
	if rcode, ok := dns.StringToRcode[text]; ok {
		m.Rcode = rcode
		return m, nil
	}
	for _, word := range strings.Fields(text) {
		addr, err := netip.ParseAddr(word)
		switch {
		case err != nil:
			m.Answer = append(m.Answer, test.CNAME(fmt.Sprintf("%s %s IN CNAME %s", name, ttl, word)))
			name = word
		case addr.Is4() && qtype == dns.TypeA:
			m.Answer = append(m.Answer, test.A(fmt.Sprintf("%s %s IN A %s", name, ttl, word)))
		case addr.Is6() && qtype == dns.TypeAAAA:
			m.Answer = append(m.Answer, test.AAAA(fmt.Sprintf("%s %s IN AAAA %s", name, ttl, word)))
		}
	}
	switch qtype {
	case dns.TypeHTTPS:
		for _, hint := range []string{"ipv4hint=192.0.2.1", "ipv4hint=192.0.2.1,10.0.0.1", "ipv6hint=2001:db8::1"} {
			rr, _ := dns.NewRR(fmt.Sprintf("%s %s IN HTTPS 1 . %s", name, ttl, hint))
			m.Answer = append(m.Answer, rr)
		}
	case dns.TypeTXT:
		m.Answer = append(m.Answer, test.TXT(fmt.Sprintf("%s %s IN TXT outside", name, ttl)))
	}
	return m, nil
}
