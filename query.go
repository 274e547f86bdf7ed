package endpoints

import (
	"net/netip"
	"strings"
	"time"

	"github.com/coredns/coredns/plugin/pkg/edns"
	"github.com/coredns/coredns/request"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/place"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/wire"

	"github.com/miekg/dns"
)

// terms are what the stanza says of questions and their answers.
type terms struct {
	zones name.Zones
	// primary is the zone that PTR records point into.
	primary string
	// fall holds the names whose questions pass on where no Service owns them.
	fall name.Zones
	// ttl and negativeTTL are in seconds, maxAnswers is a count, 0 for all.
	ttl, negativeTTL uint32
	maxAnswers       int
	// patience is how long a denial of an endpoint name waits; 0 is not at all.
	patience time.Duration
	// namespaces are the only ones that can be exposed; none means all.
	namespaces map[string]struct{}
	// nameServer has the addresses of the zones' name server, if the stanza says any.
	nameServer []netip.Addr
	// beside is what stands in the server block.
	beside beside
	// zonal is true where names of zones are answered for.
	zonal bool
	// selective is true where only some Services are selected.
	selective bool
	// takesBytes reports whether an answer may be written as bytes.
	takesBytes func(dns.ResponseWriter) bool
}

func newTerms(s *corefile.Stanza) terms {
	t := terms{
		zones:       name.NewZones(s.Zones),
		primary:     s.Primary,
		fall:        name.NewZones(s.Fall.Zones),
		ttl:         s.TTL,
		negativeTTL: s.NegativeTTL,
		maxAnswers:  s.MaxAnswers,
		patience:    s.Patience,
		nameServer:  s.NameServer,
		zonal:       s.Settings.Zonal,
		takesBytes:  wire.Takes,
		namespaces:  make(map[string]struct{}),
		selective:   s.Labels != nil || s.NamespaceLabels != nil || len(s.Namespaces) > 0,
	}
	for _, namespace := range s.Namespaces {
		t.namespaces[namespace] = struct{}{}
	}
	return t
}

// query is a question that lies in one of the zones.
type query struct {
	*terms
	cache *cache
	// clients says where clients are; nil knows of none.
	clients *place.Table
	w       dns.ResponseWriter
	r       *dns.Msg
	lower   string
	// zone is written as in the question.
	zone string
	// asked is what a record set needs to know.
	asked records.Question
	// subnet is whom a resolver asks for, nil where none says that and is believed.
	subnet *subnet
	// stale is true where the answer is from a snapshot.
	stale bool
	// waited is true where the denial of an endpoint name has waited, or may not.
	waited bool
	// bytes is the answer where it is no message.
	bytes *wire.Message
}

// read reads the question, and reports whether it is ours. The design leaves to
// other plugins: other classes and opcodes, zone transfers, names outside of the
// zones.
func (q *query) read(w dns.ResponseWriter, r *dns.Msg) (ours bool) {
	if r.Opcode != dns.OpcodeQuery || len(r.Question) != 1 {
		return false
	}
	asked := &r.Question[0]
	if asked.Qclass != dns.ClassINET || asked.Qtype == dns.TypeAXFR || asked.Qtype == dns.TypeIXFR {
		return false
	}
	q.lower = strings.ToLower(asked.Name)
	zone := q.zones.Match(q.lower)
	if zone == "" {
		return false
	}
	q.w, q.r = w, r
	q.zone = asked.Name[len(q.lower)-len(zone):]
	q.asked.Owner, q.asked.Type = asked.Name, asked.Qtype
	q.asked.Name = name.Parse(q.lower, zone)
	// Read before the answer is made, so that none from a snapshot passes for a
	// current one.
	q.stale = q.cache.isStale()
	return true
}

// mayBeOwned reports whether a Service could own the name.
func (q *query) mayBeOwned() bool {
	n := &q.asked.Name
	switch {
	case n.Address.IsValid(), n.Kind == name.ReverseTree:
		return true
	case n.Key == "":
		return false
	case len(q.namespaces) == 0:
		return true
	}
	_, ok := q.namespaces[n.Namespace]
	return ok
}

// fallsThrough reports whether the question passes on where no Service owns it.
func (q *query) fallsThrough() bool { return q.fall.Match(q.lower) != "" }

// ttlOf returns the TTL of the records of a Service, in seconds.
func (q *query) ttlOf(set *records.Set) uint32 { return or(set.Declared().TTL, q.ttl) }

// or returns what a Service says, or else what the stanza says.
func or[T any](said *T, otherwise T) T {
	if said != nil {
		return *said
	}
	return otherwise
}

// Sizes in bytes, with names compressed.
const (
	// headerSize is that of a message's header (RFC 1035, section 4.1.1).
	headerSize = 12
	// sizeOPT is that of an OPT record without options (RFC 6891, section 6.1.2).
	sizeOPT = 11
	// sizePTR is the least that a PTR record takes besides the first label of its
	// target.
	sizePTR = 2 + 10 + 1 + 2
	// sizeSOA is that of the SOA record of a zone.
	sizeSOA = 2 + 10 + 9 + 13 + 20
)

// offset returns where in the message the records begin, at the latest: the text of
// a name is never shorter than its wire form less one.
func (q *query) offset() int { return headerSize + len(q.asked.Owner) + 1 + 4 }

// capacity returns how many bytes of a message the client takes, less the OPT
// record that the server adds, with the reason of a stale answer.
func (q *query) capacity() int {
	state := request.Request{W: q.w, Req: q.r}
	size := state.Size()
	asked := q.r.IsEdns0()
	if asked == nil {
		return size
	}
	size -= sizeOPT
	for _, option := range asked.Option {
		// The server sends back only those that a plugin has registered.
		if edns.SupportedOption(option.Option()) {
			size -= dns.Len(&dns.OPT{Option: []dns.EDNS0{option}}) - dns.Len(&dns.OPT{})
		}
	}
	if q.subnet != nil {
		size -= place.SubnetSize(q.subnet.asked)
	}
	if q.stale {
		size -= records.NoteSize(textStale)
	}
	return size
}
