package records

import (
	"slices"
	"sync"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
)

// A compiler keeps the memory of one compilation for the next: else each change
// of a Service of 10,000 endpoints would leave megabytes to collect.
type compiler struct {
	sorter     sorter
	unsorted   []claim
	claims     []claim
	merged     []merged
	candidates []health.Candidate
	published  []judged
	lookalikes []lookalike
	ports      portGroups
}

var compilers = sync.Pool{New: func() any { return new(compiler) }}

// Compile makes the Set of a Service from its slices, which it does not change.
// For an ExternalName Service it looks at no slices. What is to be remembered
// goes into memory.
func Compile(service *model.Service, all []*model.Slice, o Options, memory *Memory, now time.Time) *Set {
	s := &Set{Service: service, Limits: o.Limits}
	memory.Next = time.Time{}
	if service.Kind != model.Headless {
		return s
	}
	c := compilers.Get().(*compiler)
	defer compilers.Put(c)
	endpoints := c.merge(all)
	verdicts := c.judge(s, endpoints, o, memory, now)
	s.explain(endpoints, verdicts, o, memory, now)
	published := c.publish(endpoints, verdicts)
	s.compileAddresses(published)
	s.compileName(published)
	c.compileLabels(s, published, o.Naming)
	c.compileRuns(s, published)
	return s
}

func (s *Set) compileAddresses(published []judged) {
	n4, _ := slices.BinarySearchFunc(published, family6, func(m judged, family int) int { return familyOf(m.endpoint.Address) - family })
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
	n := 0
	for i := range published {
		if published[i].inName {
			n++
		}
	}
	if n == len(published) {
		return span{first: first, n: int32(n)}
	}
	indexes := make([]int32, 0, n)
	for i := range published {
		if published[i].inName {
			indexes = append(indexes, first+int32(i))
		}
	}
	return span{n: int32(n), indexes: indexes}
}

// lookalike is a label that looks like a dashed address which has a name.
type lookalike struct{ label, address int32 }

// compileLabels gives each address its hostname and its Pod's name, and chooses
// which of them SRV and PTR records show. A lookalike means the address that it
// looks like, too.
func (c *compiler) compileLabels(s *Set, published []judged, naming Naming) {
	c.lookalikes = c.lookalikes[:0]
	s.labels.grow(countLabels(published))
	s.targets = make([]int32, len(published))
	for i := range published {
		e, address := published[i].endpoint, int32(i)
		s.targets[i] = dashed
		if e.Hostname != "" {
			s.targets[i] = c.addLabel(s, e.Hostname, address)
		}
		if e.Pod == "" || e.Pod == e.Hostname {
			continue
		}
		if at := c.addLabel(s, e.Pod, address); e.Hostname == "" && naming == ByPodName {
			s.targets[i] = at
		}
	}
	for _, l := range c.lookalikes {
		s.resolve(l.label, l.address)
		if s.targets[l.address] == dashed {
			s.targets[l.address] = l.label
		}
	}
	s.sortSeveral()
}

func (c *compiler) addLabel(s *Set, text string, address int32) (at int32) {
	at = s.labels.add(text)
	s.resolve(at, address)
	if addr, ok := name.ParseDashed(text); ok {
		if j, ok := s.find(addr); ok {
			c.lookalikes = append(c.lookalikes, lookalike{at, j})
		}
	}
	return at
}

// resolve makes a label mean an address, too.
func (s *Set) resolve(at, address int32) {
	l := &s.labels.all[at]
	switch {
	case l.at == nowhere:
		l.at = address
	case l.at >= 0:
		s.several = append(s.several, []int32{l.at, address})
		l.at = ^int32(len(s.several) - 1)
	default:
		s.several[^l.at] = append(s.several[^l.at], address)
	}
}

// sortSeveral sorts the addresses of labels that have several. What was one
// address twice is a list of one.
func (s *Set) sortSeveral() {
	for i, of := range s.several {
		slices.Sort(of)
		s.several[i] = slices.Clip(slices.Compact(of))
	}
	s.several = slices.Clip(s.several)
}

// countLabels is how many labels there are at most.
func countLabels(published []judged) int {
	n := 0
	for i := range published {
		e := published[i].endpoint
		if e.Hostname != "" {
			n++
		}
		if e.Pod != "" && e.Pod != e.Hostname {
			n++
		}
	}
	return n
}
