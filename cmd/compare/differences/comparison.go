package differences

import (
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// A Setup is a way to configure k8s_endpoints.
type Setup string

// The setups.
const (
	// InFront is what the README recommends, and what takes the place of the
	// stock plugin: k8s_endpoints in front of kubernetes without endpoints.
	InFront Setup = "in front of *kubernetes*"
	// WithPodNames is the same, with endpoint_pod_names on both sides.
	WithPodNames Setup = "with `endpoint_pod_names`"
	// Alone has no fallthrough: here k8s_endpoints must answer for all names of
	// the zone, the zone's own included.
	Alone Setup = "without `fallthrough`"
)

// A Comparison is a question and what both servers have answered. Nobody writes
// to the answers.
type Comparison struct {
	Question
	Setup       Setup
	Cluster     *Cluster
	Stock, Ours *dns.Msg
	// LookUp asks our server for another name, in the same way.
	LookUp func(name string) *dns.Msg
	// Whole returns what our server is to answer over TCP. It may be nil where
	// the Way is not SmallUDP.
	Whole func() *dns.Msg
	// View writes the part of a message that counts as an answer; where it is
	// nil, Show does.
	View func(*dns.Msg) string

	// service is the one at whose name the question is, or below it.
	service *Service
	// below are the labels in front of the Service's name, in lower case.
	below []string
	// tail is the Service's name as the question has it.
	tail string
	// publishers are the headless Services that publish the address which the
	// question is the reverse name of.
	publishers []*Service
	// touched tells that a difference has written to the answer, though it may
	// have written what was there.
	touched bool
}

// A Met is a difference that an answer shows.
type Met struct {
	*Difference
	// Lost tells that the stock plugin answers with records, and k8s_endpoints
	// with none because of this difference.
	Lost bool
}

// Expect returns what ours is to answer, and the differences that this shows.
func (x *Comparison) Expect() (want *dns.Msg, met []Met) {
	x.understand()
	view := x.View
	if view == nil {
		view = Show
	}
	want = x.Stock.Copy()
	shown := view(want)
	for i := range All {
		d := &All[i]
		if d.Only != "" && d.Only != x.Setup {
			continue
		}
		x.touched = false
		had := len(want.Answer) > 0
		d.change(x, want)
		if !x.touched {
			continue
		}
		if after := view(want); after != shown {
			shown = after
			met = append(met, Met{d, had && len(want.Answer) == 0})
		}
	}
	return want, met
}

// understand finds out what is known of the question.
func (x *Comparison) understand() {
	lower := strings.ToLower(x.Name)
	x.publishers = x.Cluster.publishers[lower]
	service, begin := x.Cluster.at(lower)
	if service == nil {
		return
	}
	x.service = service
	x.tail = x.Name[begin:]
	x.below = dns.SplitDomainName(lower[:begin])
}

// is tells whether the question is for the name of a Service of the kind.
func (x *Comparison) is(k Kind) bool {
	return x.service != nil && x.service.Kind == k && len(x.below) == 0
}

// label returns the one label below a headless Service, where it can be an
// endpoint name.
func (x *Comparison) label() (string, bool) {
	if x.service == nil || x.service.Kind != Headless || len(x.below) != 1 || x.below[0][0] == '_' {
		return "", false
	}
	return x.below[0], true
}

// port returns the two labels below a served Service without their underscores,
// where both have one.
func (x *Comparison) port() (name, protocol string, ok bool) {
	if !x.service.served() || len(x.below) != 2 || x.below[0][0] != '_' || x.below[1][0] != '_' {
		return "", "", false
	}
	return x.below[0][1:], x.below[1][1:], true
}

// zone returns the zone of the question as it was written, or "" for a name
// outside of all.
func (x *Comparison) zone() string {
	lower := strings.ToLower(x.Name)
	for _, z := range append([]string{x.Cluster.Zone}, ReverseZones...) {
		if lower == z || strings.HasSuffix(lower, "."+z) {
			return x.Name[len(lower)-len(z):]
		}
	}
	return ""
}

// prefix returns what stands in front of the zone, in lower case, with its final
// dot.
func (x *Comparison) prefix() string {
	return strings.ToLower(x.Name[:len(x.Name)-len(x.zone())])
}

// forward tells whether the question lies in the forward zone.
func (x *Comparison) forward() bool { return strings.EqualFold(x.zone(), x.Cluster.Zone) }

// isVersion tells whether the question is for the name of the specification's
// version.
func (x *Comparison) isVersion() bool { return x.forward() && x.prefix() == "dns-version." }

// answersHere tells whether k8s_endpoints answers, or leaves the question to
// the plugins behind it.
func (x *Comparison) answersHere() bool {
	switch {
	case x.zone() == "":
		return false
	case x.Setup == Alone:
		return true
	}
	return x.service.served() || len(x.publishers) > 0 || x.isVersion()
}

// isNamespace tells whether the question is for the name of a namespace in which
// a Service is served, for that of the zone or for one between them.
func (x *Comparison) isNamespace() bool {
	if !x.forward() {
		return false
	}
	namespace, ok := strings.CutSuffix(x.prefix(), ".svc.")
	return x.prefix() == "" || x.prefix() == "svc." || ok && x.Cluster.served[namespace]
}

// isOnTheWay tells whether the question is for the beginning of a reverse name.
func (x *Comparison) isOnTheWay() bool {
	labels := dns.SplitDomainName(x.prefix())
	bits, base, most := 8, 10, 3
	switch zone := strings.ToLower(x.zone()); zone {
	case "in-addr.arpa.":
	case "ip6.arpa.":
		bits, base, most = 4, 16, 31
	default:
		return false
	}
	if len(labels) == 0 || len(labels) > most {
		return false
	}
	return !slices.ContainsFunc(labels, func(label string) bool {
		n, err := strconv.ParseUint(label, base, bits)
		return err != nil || strconv.FormatUint(n, base) != label
	})
}

// exists tells whether a name that a Service owns exists.
func (x *Comparison) exists() bool {
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
	return s.Kind == ExternalName || len(s.endpointsThat(Endpoint.Published)) > 0
}

// The TTLs of the Corefiles, in seconds.
const (
	ttl         = 5
	negativeTTL = 1
)

// negative makes m a negative answer, of k8s_endpoints where that answers the
// question and else of the stock plugin behind it.
func (x *Comparison) negative(m *dns.Msg, rcode int) {
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
func (x *Comparison) positive(m *dns.Msg, answer, extra []dns.RR) {
	x.touched = true
	m.Rcode = dns.RcodeSuccess
	m.Authoritative = true
	m.Truncated = false
	m.Answer = answer
	m.Ns = nil
	m.Extra = append(extra, onlyOPT(m.Extra)...)
}

// fail makes m say that an external name could not be resolved.
func (x *Comparison) fail(m *dns.Msg, why string) {
	x.touched = true
	m.Rcode = dns.RcodeServerFailure
	m.Authoritative = false
	m.Truncated = false
	m.Answer, m.Ns, m.Extra = nil, nil, onlyOPT(m.Extra)
	explain(m, why)
}

// addresses makes m the answer for a name that has these endpoints.
func (x *Comparison) addresses(m *dns.Msg, of []Endpoint) {
	var answer []dns.RR
	for _, e := range of {
		rr := addressRecord(x.Name, e.Address)
		if rr.Header().Rrtype == x.Type {
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
func (x *Comparison) keep(m *dns.Msg, condition func(dns.RR) bool) bool {
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

func (x *Comparison) asksAddress() bool { return x.Type == dns.TypeA || x.Type == dns.TypeAAAA }

// alias is the CNAME record of an ExternalName Service.
func (x *Comparison) alias() dns.RR { return record(x.Name, "CNAME", x.service.Target) }

// lookUpTarget asks for the external name that the question leads to. It
// returns nil where it leads to none, or to no end, or a CNAME is all that is
// asked for.
func (x *Comparison) lookUpTarget() *dns.Msg {
	if !x.is(ExternalName) || x.service.isLiteral() || x.service.Links >= maxLinks || x.Type == dns.TypeCNAME || x.Type == dns.TypeANY {
		return nil
	}
	return x.LookUp(x.service.Target)
}

// maxLinks is how many ExternalName Services in a row an answer follows: one
// that leads through as many further ones makes a row too long.
const maxLinks = 8

// follow makes m the alias and what was found for its target.
func (x *Comparison) follow(m, found *dns.Msg) {
	x.positive(m, []dns.RR{x.alias()}, nil)
	if found.Rcode == dns.RcodeRefused {
		return
	}
	m.Rcode = found.Rcode
	m.Answer = append(m.Answer, found.Answer...)
	m.Ns = found.Ns
	m.Extra = append(m.Extra, WithoutOPT(found.Extra)...)
}

func (x *Comparison) podNames() bool { return x.Setup == WithPodNames }
