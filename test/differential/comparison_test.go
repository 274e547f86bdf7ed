package differential

import (
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// A comparison is a question and what both servers have answered, with what is
// known of the name.
type comparison struct {
	question
	setup       setup
	stock, ours *dns.Msg

	// service is the one at whose name the question is, or below it.
	service *service
	// below are the labels in front of the Service's name, in lower case.
	below []string
	// tail is the Service's name as the question has it.
	tail string
	// publishers are the headless Services that publish the address which the
	// question is the reverse name of.
	publishers []*service
	// lookUp asks our server for another name, in the same way.
	lookUp func(name string) *dns.Msg
	// whole returns what our server is to answer over TCP.
	whole func() *dns.Msg

	// touched tells that a difference has written to the answer, though it may
	// have written what was there.
	touched bool
}

// understand finds out what is known of the question.
func (x *comparison) understand() {
	lower := strings.ToLower(x.name)
	x.publishers = world.publishers[lower]
	for at, end := 0, false; !end; at, end = dns.NextLabel(lower, at) {
		if s := world.byName[lower[at:]]; s != nil {
			x.service = s
			x.tail = x.name[at:]
			x.below = dns.SplitDomainName(lower[:at])
			return
		}
	}
}

// is tells whether the question is for the name of a Service of the kind.
func (x *comparison) is(k kind) bool {
	return x.service != nil && x.service.kind == k && len(x.below) == 0
}

// label returns the one label below a headless Service, where it can be an
// endpoint name.
func (x *comparison) label() (string, bool) {
	if x.service == nil || x.service.kind != headless || len(x.below) != 1 || x.below[0][0] == '_' {
		return "", false
	}
	return x.below[0], true
}

// port returns the two labels below a served Service without their underscores,
// where both have one.
func (x *comparison) port() (name, protocol string, ok bool) {
	if !x.service.served() || len(x.below) != 2 || x.below[0][0] != '_' || x.below[1][0] != '_' {
		return "", "", false
	}
	return x.below[0][1:], x.below[1][1:], true
}

// zone returns the zone of the question as it was written, or "" for a name
// outside of all.
func (x *comparison) zone() string {
	lower := strings.ToLower(x.name)
	for _, z := range append([]string{zone}, reverseZones...) {
		if lower == z || strings.HasSuffix(lower, "."+z) {
			return x.name[len(lower)-len(z):]
		}
	}
	return ""
}

// prefix returns what stands in front of the zone, in lower case, with its final
// dot.
func (x *comparison) prefix() string {
	return strings.ToLower(x.name[:len(x.name)-len(x.zone())])
}

// forward tells whether the question lies in the forward zone.
func (x *comparison) forward() bool { return strings.EqualFold(x.zone(), zone) }

// isVersion tells whether the question is for the name of the specification's
// version.
func (x *comparison) isVersion() bool { return x.forward() && x.prefix() == "dns-version." }

// answersHere tells whether k8s_endpoints answers, or leaves the question to
// the plugins behind it.
func (x *comparison) answersHere() bool {
	switch {
	case x.zone() == "":
		return false
	case x.setup == alone:
		return true
	}
	return x.service.served() || len(x.publishers) > 0 || x.isVersion()
}

// exists tells whether a name that a Service owns exists.
func (x *comparison) exists() bool {
	s := x.service
	if label, ok := x.label(); ok {
		return len(s.named(label)) > 0
	}
	if name, protocol, ok := x.port(); ok {
		return s.hasPort(name, protocol)
	}
	switch {
	case len(x.below) == 1:
		return strings.HasPrefix(x.below[0], "_") && s.hasProtocol(x.below[0][1:])
	case len(x.below) > 0:
		return false
	}
	return s.kind == externalName || len(s.endpointsThat(endpoint.published)) > 0
}

// The TTLs of the Corefiles, in seconds.
const (
	ttl         = 5
	negativeTTL = 1
)

// negative makes m a negative answer, of k8s_endpoints where that answers the
// question and else of the stock plugin behind it.
func (x *comparison) negative(m *dns.Msg, rcode int) {
	x.touched = true
	seconds := uint32(ttl)
	if x.answersHere() {
		seconds = negativeTTL
	}
	m.Rcode = rcode
	m.Authoritative = true
	m.Truncated = false
	m.Answer = nil
	m.Extra = onlyOPT(m.Extra)
	m.Ns = []dns.RR{&dns.SOA{
		Hdr: header(x.zone(), dns.TypeSOA, seconds), Ns: "ns.dns." + x.zone(), Mbox: "hostmaster." + x.zone(),
		Refresh: 7200, Retry: 1800, Expire: 86400, Minttl: seconds,
	}}
}

// positive makes m an answer with these records.
func (x *comparison) positive(m *dns.Msg, answer, extra []dns.RR) {
	x.touched = true
	m.Rcode = dns.RcodeSuccess
	m.Authoritative = true
	m.Truncated = false
	m.Answer = answer
	m.Ns = nil
	m.Extra = append(extra, onlyOPT(m.Extra)...)
}

// fail makes m say that an external name could not be resolved.
func (x *comparison) fail(m *dns.Msg, why string) {
	x.touched = true
	m.Rcode = dns.RcodeServerFailure
	m.Authoritative = false
	m.Truncated = false
	m.Answer, m.Ns, m.Extra = nil, nil, onlyOPT(m.Extra)
	explain(m, why)
}

// explain makes m say why, to a client that can read it.
func explain(m *dns.Msg, why string) {
	for _, rr := range onlyOPT(m.Extra) {
		opt := rr.(*dns.OPT)
		opt.Option = append(opt.Option, &dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeOther, ExtraText: why})
	}
}

