package records

import (
	"slices"
	"sync"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// A compiler keeps the memory of one compilation for the next: else each change
// of a Service of 10,000 endpoints would leave megabytes to collect.
type compiler struct {
	sorter     sorter
	unsorted   []claim
	claims     []claim
	merged     []merged
	lookalikes []lookalike
	// fresh is a universe that is not kept.
	fresh      universe
	candidates []health.Candidate
	published  []judged
	ports      portGroups
	// groups has the group of ports of each slice.
	groups []int32
}

var compilers = sync.Pool{New: func() any { return new(compiler) }}

// Compile makes the Set of a Service from its slices, which it does not change.
// For an ExternalName Service it looks at no slices. What is to be remembered
// goes into memory.
func Compile(service *model.Service, all []*model.Slice, o Options, memory *Memory, now time.Time) *Set {
	s := &Set{Service: service, Limits: o.Limits}
	if service.Kind != model.Headless {
		// What it remembers of slices would outlive them.
		*memory = Memory{}
		return s
	}
	memory.Next = time.Time{}
	c := compilers.Get().(*compiler)
	defer compilers.Put(c)
	known := memory.universe
	u := c.universeOf(all, o.Naming, memory)
	verdicts := c.judge(s, u, o, memory, now)
	if u != known {
		memory.prune(o.Policy.Damping, u, now)
	}
	s.explain(u, verdicts, o, memory, now)
	published := c.publish(u, verdicts)
	s.compileAddresses(u, published)
	s.compileName(published)
	s.compileNames(u, published)
	c.compileRuns(s, u, published)
	return s
}

// compileAddresses takes the addresses and their targets over. Nearly always all
// have a name: then the universe's are shared.
func (s *Set) compileAddresses(u *universe, published []judged) {
	s.v4, s.v6, s.targets = u.v4, u.v6, u.targets
	if len(published) == u.len() {
		return
	}
	n4 := slices.IndexFunc(published, func(j judged) bool { return int(j.at) >= u.n4() })
	if n4 < 0 {
		n4 = len(published)
	}
	s.v4 = make([]byte, 0, 4*n4)
	for _, j := range published[:n4] {
		s.v4 = append(s.v4, u.v4[4*j.at:][:4]...)
	}
	s.v6 = make([]byte, 0, 16*(len(published)-n4))
	for _, j := range published[n4:] {
		s.v6 = append(s.v6, u.v6[16*(int(j.at)-u.n4()):][:16]...)
	}
	s.targets = make([]int32, len(published))
	for i, j := range published {
		s.targets[i] = u.targets[j.at]
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

// compileNames takes the labels over.
func (s *Set) compileNames(u *universe, published []judged) {
	s.labels, s.several = u.labels, u.labels.several
	if len(published) < u.len() {
		s.compilePlaces(published, u.len())
	}
}

// compilePlaces finds where the endpoints of the labels have their addresses,
// and which have none.
func (s *Set) compilePlaces(published []judged, endpoints int) {
	s.places = make([]int32, endpoints)
	for i := range s.places {
		s.places[i] = nowhere
	}
	for i := range published {
		s.places[published[i].at] = int32(i)
	}
	s.compileSeveral()
}

// compileSeveral turns indexes of endpoints into those of addresses.
func (s *Set) compileSeveral() {
	total := 0
	for _, of := range s.labels.several {
		total += len(of)
	}
	all := make([]int32, 0, total)
	s.several = make([][]int32, len(s.labels.several))
	for i, of := range s.labels.several {
		first := len(all)
		for _, endpoint := range of {
			if at := s.places[endpoint]; at != nowhere {
				all = append(all, at)
			}
		}
		s.several[i] = all[first:len(all):len(all)]
	}
}
