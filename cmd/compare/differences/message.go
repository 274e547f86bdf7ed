package differences

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// Show writes a message such that two have the same text if they are the same but
// for the id, the order in their sections, and serial numbers of SOA records.
func Show(m *dns.Msg) string {
	var b strings.Builder
	header := m.MsgHdr
	header.Id = 0
	fmt.Fprintln(&b, strings.TrimSpace(strings.ReplaceAll(header.String(), "\n", " ")))
	for _, asked := range m.Question {
		fmt.Fprintln(&b, "question", asked.String())
	}
	for _, section := range []struct {
		name    string
		records []dns.RR
	}{{"answer", m.Answer}, {"authority", m.Ns}, {"additional", m.Extra}} {
		var lines []string
		for _, rr := range section.records {
			lines = append(lines, section.name+" "+showRecord(rr))
		}
		slices.Sort(lines)
		for _, line := range lines {
			fmt.Fprintln(&b, line)
		}
	}
	return b.String()
}

func showRecord(rr dns.RR) string {
	switch rr := rr.(type) {
	case *dns.SOA:
		same := *rr
		same.Serial = 0
		return strings.ReplaceAll(same.String(), "\t", " ")
	case *dns.OPT:
		return "EDNS" + strings.Join(strings.Fields(rr.String()), " ")
	}
	return strings.ReplaceAll(rr.String(), "\t", " ")
}

// IsNegative reports whether an answer says that there is no such name, or no
// record of the type.
func IsNegative(m *dns.Msg) bool {
	return len(m.Answer) == 0 && (m.Rcode == dns.RcodeSuccess || m.Rcode == dns.RcodeNameError)
}

// Reason is the text of the Extended DNS Error of a message, or empty.
func Reason(m *dns.Msg) string {
	for _, rr := range onlyOPT(m.Extra) {
		for _, option := range rr.(*dns.OPT).Option {
			if ede, ok := option.(*dns.EDNS0_EDE); ok && ede.InfoCode == dns.ExtendedErrorCodeOther {
				return ede.ExtraText
			}
		}
	}
	return ""
}

// explain gives m a reason, if the client uses EDNS.
func explain(m *dns.Msg, why string) {
	for _, rr := range onlyOPT(m.Extra) {
		opt := rr.(*dns.OPT)
		opt.Option = append(opt.Option, &dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeOther, ExtraText: why})
	}
}

func onlyOPT(extra []dns.RR) []dns.RR {
	return slices.DeleteFunc(slices.Clone(extra), func(rr dns.RR) bool { return rr.Header().Rrtype != dns.TypeOPT })
}

// WithoutOPT returns the records of an additional section but for that of EDNS.
func WithoutOPT(extra []dns.RR) []dns.RR {
	return slices.DeleteFunc(slices.Clone(extra), func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeOPT })
}

func hasType(rrs []dns.RR, typ uint16) bool {
	return slices.ContainsFunc(rrs, func(rr dns.RR) bool { return rr.Header().Rrtype == typ })
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

// largest is the size of the largest record in bytes, with its owner's name
// compressed to a pointer.
func largest(rrs []dns.RR) int {
	size := 0
	for _, rr := range rrs {
		size = max(size, dns.Len(rr)-len(rr.Header().Name)-1+2)
	}
	return size
}
