package server

import (
	"context"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/facts"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/plain"

	"github.com/miekg/dns"
)

const (
	// bufferSize is the size of answers over UDP that clients usually offer, in bytes.
	bufferSize = 1232
	// patience is how long one message may take.
	patience = time.Second
	attempts = 2
)

// Question asks one question. The answer says why there is none.
func Question(ctx context.Context, way *Way, name string, typ uint16) facts.Answer {
	a := facts.Answer{Name: name, Type: typ}
	began := time.Now()
	reply, cut, err := exchange(ctx, way, name, typ)
	a.Took = time.Since(began)
	if err != nil {
		a.Err = short(err)
		return a
	}
	a.Rcode, a.Truncated, a.Cut = reply.Rcode, reply.Truncated, cut
	read(&a, reply)
	return a
}

// exchange asks over UDP where that goes, and over TCP what was cut there.
func exchange(ctx context.Context, way *Way, name string, typ uint16) (reply *dns.Msg, cut bool, err error) {
	m := new(dns.Msg).SetQuestion(name, typ)
	m.SetEdns0(bufferSize, false)
	networks := []string{"udp", "tcp"}
	if way.TCP {
		networks = networks[1:]
	}
	for _, network := range networks {
		for range attempts {
			client := dns.Client{Net: network, Timeout: patience}
			if reply, _, err = client.ExchangeContext(ctx, m, way.Address); err == nil || ctx.Err() != nil {
				break
			}
		}
		if err != nil || !reply.Truncated {
			break
		}
		cut = true
	}
	return reply, cut, err
}

func read(a *facts.Answer, m *dns.Msg) {
	ttl := ^uint32(0)
	for _, rr := range m.Answer {
		ttl = min(ttl, rr.Header().Ttl)
		switch {
		case rr.Header().Rrtype == a.Type:
			a.Records = append(a.Records, data(rr))
		case rr.Header().Rrtype == dns.TypeCNAME:
			a.Aliases = append(a.Aliases, plain.Short(strings.TrimSuffix(rr.(*dns.CNAME).Target, ".")))
		}
	}
	for _, rr := range m.Ns {
		if soa, ok := rr.(*dns.SOA); ok && len(a.Records) == 0 {
			ttl = min(ttl, soa.Hdr.Ttl, soa.Minttl)
		}
	}
	if ttl != ^uint32(0) {
		a.TTL = ttl
	}
	if opt := m.IsEdns0(); opt != nil {
		for _, option := range opt.Option {
			if e, ok := option.(*dns.EDNS0_EDE); ok {
				a.Notes = append(a.Notes, facts.Note{Code: e.InfoCode, Text: plain.Short(e.ExtraText)})
			}
		}
	}
}

// data writes a record without its name, class and TTL.
func data(rr dns.RR) string {
	if txt, ok := rr.(*dns.TXT); ok {
		return plain.Short(strings.Join(txt.Txt, ""))
	}
	return plain.Short(strings.TrimPrefix(rr.String(), rr.Header().String()))
}

func short(err error) string { return plain.Short(err.Error()) }
