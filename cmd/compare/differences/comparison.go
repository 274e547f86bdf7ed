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
	// WithZonal is InFront with zonal, where kubernetes alone has it too.
	WithZonal Setup = "with `zonal`"
	// Alone has no fallthrough: here k8s_endpoints must answer for all names of
	// the zone, the zone's own included.
	Alone Setup = "without `fallthrough`"
)

// A Comparison is a question with the answers of both servers, which nobody writes
// to.
type Comparison struct {
	Question
	Setup       Setup
	Cluster     *Cluster
	Stock, Ours *dns.Msg
	// EndpointsKept says that kubernetes, where it stands behind k8s_endpoints, runs
	// without noendpoints.
	EndpointsKept bool
	// LookUp asks our server for another name, in the same way.
	LookUp func(name string) *dns.Msg
	// Whole returns the answer that ours has to give over TCP. It may be nil where
	// the Way is not SmallUDP.
	Whole func() *dns.Msg
	// View writes the part of a message that counts: messages with the same text
	// are the same answer. Nil stands for Show.
	View func(*dns.Msg) string

	// service is the Service whose name the question has, or a name below; or nil.
	service *Service
	// below are the labels in front of the name of service, in lower case.
	below []string
	// tail is the name of service, as the question writes it.
	tail string
	// publishers are the headless Services that publish the address of the
	// question, where that is a reverse name.
	publishers []*Service
	// touched is set by a difference that has written to the answer, even if the
	// answer is the same as before.
	touched bool
}

// understand sets what follows from the question and the cluster.
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

// is reports whether the question is for the very name of a Service of the kind.
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

// forward reports whether the question lies in the forward zone.
func (x *Comparison) forward() bool { return strings.EqualFold(x.zone(), x.Cluster.Zone) }

// isVersion reports whether the question is for the name of the specification's
// version.
func (x *Comparison) isVersion() bool { return x.forward() && x.prefix() == "dns-version." }

// answersHere reports whether k8s_endpoints answers, or leaves the question to
// the plugins behind it.
func (x *Comparison) answersHere() bool {
	switch {
	case x.zone() == "":
		return false
	case x.Setup == Alone:
		return true
	case x.isZonal():
		return x.Setup == WithZonal && x.service.served() && x.hasDirective()
	}
	return x.service.served() || len(x.publishers) > 0 || x.isVersion() || x.isNobodys() || x.isAbove()
}

// PassesOn reports whether k8s_endpoints leaves the question to the plugins behind it.
func (x *Comparison) PassesOn() bool {
	x.understand()
	return !x.answersHere()
}

// front returns the labels in front of S.N.svc of the zone, whether there is a Service
// S in N or not, in lower case.
func (x *Comparison) front() (labels []string, ok bool) {
	if !x.forward() {
		return nil, false
	}
	labels = dns.SplitDomainName(x.prefix())
	at := len(labels) - 3
	if at < 0 || labels[len(labels)-1] != "svc" {
		return nil, false
	}
	return labels[:at], true
}

// isZonal reports whether the question is for a name that the option zonal of
// kubernetes gives to a headless Service, or may give.
func (x *Comparison) isZonal() bool {
	front, _ := x.front()
	return len(front) > 0 && front[len(front)-1] == "_zone"
}

// isNobodys reports whether the question is for a name that neither a Service of
// k8s_endpoints nor one of kubernetes has, whatever they are called: search paths
// make such names of others.
func (x *Comparison) isNobodys() bool {
	front, ok := x.front()
	switch {
	case !ok:
		return x.forward() && strings.HasSuffix("."+x.prefix(), ".svc."+x.Cluster.Zone)
	case len(front) < 2 || x.isZonal():
		return false
	case len(front) > 2:
		return true
	}
	isPort := front[0][0] == '_' && front[1][0] == '_' || slices.Contains([]string{"", "tcp", "udp", "sctp"}, strings.TrimPrefix(front[1], "_"))
	return !isPort
}

// isAbove reports whether names that k8s_endpoints answers for lie below that of the
// question, and the question is for none of the zone's own records.
func (x *Comparison) isAbove() bool {
	if x.forward() {
		return x.prefix() != "" && x.isNamespace() && len(x.Cluster.served) > 0
	}
	return x.isAboveReverse() && (x.prefix() != "" || x.Type != dns.TypeSOA && x.Type != dns.TypeNS)
}

// isAboveReverse reports whether an endpoint of a headless Service has a reverse name
// below that of the question.
func (x *Comparison) isAboveReverse() bool {
	below := "." + strings.ToLower(x.Name)
	return (x.isOnTheWay() || x.prefix() == "") && slices.ContainsFunc(x.Cluster.held, func(name string) bool { return strings.HasSuffix(name, below) })
}

// mayBeOwned reports whether a Service of k8s_endpoints could have the name, by its
// form alone: what others deny there is kept no longer than what k8s_endpoints denies.
func (x *Comparison) mayBeOwned() bool {
	_, ok := x.front()
	return ok || x.isOnTheWay() || x.isReverse()
}

// isNamespace reports whether the question is for the forward zone, for svc in it,
// or for a namespace in which a Service is served.
func (x *Comparison) isNamespace() bool {
	if !x.forward() {
		return false
	}
	namespace, ok := strings.CutSuffix(x.prefix(), ".svc.")
	return x.prefix() == "" || x.prefix() == "svc." || ok && x.Cluster.served[namespace]
}

// isOnTheWay reports whether the question is for the beginning of a reverse name.
func (x *Comparison) isOnTheWay() bool {
	labels, most := x.reverseLabels()
	return labels > 0 && labels < most
}

// isReverse reports whether the question is for the reverse name of an address.
func (x *Comparison) isReverse() bool {
	labels, most := x.reverseLabels()
	return labels > 0 && labels == most
}

// reverseLabels counts the labels of a reverse name in front of its zone, where they
// are those of an address. An address has most of them.
func (x *Comparison) reverseLabels() (count, most int) {
	labels := dns.SplitDomainName(x.prefix())
	bits, base, most := 8, 10, 4
	switch strings.ToLower(x.zone()) {
	case "in-addr.arpa.":
	case "ip6.arpa.":
		bits, base, most = 4, 16, 32
	default:
		return 0, 0
	}
	isWrong := func(label string) bool {
		n, err := strconv.ParseUint(label, base, bits)
		return err != nil || strconv.FormatUint(n, base) != label
	}
	if slices.ContainsFunc(labels, isWrong) {
		return 0, most
	}
	return len(labels), most
}

// exists reports whether a name that a Service owns exists.
func (x *Comparison) exists() bool {
	s := x.service
	if label, ok := x.label(); ok {
		return len(s.named(label)) > 0
	}
	if name, protocol, ok := x.port(); ok {
		return s.hasPort(name, protocol)
	}
	_, ofZone := x.zonal()
	switch {
	case ofZone, x.isAboveZones():
		return true
	case len(x.below) == 1:
		return strings.HasPrefix(x.below[0], "_") && s.hasProtocol(x.below[0][1:])
	case len(x.below) > 0:
		return false
	}
	return s.Kind == ExternalName || len(s.endpointsThat(Endpoint.Published)) > 0
}

func (x *Comparison) asksAddress() bool { return x.Type == dns.TypeA || x.Type == dns.TypeAAAA }

func (x *Comparison) podNames() bool { return x.Setup == WithPodNames }
