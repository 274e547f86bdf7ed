// Package records compiles a Service into its record set, and draws answers
// from it.
package records

import (
	"bytes"
	"cmp"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"sort"
	"strings"
	"time"

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
	// counts and failOpen are the policy's, by family.
	counts   [families][health.Tiers]int
	failOpen [families]bool
	// explained has a line for each endpoint and one for the policy, or nothing.
	explained []string
}

// dashed marks an address whose endpoint name is the address itself.
const dashed int32 = -1

// label is an endpoint name and what it resolves to: a part of Set.named.
type label struct {
	text        string
	first, last int32
}

// run is one named port with one number, and those of one tier who have it. A
// port whose number differs between endpoints is several runs.
type run struct {
	port model.Port
	tier health.Tier
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

// Options are what a Set is compiled with besides objects.
type Options struct {
	Naming Naming
	Policy health.Policy
	// Drain holds the endpoint names, in lower case, that are taken out.
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

// Compile makes the Set of a Service from its slices, which it does not change.
// For an ExternalName Service it looks at no slices. What is to be remembered
// goes into memory.
func Compile(service *model.Service, all []*model.Slice, o Options, memory *Memory, now time.Time) *Set {
	s := &Set{Service: service, Limits: o.Limits}
	memory.begin()
	if service.Kind != model.Headless {
		return s
	}
	endpoints := merge(all)
	memory.prune(o.Policy.Damping, endpoints, now)
	verdicts := s.judge(endpoints, o, memory, now)
	s.explain(endpoints, verdicts, o, memory, now)
	published := publish(endpoints, verdicts)
	s.compileAddresses(published)
	s.compileName(published)
	lookalikes := s.compileLabels(published)
	s.compileTargets(published, o.Naming, lookalikes)
	s.compileRuns(published)
	return s
}

func (s *Set) compileAddresses(published []judged) {
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

// compileName finds what the Service name has. Nearly always that is all that
// has a name, which takes no memory.
func (s *Set) compileName(published []judged) {
	n4 := len(s.v4) / 4
	s.name[family4] = nameSpan(published[:n4], 0)
	s.name[family6] = nameSpan(published[n4:], int32(n4))
}

func nameSpan(published []judged, first int32) span {
	var indexes []int32
	for i, m := range published {
		if m.inName {
			indexes = append(indexes, first+int32(i))
		}
	}
	if len(indexes) == len(published) {
		return span{first: first, n: int32(len(published))}
	}
	return span{n: int32(len(indexes)), indexes: slices.Clip(indexes)}
}

// alias is one name of one address.
type alias struct {
	text  string
	index int32
}

// compileLabels gives each address its hostname and its Pod's name. A label
// that looks like a dashed address which is published means that one too; those
// it returns, by the address.
func (s *Set) compileLabels(published []judged) (lookalikes map[int32]string) {
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

func (s *Set) compileTargets(published []judged, naming Naming, lookalikes map[int32]string) {
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

// member is who has a port.
type member struct {
	target int32
	tier   health.Tier
}

// compileRuns finds who has which port. Where all slices have the same ports,
// which is nearly always so, all runs share one list of targets.
func (s *Set) compileRuns(published []judged) {
	byPort := make(map[model.Port][]member)
	for i, m := range published {
		if !m.inSRV {
			continue
		}
		target := s.targets[i]
		if target == dashed {
			target = ^int32(i)
		}
		for _, slice := range m.slices {
			for _, port := range slice.Ports {
				if port.Name != "" {
					byPort[port] = append(byPort[port], member{target, m.tier})
				}
			}
		}
	}
	for port, members := range byPort {
		s.runs = appendRuns(s.runs, port, members)
	}
	slices.SortFunc(s.runs, func(a, b run) int { return cmp.Or(comparePorts(a.port, b.port), int(a.tier)-int(b.tier)) })
	s.share(s.runs)
	s.compileNumbers()
}

// appendRuns appends a run for each tier. A target that has endpoints in two
// tiers is in the better one.
func appendRuns(runs []run, port model.Port, members []member) []run {
	slices.SortFunc(members, func(a, b member) int { return cmp.Or(cmp.Compare(a.target, b.target), int(a.tier)-int(b.tier)) })
	members = slices.CompactFunc(members, func(a, b member) bool { return a.target == b.target })
	var byTier [health.Tiers][]int32
	for _, m := range members {
		byTier[m.tier] = append(byTier[m.tier], m.target)
	}
	for tier, targets := range byTier {
		if len(targets) > 0 {
			runs = append(runs, run{port: port, tier: health.Tier(tier), targets: slices.Clip(targets)})
		}
	}
	return runs
}

// share lets runs with equal targets have one list of them, and measures all.
func (s *Set) share(runs []run) {
	for i := range runs {
		for j := range runs[:i] {
			if slices.Equal(runs[i].targets, runs[j].targets) {
				runs[i].targets = runs[j].targets
				break
			}
		}
		s.measure(&runs[i])
	}
}

// compileNumbers puts the runs of one number together, whatever their ports are
// called.
func (s *Set) compileNumbers() {
	byNumber := make(map[uint16][]member)
	for _, r := range s.runs {
		for _, target := range r.targets {
			byNumber[r.port.Number] = append(byNumber[r.port.Number], member{target, r.tier})
		}
	}
	for _, number := range slices.Sorted(maps.Keys(byNumber)) {
		s.numbers = appendRuns(s.numbers, model.Port{Number: number}, byNumber[number])
	}
	for i := range s.numbers {
		for j := range s.runs {
			if slices.Equal(s.numbers[i].targets, s.runs[j].targets) {
				s.numbers[i].targets = s.runs[j].targets
				break
			}
		}
		s.measure(&s.numbers[i])
	}
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
	r.longest, r.total = 0, 0
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
	return reflect.DeepEqual(s.Service, o.Service) && reflect.DeepEqual(s.Limits, o.Limits) &&
		bytes.Equal(s.v4, o.v4) && bytes.Equal(s.v6, o.v6) &&
		slices.Equal(s.labels, o.labels) && slices.Equal(s.named, o.named) && slices.Equal(s.targets, o.targets) &&
		slices.EqualFunc(s.runs, o.runs, func(a, b run) bool {
			return a.port == b.port && a.tier == b.tier && slices.Equal(a.targets, b.targets)
		}) &&
		s.name[family4].equal(o.name[family4]) && s.name[family6].equal(o.name[family6]) &&
		s.noteFamily(family4) == o.noteFamily(family4) && s.noteFamily(family6) == o.noteFamily(family6) &&
		slices.Equal(s.explained, o.explained)
}

// Len returns the number of addresses that have a name.
func (s *Set) Len() int { return len(s.targets) }

// Publishes tells whether an address has a name.
func (s *Set) Publishes(addr netip.Addr) bool {
	_, ok := s.find(addr)
	return ok
}

// Addresses calls yield for each address that has a name.
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
