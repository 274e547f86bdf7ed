package place

import (
	"iter"
	"maps"
	"math"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	clog "github.com/coredns/coredns/plugin/pkg/log"
)

var log = clog.NewWithPlugin("k8s_endpoints")

// Known is what a feed knows of where clients are. Its methods may be called at any time;
// those of one object in the order of its states. Questions read it without a lock.
type Known struct {
	wanted             Wanted
	addresses, podCIDR *claims
	// usable are the podCIDRs as questions may read them, nil while these do not count.
	usable atomic.Pointer[prefixes]

	mu       sync.RWMutex
	notes    notes
	nodes    nodes
	services []*perNode
	evidence evidence
	// demand is what Demand returned last, or would return.
	demand map[model.Place]float64
	// followed are the places of servers whose zone is that of their Node.
	followed map[model.Place]*atomic.Pointer[Client]
}

// NewKnown returns a Known without objects.
func NewKnown(w Wanted) *Known {
	k := &Known{
		wanted:    w,
		addresses: newClaims(),
		podCIDR:   newClaims(),
		evidence:  evidence{of: make(map[model.ServiceKey]weight)},
		followed:  make(map[model.Place]*atomic.Pointer[Client]),
	}
	k.nodes = nodes{wanted: w, addresses: k.addresses, podCIDR: k.podCIDR, notes: &k.notes, byName: make(map[model.Place]*node)}
	for _, of := range w.Services {
		if of != (PerNode{}) {
			k.services = append(k.services, &perNode{of: of, addresses: k.addresses, notes: &k.notes, clients: make(map[netip.Prefix]*Client)})
		}
	}
	return k
}

// Effects are what a change of Nodes brings about elsewhere.
type Effects struct {
	// Zoned are the Nodes that have another zone now: Services that take a zone from one of
	// them have to be compiled again.
	Zoned []model.Place
	// Doubted are the Services whose evidence may be better now. Each has to be weighed
	// again, unless it is compiled anyway.
	Doubted []model.ServiceKey
	// Shifted means that Demand is another one.
	Shifted bool
}

// Apply takes the changes of Nodes, and looks at no others.
func (k *Known) Apply(changes []model.Change) (e Effects) {
	n := 0
	for i := range changes {
		if changes[i].Kind == model.KindNode {
			n++
		}
	}
	if n == 0 {
		return e
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	// A Node mostly has a prefix and an address of each family.
	k.addresses.expect(2 * n)
	k.podCIDR.expect(2 * n)
	moved := false
	for i := range changes {
		if changes[i].Kind != model.KindNode {
			continue
		}
		c := k.applyNode(changes[i])
		if c.zoned {
			e.Zoned = append(e.Zoned, c.node)
		}
		moved = moved || c.moved
	}
	if len(e.Zoned) > 0 {
		k.fillIn()
	}
	k.publish()
	e.Shifted = k.shift()
	if moved && k.wanted.Pods {
		e.Doubted = k.evidence.doubted()
	}
	return e
}

func (k *Known) applyNode(changed model.Change) change {
	if changed.Removed {
		return k.nodes.remove(changed.Node.Name)
	}
	c := k.nodes.apply(changed.Node)
	if followed := k.followed[c.node]; followed != nil {
		k.follow(c.node, followed)
	}
	return c
}

// leastShift is what the share of a zone has to change by for the demand to be another one:
// Services are compiled again for it.
const leastShift = 0.01

// shift takes over the demand, where it is another one.
func (k *Known) shift() bool {
	var total int64
	for _, cpu := range k.nodes.cpu {
		total += cpu
	}
	now := make(map[model.Place]float64, len(k.nodes.cpu))
	for zone, cpu := range k.nodes.cpu {
		now[zone] = float64(cpu) / float64(total)
	}
	differs := func(zone model.Place) bool {
		was, ok := k.demand[zone]
		return !ok || math.Abs(now[zone]-was) >= leastShift
	}
	if len(now) == len(k.demand) && !slices.ContainsFunc(slices.Collect(maps.Keys(now)), differs) {
		return false
	}
	k.demand = now
	return true
}

// Demand returns which share of the clients is in which zone, as the EndpointSlice controller
// takes it: by the CPU that Pods can have there. Nobody may write to it.
func (k *Known) Demand() map[model.Place]float64 {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.demand
}

// fillIn gives the endpoints of Services the zones that Nodes have now.
func (k *Known) fillIn() {
	for _, s := range k.services {
		s.apply(s.slices, k.nodes.zoneOf)
	}
}

// Wants reports whether the slices of a Service are wanted.
func (k *Known) Wants(key model.ServiceKey) bool {
	for i := range k.wanted.Services {
		if k.wanted.Services[i].ServiceKey == key && key != (model.ServiceKey{}) {
			return true
		}
	}
	return false
}

// ApplyService takes all slices of a Service that is wanted, with the places of its
// endpoints; none where it is gone.
func (k *Known) ApplyService(key model.ServiceKey, slices []*model.Slice) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range k.services {
		if s.of.ServiceKey == key {
			s.apply(slices, k.nodes.zoneOf)
		}
	}
	k.publish()
}

