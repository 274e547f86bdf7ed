// Package records compiles a Service into its record set, and draws answers
// from it.
package records

import (
	"bytes"
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
	// Service is what the Set was compiled from.
	Service *model.Service

	// v4 and v6 hold the published addresses back to back, sorted. An index
	// into them counts the IPv4 addresses first.
	v4, v6 []byte
	// labels are the endpoint names other than dashed addresses, sorted.
	labels []label
	// named holds the address indexes of all labels back to back.
	named []int32
	// targets holds, for each address, the label that SRV and PTR records give
	// it, or dashed.
	targets []int32
	// runs are the named ports, sorted, with those who have them, and numbers
	// are the same without the names: an SRV record of the Service name shows
	// only the number, and no record stands there twice (RFC 2181, section 5).
	runs, numbers []run
}

// dashed marks an address whose endpoint name is the address itself.
const dashed int32 = -1

// label is an endpoint name and what it resolves to: a part of Set.named.
type label struct {
	text        string
	first, last int32
}

// run is one named port with one number. A port whose number differs between
// endpoints is several runs.
type run struct {
	port model.Port
	// targets tell who has the port: a label, or the address ^target whose
	// label is its dashed form. Each stands there once. Runs may share them.
	targets []int32
	// longest and total are the lengths of the targets' labels, in bytes.
	longest, total int
}

// Naming says which of its names an endpoint gets in SRV and PTR records.
type Naming uint8

const (
	// ByHostname takes the hostname, else the dashed address.
	ByHostname Naming = iota
	// ByPodName takes the hostname, else the Pod's name, else the dashed
	// address.
	ByPodName
)

// Compile makes the Set of a Service from its slices, which it does not change.
// For an ExternalName Service it looks at no slices.
func Compile(service *model.Service, all []*model.Slice, naming Naming) *Set {
	s := &Set{Service: service}
	if service.Kind != model.Headless {
		return s
	}
	published := merge(all)
	published = slices.DeleteFunc(published, func(m merged) bool { return !health.Published(m.endpoint.Conditions) })
	s.compileAddresses(published)
	lookalikes := s.compileLabels(published)
	s.compileTargets(published, naming, lookalikes)
	s.compileRuns(published)
	return s
}

func (s *Set) compileAddresses(published []merged) {
	n4 := sort.Search(len(published), func(i int) bool { return !published[i].endpoint.Address.Is4() })
	s.v4 = make([]byte, 0, 4*n4)
	s.v6 = make([]byte, 0, 16*(len(published)-n4))
	for _, m := range published[:n4] {
		b := m.endpoint.Address.As4()
		s.v4 = append(s.v4, b[:]...)
	}
	for _, m := range published[n4:] {
		b := m.endpoint.Address.As16()
		s.v6 = append(s.v6, b[:]...)
	}
}

// alias is one name of one address.
type alias struct {
	text  string
	index int32
}

// compileLabels gives each address its hostname and its Pod's name. A label
// that looks like a dashed address which is published means that one too; those
// it returns, by the address.
func (s *Set) compileLabels(published []merged) (lookalikes map[int32]string) {
	lookalikes = make(map[int32]string)
	aliases := make([]alias, 0, len(published))
	for i, m := range published {
		for _, text := range []string{m.endpoint.Hostname, m.endpoint.Pod} {
			if text == "" {
				continue
			}
			aliases = append(aliases, alias{text, int32(i)})
			if addr, ok := name.ParseDashed(text); ok {
				if j, ok := s.find(addr); ok {
					aliases = append(aliases, alias{text, j})
					lookalikes[j] = text
				}
			}
		}
	}
	slices.SortFunc(aliases, func(a, b alias) int {
		if c := strings.Compare(a.text, b.text); c != 0 {
			return c
		}
		return int(a.index - b.index)
	})
	aliases = slices.Compact(aliases)
	s.named = make([]int32, len(aliases))
	for i, a := range aliases {
		s.named[i] = a.index
		if i == 0 || a.text != aliases[i-1].text {
			s.labels = append(s.labels, label{text: a.text, first: int32(i)})
		}
		s.labels[len(s.labels)-1].last = int32(i + 1)
	}
	s.labels = slices.Clip(s.labels)
	return lookalikes
}

func (s *Set) compileTargets(published []merged, naming Naming, lookalikes map[int32]string) {
	s.targets = make([]int32, len(published))
	for i, m := range published {
		text := m.endpoint.Hostname
		if text == "" && naming == ByPodName {
			text = m.endpoint.Pod
		}
		if text == "" {
			text = lookalikes[int32(i)]
		}
		s.targets[i] = dashed
		if at, ok := s.findLabel(text); ok {
			s.targets[i] = int32(at)
		}
	}
}

