package endpoints

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/coredns/coredns/plugin/pkg/nonwriter"
	"github.com/coredns/coredns/plugin/test"
	"github.com/coredns/coredns/request"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"github.com/miekg/dns"
)

// upstreamFunc is an upstream that looks at the name only.
type upstreamFunc func(name string) (*dns.Msg, error)

func (f upstreamFunc) Lookup(_ context.Context, _ request.Request, name string, _ uint16) (*dns.Msg, error) {
	return f(name)
}

func TestAnExternalNameLeadsToWhatItsTargetHas(t *testing.T) {
	const alias = "web.default.svc.cluster.local. 5 IN CNAME www.example.org."
	address := test.A("www.example.org. 60 IN A 192.0.2.9")
	denial := test.SOA("example.org. 60 IN SOA ns.example.org. host.example.org. 0 7200 1800 86400 60")
	reply := func(rcode int, answer, ns []dns.RR) *dns.Msg {
		return &dns.Msg{MsgHdr: dns.MsgHdr{Rcode: rcode, AuthenticatedData: true}, Answer: answer, Ns: ns, Extra: []dns.RR{test.OPT(4096, true)}}
	}
	cut := reply(dns.RcodeSuccess, []dns.RR{address}, nil)
	cut.Truncated = true
	for _, c := range []struct {
		name  string
		qtype uint16
		found *dns.Msg
		err   error
		want  string
	}{
		{"addresses", dns.TypeA, reply(dns.RcodeSuccess, []dns.RR{address}, nil), nil,
			lines("NOERROR aa", alias, "www.example.org. 60 IN A 192.0.2.9")},
		{"no such name", dns.TypeA, reply(dns.RcodeNameError, nil, []dns.RR{denial}), nil,
			lines("NXDOMAIN aa", "authority: "+denialText, alias)},
		{"no such type", dns.TypeHTTPS, reply(dns.RcodeSuccess, nil, []dns.RR{denial}), nil,
			lines("NOERROR aa", "authority: "+denialText, alias)},
		{"too much for the client", dns.TypeA, cut, nil,
			lines("NOERROR aa tc", alias, "www.example.org. 60 IN A 192.0.2.9")},
		{"nobody resolves it", dns.TypeA, reply(dns.RcodeRefused, nil, nil), nil, "SERVFAIL"},
		{"a failure", dns.TypeA, reply(dns.RcodeServerFailure, nil, nil), nil, "SERVFAIL"},
		{"an error", dns.TypeA, nil, errors.New("no server"), "SERVFAIL"},
		{"no reply", dns.TypeA, nil, nil, "SERVFAIL"},
		{"the alias itself", dns.TypeCNAME, nil, errors.New("nobody is to be asked"), lines("NOERROR aa", alias)},
		{"anything", dns.TypeANY, nil, errors.New("nobody is to be asked"), lines("NOERROR aa", alias)},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := testHandler(testStanza(), testChanges())
			h.upstream = upstreamFunc(func(name string) (*dns.Msg, error) {
				if name != "www.example.org." {
					t.Errorf("looked up %s", name)
				}
				return c.found, c.err
			})
			if got := text(serve(t, h, new(dns.Msg).SetQuestion("web.default.svc.cluster.local.", c.qtype))); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

const denialText = "example.org. 60 IN SOA ns.example.org. host.example.org. 0 7200 1800 86400 60"

// itself looks names up in a handler, as a server does.
type itself struct{ h *handler }

func (u itself) Lookup(ctx context.Context, state request.Request, name string, typ uint16) (*dns.Msg, error) {
	w := nonwriter.New(&test.ResponseWriter{})
	r := state.NewWithQuestion(name, typ)
	_, err := u.h.ServeDNS(ctx, w, r.Req)
	return w.Msg, err
}

func TestChainsAndLoopsOfExternalNamesEnd(t *testing.T) {
	var changes []model.Change
	alias := func(from, to string) {
		changes = append(changes, model.ServiceChange(&model.Service{
			ServiceKey: model.ServiceKey{Namespace: "default", Name: from},
			Kind:       model.ExternalName,
			Target:     to + ".default.svc.cluster.local.",
		}))
	}
	alias("self", "Self")
	alias("ping", "pong")
	alias("pong", "ping")
	steps := "abcdefghi"
	for i := range len(steps) - 1 {
		alias(steps[i:i+1], steps[i+1:i+2])
	}
	alias("i", "db")
	h := testHandler(testStanza(), append(testChanges(), changes...))
	h.upstream = itself{h}
	for from, want := range map[string]string{
		"self": "SERVFAIL",
		"ping": "SERVFAIL",
		"a":    "SERVFAIL", // nine aliases
		"b":    "NOERROR aa",
		"i":    "NOERROR aa",
	} {
		m := serve(t, h, new(dns.Msg).SetQuestion(from+".default.svc.cluster.local.", dns.TypeA))
		if got, _, _ := strings.Cut(text(m), "\n"); got != want {
			t.Errorf("%s: got %s, want %s", from, got, want)
		}
		why := note(t, serve(t, h, new(dns.Msg).SetQuestion(from+".default.svc.cluster.local.", dns.TypeA).SetEdns0(1232, false)))
		if loops := strings.Contains(why, "lead to each other in a loop or too long a chain"); loops != (want == "SERVFAIL") {
			t.Errorf("%s: the reason is %q", from, why)
		}
		if from == "b" && len(m.Answer) != 8+2 {
			t.Errorf("eight aliases and two addresses are %d records", len(m.Answer))
		}
	}
}

func TestAnAliasTellsWhyItsTargetHasNothing(t *testing.T) {
	blocked := new(dns.Msg)
	blocked.Rcode = dns.RcodeNameError
	opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}, Option: []dns.EDNS0{
		&dns.EDNS0_COOKIE{}, &dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeBlocked},
	}}
	blocked.Extra = []dns.RR{opt}
	h := testHandler(testStanza(), testChanges())
	h.upstream = upstreamFunc(func(string) (*dns.Msg, error) { return blocked, nil })
	m := serve(t, h, new(dns.Msg).SetQuestion("web.default.svc.cluster.local.", dns.TypeA).SetEdns0(1232, false))
	if got, told := extendedError(m); !told || got.InfoCode != dns.ExtendedErrorCodeBlocked || len(m.IsEdns0().Option) != 1 {
		t.Errorf("got %v of\n%v\nwant the target's error alone", got, m)
	}
	opt.Option = nil
	m = serve(t, h, new(dns.Msg).SetQuestion("web.default.svc.cluster.local.", dns.TypeA).SetEdns0(1232, false))
	if m.IsEdns0() != nil {
		t.Errorf("got an error that the target did not tell:\n%v", m)
	}
}

func TestAnAliasOfAStaleAnswerSaysSoOnce(t *testing.T) {
	alias := model.ServiceChange(&model.Service{ServiceKey: model.ServiceKey{Namespace: "default", Name: "alias"}, Kind: model.ExternalName})
	for target, want := range map[string][]string{
		"db.default.svc.cluster.local.":       {"3 " + textStale},
		"starting.default.svc.cluster.local.": {"0 no endpoint is ready: 1 starting", "3 " + textStale},
	} {
		alias.Service.Target = target
		h := staleHandler(append(testChanges(), alias))
		h.upstream = itself{h}
		r := new(dns.Msg).SetQuestion("alias.default.svc.cluster.local.", dns.TypeA).SetEdns0(1232, false)
		if got := reasons(serve(t, h, r)); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", target, got, want)
		}
	}
}
