// Package records compiles a Service into its record set, and draws answers
// from it.
package records

import (
	"bytes"
	"iter"
	"net/netip"
	"reflect"
	"slices"
	"sort"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
)

// A Set is all records of one Service. It is immutable: any number of queries
// may draw from it at once.
//
// It knows no zone and no TTL: names are put together when an answer is, so
// that all zones share one Set, and a name in an answer ends like the question.
type Set struct {
	// Service is what the Set was compiled from, and Limits what it says of its
	// answers.
	Service *model.Service
	Limits  Limits

	// v4 and v6 hold the addresses that have names, back to back, sorted. An
	// index into them counts the IPv4 addresses first.
	v4, v6 []byte
	// name holds the indexes of those that the Service name has, by family.
	name [families]span
	// labels are the endpoint names other than dashed addresses.
	labels *labels
	// places holds the index of the address of each endpoint of labels, or
	// nowhere; nil is where all have a name, so that the indexes are the same.
	places []int32
	// several is labels.several with indexes of addresses.
	several [][]int32
	// targets holds, for each address, the label that SRV and PTR records give
	// it, or dashed.
	targets []int32
	// runs are the named ports, sorted, with those who have them, and numbers
	// are the same without the names: an SRV record of the Service name shows
	// only the number, and no record stands there twice (RFC 2181, section 5).
	runs, numbers []run
	// protocols are those of the runs, each once.
	protocols []model.Protocol
	// counts and failOpen are the policy's, by family; for the others see Tally.
	counts   [families][health.Tiers]int32
	failOpen [families]bool
	observed int32
	best     health.Tier
	any      bool
	// explained has a line for each endpoint and one for the policy, or nothing.
	explained []string
}

// dashed marks an address whose endpoint name is the address itself.
const dashed int32 = -1

// Naming says which of its names an endpoint gets in SRV and PTR records.
type Naming uint8

const (
	// ByHostname takes the hostname, else the dashed address.
	ByHostname Naming = iota
	// ByPodName takes the hostname, else the Pod's name, else the dashed
	// address.
	ByPodName
)

// Options are what a Set is compiled with besides objects.
type Options struct {
	Naming Naming
	Policy health.Policy
	// Drain holds the endpoint names, in lower case and sorted, that are taken
	// out.
	Drain []string
	// Explain makes the Set answer for _explain.
	Explain bool
	// Limits are kept in the Set.
	Limits Limits
}

// Limits are what a Service says of its answers; nil is nothing.
type Limits struct {
	// TTL and NegativeTTL are in seconds.
	TTL, NegativeTTL *uint32
	// MaxAnswers is a count, 0 for all.
	MaxAnswers *int
}

// maxLabel is the length of the longest label, in bytes (RFC 1035, section
// 2.3.4).
const maxLabel = 63

// appendTarget appends the label of a target.
func (s *Set) appendTarget(dst []byte, target int32) []byte {
	if target >= 0 {
		return append(dst, s.labels.all[target].text...)
	}
	return name.AppendDashed(dst, s.address(^target))
}

// Equal tells whether two Sets give the same answers.
func (s *Set) Equal(o *Set) bool {
	return reflect.DeepEqual(s.Service, o.Service) && reflect.DeepEqual(s.Limits, o.Limits) &&
		bytes.Equal(s.v4, o.v4) && bytes.Equal(s.v6, o.v6) &&
		s.equalNames(o) &&
		slices.EqualFunc(s.runs, o.runs, func(a, b run) bool {
			return a.port == b.port && a.tier == b.tier && s.equalTargets(o, a.targets, b.targets)
		}) &&
		s.name[family4].equal(o.name[family4]) && s.name[family6].equal(o.name[family6]) &&
		s.noteFamily(family4) == o.noteFamily(family4) && s.noteFamily(family6) == o.noteFamily(family6) &&
		slices.Equal(s.explained, o.explained)
}

// equalNames tells whether the same labels resolve to the same, where the
// addresses are equal.
func (s *Set) equalNames(o *Set) bool {
	if s.labels == o.labels || s.labels == nil || o.labels == nil {
		return s.labels == o.labels && slices.Equal(s.targets, o.targets)
	}
	return slices.Equal(s.resolved(), o.resolved()) &&
		slices.EqualFunc(s.targets, o.targets, func(a, b int32) bool { return s.targetText(a) == o.targetText(b) })
}

func (s *Set) targetText(target int32) string {
	if target == dashed {
		return ""
	}
	return s.labels.all[target].text
}