// compileRuns finds who has which port. Where all slices have the same ports,
// which is nearly always so, all runs share one list of targets.
func (s *Set) compileRuns(published []merged) {
	byPort := make(map[model.Port][]int32)
	for i, m := range published {
		target := s.targets[i]
		if target == dashed {
			target = ^int32(i)
		}
		for _, slice := range m.slices {
			for _, port := range slice.Ports {
				if port.Name != "" {
					byPort[port] = append(byPort[port], target)
				}
			}
		}
	}
	for port, targets := range byPort {
		slices.Sort(targets)
		s.runs = append(s.runs, run{port: port, targets: slices.Clip(slices.Compact(targets))})
	}
	slices.SortFunc(s.runs, func(a, b run) int { return comparePorts(a.port, b.port) })
	for i := range s.runs {
		if i > 0 && slices.Equal(s.runs[i].targets, s.runs[i-1].targets) {
			s.runs[i].targets = s.runs[i-1].targets
		}
		s.measure(&s.runs[i])
	}
	s.compileNumbers()
}

// compileNumbers puts the runs of one number together, whatever their ports are
// called.
func (s *Set) compileNumbers() {
	s.numbers = slices.Clone(s.runs)
	slices.SortStableFunc(s.numbers, func(a, b run) int { return int(a.port.Number) - int(b.port.Number) })
	distinct := s.numbers[:0]
	for _, r := range s.numbers {
		last := len(distinct) - 1
		if last < 0 || distinct[last].port.Number != r.port.Number {
			distinct = append(distinct, r)
			continue
		}
		if slices.Equal(distinct[last].targets, r.targets) {
			continue
		}
		both := slices.Concat(distinct[last].targets, r.targets)
		slices.Sort(both)
		distinct[last].targets = slices.Clip(slices.Compact(both))
		distinct[last].longest, distinct[last].total = 0, 0
		s.measure(&distinct[last])
	}
	s.numbers = slices.Clip(distinct)
}

// comparePorts puts the numbers of one port next to each other.
func comparePorts(a, b model.Port) int {
	if c := strings.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	if a.Protocol != b.Protocol {
		return int(a.Protocol) - int(b.Protocol)
	}
	return int(a.Number) - int(b.Number)
}

func (s *Set) measure(r *run) {
	var text [maxLabel]byte
	for _, target := range r.targets {
		n := len(s.appendTarget(text[:0], target))
		r.longest = max(r.longest, n)
		r.total += n
	}
}

// maxLabel is the length of the longest label, in bytes (RFC 1035, section
// 2.3.4).
const maxLabel = 63

// appendTarget appends the label of a target.
func (s *Set) appendTarget(dst []byte, target int32) []byte {
	if target >= 0 {
		return append(dst, s.labels[target].text...)
	}
	return name.AppendDashed(dst, s.address(^target))
}

// Equal tells whether two Sets give the same answers.
func (s *Set) Equal(o *Set) bool {
	return reflect.DeepEqual(s.Service, o.Service) &&
		bytes.Equal(s.v4, o.v4) && bytes.Equal(s.v6, o.v6) &&
		slices.Equal(s.labels, o.labels) && slices.Equal(s.named, o.named) && slices.Equal(s.targets, o.targets) &&
		slices.EqualFunc(s.runs, o.runs, func(a, b run) bool { return a.port == b.port && slices.Equal(a.targets, b.targets) })
}

// Len returns the number of published addresses.
func (s *Set) Len() int { return len(s.targets) }

// Publishes tells whether an address is published.
func (s *Set) Publishes(addr netip.Addr) bool {
	_, ok := s.find(addr)
	return ok
}

// Addresses calls yield for each published address.
func (s *Set) Addresses(yield func(netip.Addr) bool) {
	for i := range s.targets {
		if !yield(s.address(int32(i))) {
			return
		}
	}
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

func (s *Set) findLabel(text string) (int, bool) {
	return slices.BinarySearchFunc(s.labels, text, func(l label, text string) int { return strings.Compare(l.text, text) })
}

// hasProtocol tells whether a name _protocol stands above a port's name.
func (s *Set) hasProtocol(protocol string) bool {
	return slices.ContainsFunc(s.runs, func(r run) bool { return r.port.Protocol.String() == protocol })
}

// runsOf returns the runs of one port.
func (s *Set) runsOf(port, protocol string) []run {
	for i, r := range s.runs {
		if r.port.Name != port || r.port.Protocol.String() != protocol {
			continue
		}
		n := i + 1
		for n < len(s.runs) && s.runs[n].port.Name == port && s.runs[n].port.Protocol == r.port.Protocol {
			n++
		}
		return s.runs[i:n]
	}
	return nil
}
