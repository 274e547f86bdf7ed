package external

import (
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Result is how a look-up of a target ended.
type Result uint8

// The results.
const (
	// Good is that there are addresses.
	Good Result = iota
	// NoAddress is that the name has none of the type, and NoName that it does not exist.
	NoAddress
	NoName
	// ServFail and Refused are those response codes, or others that tell nothing of the name.
	ServFail
	Refused
	// Nothing is that no answer came in time.
	Nothing
	// Denied is that there are addresses, and none of them may be given.
	Denied
	// Results is how many there are.
	Results
)

// String returns the result as it stands in metrics.
func (r Result) String() string {
	return [...]string{"good", "nodata", "nxdomain", "servfail", "refused", "nothing", "denied"}[r]
}

// Text returns the result as people are told of it.
func (r Result) Text() string {
	return [...]string{"it resolves", "no addresses", "NXDOMAIN", "SERVFAIL", "REFUSED", "no answer", "no address that may be given"}[r]
}

// denies reports whether the result is an answer that there are no addresses, and not a
// failure to get one (RFC 8767, section 5).
func (r Result) denies() bool { return r == NoAddress || r == NoName || r == Denied }

// Found is what a look-up of the addresses of a name gave, of one family. Nobody may write
// to it.
type Found struct {
	Result Result
	// Records are the aliases from the name on, in their order, and the addresses at the end.
	Records []dns.RR
	// Addresses are those of the records that may be given.
	Addresses []netip.Addr
	// TTL is the least of the records.
	TTL time.Duration
	// Authority says how long a denial may be kept.
	Authority []dns.RR
}

// longestChain is how many aliases of a name are followed.
const longestChain = 16

// Read reads the answer for a name and a type of address. It takes only records that belong
// to the chain of the name, and of those only addresses that may be given.
func Read(m *dns.Msg, name string, qtype uint16, rules *Rules) Found {
	if m == nil {
		return Found{Result: Nothing}
	}
	f := Found{Result: resultOf(m.Rcode), Authority: m.Ns}
	if f.Result != Good {
		return f
	}
	owner := f.follow(m.Answer, name)
	gone := false
	for _, rr := range m.Answer {
		if rr.Header().Rrtype != qtype || !strings.EqualFold(rr.Header().Name, owner) {
			continue
		}
		addr, ok := AddressOf(rr)
		switch {
		case !ok:
		case !rules.AllowsStrictly(addr):
			gone = true
		default:
			f.add(rr)
			f.Addresses = append(f.Addresses, addr)
		}
	}
	switch {
	case len(f.Addresses) > 0:
		f.Authority = nil
	case gone:
		f.Result = Denied
	default:
		f.Result = NoAddress
	}
	return f
}

func resultOf(rcode int) Result {
	switch rcode {
	case dns.RcodeSuccess:
		return Good
	case dns.RcodeNameError:
		return NoName
	case dns.RcodeRefused:
		return Refused
	}
	return ServFail
}

// follow takes the aliases from a name on, and returns where they lead.
func (f *Found) follow(all []dns.RR, name string) (owner string) {
	owner = name
	for range longestChain {
		next := ""
		for _, rr := range all {
			if alias, ok := rr.(*dns.CNAME); ok && strings.EqualFold(alias.Hdr.Name, owner) {
				f.add(rr)
				next = alias.Target
				break
			}
		}
		if next == "" {
			return owner
		}
		owner = next
	}
	return owner
}

func (f *Found) add(rr dns.RR) {
	ttl := time.Duration(rr.Header().Ttl) * time.Second
	if len(f.Records) == 0 || ttl < f.TTL {
		f.TTL = ttl
	}
	f.Records = append(f.Records, rr)
}

// AddressOf returns the address of an A or AAAA record.
func AddressOf(rr dns.RR) (addr netip.Addr, ok bool) {
	switch rr := rr.(type) {
	case *dns.A:
		addr, ok = netip.AddrFromSlice(rr.A.To4())
	case *dns.AAAA:
		addr, ok = netip.AddrFromSlice(rr.AAAA.To16())
	}
	return addr, ok
}