// Weigh holds the podCIDRs of Nodes against the slices of a Service, which has a selector:
// nobody vouches for the nodes in others. It takes all slices; none where the Service is
// gone.
func (k *Known) Weigh(key model.ServiceKey, slices []*model.Slice) {
	if !k.wanted.Pods {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.evidence.weigh(key, slices, k.podCIDR.table)
	k.decide()
}

// Waits reports whether it is time for Begin as far as Nodes go: a source tells of its first
// list of them in one call.
func (k *Known) Waits() bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.wanted.Pods && !k.evidence.begun && len(k.nodes.byName) > 0
}

// Begin makes the podCIDRs of Nodes count, unless the slices of the Services with a selector
// say otherwise. It is called once the first lists of Nodes and of slices are complete, with
// all of these: until then nobody is found by a podCIDR.
func (k *Known) Begin(services iter.Seq2[model.ServiceKey, []*model.Slice]) {
	if !k.wanted.Pods {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.evidence.begun {
		return
	}
	for key, slices := range services {
		k.evidence.weigh(key, slices, k.podCIDR.table)
	}
	k.evidence.begun, k.evidence.used = true, true
	k.decide()
}

// decide makes the podCIDRs count or not, as the evidence is.
func (k *Known) decide() {
	if text := k.evidence.decide(); text != "" {
		log.Warning(text)
	}
	k.usePodCIDRs()
}

// publish shows questions what has changed.
func (k *Known) publish() {
	k.addresses.publish()
	k.podCIDR.publish()
	k.usePodCIDRs()
}

func (k *Known) usePodCIDRs() {
	var use *prefixes
	if k.evidence.used {
		use = k.podCIDR.published.Load()
	}
	if use != k.usable.Load() {
		k.usable.Store(use)
	}
}

// ZoneOf returns the zone of a Node, the zero Place where it is not known. It fills in the
// zones of endpoints whose slice has none.
func (k *Known) ZoneOf(node model.Place) model.Place {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.nodes.zoneOf(node)
}

// Follow returns where a Node is, now and later: nil until its zone is known.
func (k *Known) Follow(node model.Place) *atomic.Pointer[Client] {
	k.mu.Lock()
	defer k.mu.Unlock()
	followed := k.followed[node]
	if followed == nil {
		followed = new(atomic.Pointer[Client])
		k.followed[node] = followed
		k.follow(node, followed)
	}
	return followed
}

// follow takes over the zone of a Node. One that is gone is where it was.
func (k *Known) follow(name model.Place, to *atomic.Pointer[Client]) {
	zone := k.nodes.zoneOf(name)
	if zone == (model.Place{}) {
		return
	}
	if client := to.Load(); client == nil || client.Zone != zone {
		to.Store(&Client{Where: k.notes.where(zone, name), Source: ByServer})
	}
}

// Counts are what is known, for metrics and explanations.
type Counts struct {
	// Nodes are those that are watched.
	Nodes int
	// Prefixes are those that clients are found by, or would be, by their source.
	Prefixes [Sources]int
	Evidence
	// Used is true while clients are found by podCIDRs.
	Used bool
}

// Counts returns what is known now.
func (k *Known) Counts() Counts {
	k.mu.RLock()
	defer k.mu.RUnlock()
	c := Counts{Nodes: len(k.nodes.byName), Prefixes: k.nodes.prefixes, Evidence: k.evidence.sum, Used: k.evidence.used}
	for _, s := range k.services {
		c.Prefixes[ByService] += len(s.clients)
	}
	return c
}
