// Package topology simulates clients in three zones that ask for one headless Service
// again and again, with the record sets and the client table of this plugin. It shows
// what topology does for where traffic goes, how evenly, and in an outage.
//
// Reading order: world.go has the Service and its clients, figures.go what is measured.
package topology

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"
	"unique"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/place"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/topology"

	"github.com/miekg/dns"
)

// clients is how many there are, and lookups how often each asks: every 5 s for ten
// minutes.
const (
	clients = 300
	lookups = 120
)

var zones = []string{"a", "b", "c"}

// pod is an endpoint of the Service. One that is dead may still be called ready.
type pod struct {
	zone       int
	conditions model.Conditions
	dead       bool
}

const up = model.Ready | model.Serving

// world is a Service and what remembers its past.
type world struct {
	policy topology.Policy
	demand topology.Demand
	pods   []pod
	memory records.Memory
	set    *records.Set
	table  *place.Table
	random *rand.Rand
	now    time.Time
	// rounds is how often each client asks.
	rounds int
}

// newWorld has so many Pods in each zone, all of them up.
func newWorld(policy topology.Policy, inZone ...int) *world {
	w := &world{policy: policy, random: rand.New(rand.NewPCG(1, 2)), now: time.Unix(1_800_000_000, 0), rounds: lookups}
	for zone, n := range inZone {
		for range n {
			w.pods = append(w.pods, pod{zone: zone, conditions: up})
		}
	}
	var lines place.Lines
	for i, zone := range zones {
		lines.Fixed = append(lines.Fixed, place.Fixed{Prefix: netip.PrefixFrom(clientAddress(i, 0), 16), Zone: unique.Make(zone)})
	}
	w.table = place.NewTable(&lines, nil)
	w.compile()
	return w
}

func clientAddress(zone, i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(100 + zone), byte(i >> 8), byte(i)})
}

func podAddress(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}) }

var service = &model.Service{
	ServiceKey: model.ServiceKey{Namespace: "prod", Name: "db"}, Kind: model.Headless, Distribution: model.PreferSameZone,
}

// compile publishes the Pods as they are.
func (w *world) compile() {
	slice := &model.Slice{SliceKey: model.SliceKey{Namespace: "prod", Name: "db-1"}, Service: "db", Version: 1}
	slice.Places = new(model.Places)
	for _, zone := range zones {
		slice.Places.Zones = append(slice.Places.Zones, unique.Make(zone))
	}
	for i, p := range w.pods {
		slice.Endpoints = append(slice.Endpoints, model.Endpoint{
			Address: podAddress(i), Pod: fmt.Sprintf("db-%d", i), ID: model.PodID{byte(i >> 8), byte(i), 1},
			Conditions: p.conditions, Zone: uint16(p.zone + 1),
		})
	}
	w.now = w.now.Add(time.Minute)
	w.set = records.Compile(service, []*model.Slice{slice}, records.Options{Topology: w.policy, Demand: w.demand}, &w.memory, w.now)
}

const serviceName = "db.prod.svc.cluster.local."

// ask returns the Pods that a client in a zone gets.
func (w *world) ask(zone, client int) (got []int) {
	q := &records.Question{Owner: serviceName, Name: name.Parse(serviceName, "cluster.local."), Type: dns.TypeA, TTL: 5, Offset: 12, Room: 65000}
	c := records.Client{Address: clientAddress(zone, client)}
	if found := w.table.Lookup(c.Address); found != nil {
		c.Zone, c.Node = found.Zone, found.Node
	}
	for _, rr := range w.set.AnswerTo(q, &c).Records {
		a := rr.(*dns.A).A.To4()
		got = append(got, int(a[2])<<8|int(a[3]))
	}
	slices.Sort(got)
	return got
}

// load is what came of the look-ups of all clients.
type load struct {
	// connections has how many clients chose each Pod, and lookups how many asked.
	connections []int
	lookups     int
	// sameZone are the clients that chose a Pod in their zone. deadAnswers are the answers
	// with a dead address.
	sameZone, deadAnswers int
	// deadIn are the dead addresses in all answers, and givenIn all of them, by the zone of
	// the client.
	deadIn, givenIn [3]int
}

// run lets clients, of which demand says how many of a hundred are in each zone, look up
// and choose an address at random.
func (w *world) run(demand ...int) load {
	l := load{connections: make([]int, len(w.pods))}
	for zone, percent := range demand {
		for client := range clients * percent / 100 {
			for range w.rounds {
				w.look(&l, zone, client)
			}
		}
	}
	return l
}

func (w *world) look(l *load, zone, client int) {
	got := w.ask(zone, client)
	l.lookups++
	if len(got) == 0 {
		return
	}
	dead := 0
	for _, i := range got {
		if w.pods[i].dead {
			dead++
		}
	}
	l.deadIn[zone], l.givenIn[zone] = l.deadIn[zone]+dead, l.givenIn[zone]+len(got)
	if dead > 0 {
		l.deadAnswers++
	}
	chosen := got[w.random.IntN(len(got))]
	l.connections[chosen]++
	if w.pods[chosen].zone == zone {
		l.sameZone++
	}
}

// percentNear is how many of a hundred clients chose a Pod in their zone.
func (l *load) percentNear() float64 { return 100 * float64(l.sameZone) / float64(l.lookups) }

// skew is the load of the busiest Pod over that of the mean one that is up.
func (w *world) skew(l load) float64 {
	n := 0
	for _, p := range w.pods {
		if p.conditions == up {
			n++
		}
	}
	return float64(slices.Max(l.connections)) * float64(n) / float64(l.lookups)
}

// skewOfZones is the same of the Pods of a zone together.
func (w *world) skewOfZones(l load) (worst float64) {
	var pods, connections [3]int
	for i, p := range w.pods {
		pods[p.zone]++
		connections[p.zone] += l.connections[i]
	}
	for zone, n := range pods {
		worst = max(worst, float64(connections[zone]*len(w.pods))/float64(n*l.lookups))
	}
	return worst
}