// resolved lists each label with each of its addresses.
func (s *Set) resolved() []label {
	all := make([]label, 0, len(s.labels.all))
	for at := range s.labels.all {
		v4, v6 := s.targetAddresses(int32(at))
		for _, of := range [...]span{v4, v6} {
			for i := range of.n {
				all = append(all, label{s.labels.all[at].text, of.at(i)})
			}
		}
	}
	return all
}

// equalTargets compares the targets of runs.
func (s *Set) equalTargets(o *Set, a, b []int32) bool {
	if s.labels == o.labels {
		return slices.Equal(a, b)
	}
	return slices.EqualFunc(a, b, func(a, b int32) bool {
		if a < 0 || b < 0 {
			return a == b
		}
		return s.labels.all[a].text == o.labels.all[b].text
	})
}

// Len returns the number of addresses that have a name.
func (s *Set) Len() int { return len(s.targets) }

// Without yields each address that has a name here and none in o, which may be
// nil.
func (s *Set) Without(o *Set) iter.Seq[netip.Addr] {
	if o == nil {
		o = new(Set)
	}
	return func(yield func(netip.Addr) bool) {
		for addr := range without(s.v4, o.v4, 4) {
			if !yield(netip.AddrFrom4([4]byte(addr))) {
				return
			}
		}
		for addr := range without(s.v6, o.v6, 16) {
			if !yield(netip.AddrFrom16([16]byte(addr))) {
				return
			}
		}
	}
}

// without yields what is in a and not in b, both of which are sorted items of
// the same width. Most changes are of few addresses: what is alike at both ends
// is skipped without looking at each.
func without(a, b []byte, width int) iter.Seq[[]byte] {
	front := alike(min(len(a), len(b)), width, func(from, to int) bool { return bytes.Equal(a[from:to], b[from:to]) })
	a, b = a[front:], b[front:]
	back := alike(min(len(a), len(b)), width, func(from, to int) bool {
		return bytes.Equal(a[len(a)-to:len(a)-from], b[len(b)-to:len(b)-from])
	})
	a, b = a[:len(a)-back], b[:len(b)-back]
	return func(yield func([]byte) bool) {
		for len(a) > 0 {
			order := -1
			if len(b) > 0 {
				order = bytes.Compare(a[:width], b[:width])
			}
			switch {
			case order > 0:
				b = b[width:]
				continue
			case order == 0:
				b = b[width:]
			case !yield(a[:width]):
				return
			}
			a = a[width:]
		}
	}
}

// alike returns how many of n bytes are equal, in whole items, where equal
// compares a part of them.
func alike(n, width int, equal func(from, to int) bool) int {
	at := 0
	for step := width << 10; step >= width; step >>= 2 {
		for at+step <= n && equal(at, at+step) {
			at += step
		}
	}
	return at
}

func (s *Set) address(i int32) netip.Addr {
	b := s.bytes(i)
	if len(b) == 4 {
		return netip.AddrFrom4([4]byte(b))
	}
	return netip.AddrFrom16([16]byte(b))
}

func (s *Set) is4(i int32) bool { return int(i) < len(s.v4)/4 }

// bytes returns the address at i, which nobody may write to.
func (s *Set) bytes(i int32) []byte {
	if s.is4(i) {
		at := int(i) * 4
		return s.v4[at : at+4 : at+4]
	}
	at := (int(i) - len(s.v4)/4) * 16
	return s.v6[at : at+16 : at+16]
}

// find returns the index of a published address.
func (s *Set) find(addr netip.Addr) (int32, bool) {
	i, found := sort.Find(len(s.v4)/4+len(s.v6)/16, func(i int) int { return addr.Compare(s.address(int32(i))) })
	return int32(i), found
}

// hasProtocol tells whether a name _protocol stands above a port's name.
func (s *Set) hasProtocol(protocol string) bool {
	return slices.ContainsFunc(s.protocols, func(p model.Protocol) bool { return p.String() == protocol })
}

// runsOf returns the runs of one port.
func (s *Set) runsOf(port, protocol string) []run {
	first, _ := slices.BinarySearchFunc(s.runs, port, func(r run, port string) int { return strings.Compare(r.port.Name, port) })
	runs := s.runs[first:]
	for len(runs) > 0 && runs[0].port.Name == port && runs[0].port.Protocol.String() != protocol {
		runs = runs[1:]
	}
	n := 0
	for n < len(runs) && runs[n].port.Name == port && runs[n].port.Protocol == runs[0].port.Protocol {
		n++
	}
	return runs[:n]
}
