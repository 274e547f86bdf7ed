package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"

	"github.com/miekg/dns"
)

// A viewer shows the part of an answer that clients go by: the response code and the
// records, in no order. It leaves out TTLs, which are options and count down in
// caches, and flags and the authority section, which other plugins change.
type viewer struct {
	// zones are those of the cluster. Of records elsewhere, to which ExternalName
	// Services lead, only the types count: many names there have other addresses
	// in each answer.
	zones []string
	// withAdditional is set where both servers send additional records: whether one
	// does is up to its options.
	withAdditional bool
}

func newViewer(zone string, answers ...*dns.Msg) *viewer {
	v := &viewer{zones: append([]string{zone}, differences.ReverseZones...), withAdditional: true}
	for _, m := range answers {
		v.withAdditional = v.withAdditional && len(differences.WithoutOPT(m.Extra)) > 0
	}
	return v
}

func (v *viewer) view(m *dns.Msg) string {
	lines := v.lines("", m.Answer)
	if v.withAdditional {
		lines = append(lines, v.lines("additional ", m.Extra)...)
	}
	slices.Sort(lines)
	return strings.Join(append([]string{dns.RcodeToString[m.Rcode]}, slices.Compact(lines)...), "\n")
}

func (v *viewer) lines(section string, records []dns.RR) []string {
	var lines []string
	for _, rr := range differences.WithoutOPT(records) {
		name := dns.CanonicalName(rr.Header().Name)
		if !v.isInside(name) {
			lines = append(lines, fmt.Sprintf("%s(outside) %s", section, dns.TypeToString[rr.Header().Rrtype]))
			continue
		}
		same := dns.Copy(rr)
		same.Header().Name, same.Header().Ttl = name, 0
		lines = append(lines, section+short(same))
	}
	return lines
}

func (v *viewer) isInside(name string) bool {
	return slices.ContainsFunc(v.zones, func(zone string) bool { return dns.IsSubDomain(zone, name) })
}

// short writes a record without its TTL and class.
func short(rr dns.RR) string {
	data := strings.TrimPrefix(rr.String(), rr.Header().String())
	return fmt.Sprintf("%s %s %s", rr.Header().Name, dns.TypeToString[rr.Header().Rrtype], strings.ToLower(data))
}