// reason is the text of the Extended DNS Error of a message, or empty.
func reason(m *dns.Msg) string {
	for _, rr := range onlyOPT(m.Extra) {
		for _, option := range rr.(*dns.OPT).Option {
			if ede, ok := option.(*dns.EDNS0_EDE); ok && ede.InfoCode == dns.ExtendedErrorCodeOther {
				return ede.ExtraText
			}
		}
	}
	return ""
}

// addresses makes m the answer for a name that has these endpoints.
func (x *comparison) addresses(m *dns.Msg, of []endpoint) {
	var answer []dns.RR
	for _, e := range of {
		rr := addressRecord(x.name, e.address)
		if rr.Header().Rrtype == x.typ {
			answer = append(answer, rr)
		}
	}
	if len(answer) == 0 {
		x.negative(m, dns.RcodeSuccess)
		return
	}
	x.positive(m, dns.Dedup(answer, nil), nil)
}

// keep drops what a condition does not hold for from the answer, and the
// additional addresses of names that are no longer targets. It tells whether
// anything is left.
func (x *comparison) keep(m *dns.Msg, condition func(dns.RR) bool) bool {
	x.touched = true
	m.Answer = slices.DeleteFunc(m.Answer, func(rr dns.RR) bool { return !condition(rr) })
	m.Extra = slices.DeleteFunc(m.Extra, func(rr dns.RR) bool {
		return rr.Header().Rrtype != dns.TypeOPT && !slices.ContainsFunc(m.Answer, func(answer dns.RR) bool {
			srv, ok := answer.(*dns.SRV)
			return ok && srv.Target == rr.Header().Name
		})
	})
	return len(m.Answer) > 0
}

func (x *comparison) asksAddress() bool { return x.typ == dns.TypeA || x.typ == dns.TypeAAAA }

// alias is the CNAME record of an ExternalName Service.
func (x *comparison) alias() dns.RR { return record(x.name, "CNAME", x.service.target) }

// lookUpTarget asks for the external name that the question leads to. It
// returns nil where it leads to none, or to no end, or a CNAME is all that is
// asked for.
func (x *comparison) lookUpTarget() *dns.Msg {
	if !x.is(externalName) || x.service.isLiteral() || x.service.links >= maxLinks || x.typ == dns.TypeCNAME || x.typ == dns.TypeANY {
		return nil
	}
	return x.lookUp(x.service.target)
}

// maxLinks is how many ExternalName Services in a row an answer follows: one
// that leads through as many further ones makes a row too long.
const maxLinks = 8

// follow makes m the alias and what was found for its target.
func (x *comparison) follow(m, found *dns.Msg) {
	x.positive(m, []dns.RR{x.alias()}, nil)
	if found.Rcode == dns.RcodeRefused {
		return
	}
	m.Rcode = found.Rcode
	m.Answer = append(m.Answer, found.Answer...)
	m.Ns = found.Ns
	m.Extra = append(m.Extra, withoutOPT(found.Extra)...)
}

func (x *comparison) podNames() bool { return x.setup == withPodNames }

func onlyOPT(extra []dns.RR) []dns.RR {
	return slices.DeleteFunc(slices.Clone(extra), func(rr dns.RR) bool { return rr.Header().Rrtype != dns.TypeOPT })
}

func withoutOPT(extra []dns.RR) []dns.RR {
	return slices.DeleteFunc(slices.Clone(extra), func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeOPT })
}

func header(owner string, typ uint16, seconds uint32) dns.RR_Header {
	return dns.RR_Header{Name: owner, Rrtype: typ, Class: dns.ClassINET, Ttl: seconds}
}

func addressRecord(owner, address string) dns.RR {
	if strings.Contains(address, ".") {
		return record(owner, "A", address)
	}
	return record(owner, "AAAA", address)
}

func record(owner, typ, data string) dns.RR {
	rr, err := dns.NewRR(owner + " 5 IN " + typ + " " + data)
	if err != nil {
		panic(err)
	}
	return rr
}
