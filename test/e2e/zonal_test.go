package e2e

import (
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
)

// inZone is the question for the addresses of the Service db in a zone. Labels have a
// directive behind them.
func (p *place) inZone(labels string, hosts ...int) question {
	name := labels + "._zone." + p.name("db")
	q := question{name: name, qtype: "A"}
	for _, host := range hosts {
		q.want.answer = append(q.want.answer, at(name, p.v4(host))...)
	}
	if len(hosts) == 0 {
		q.want = denied("NOERROR", "nobody who is published is in that zone, in "+p.in("db"))
	}
	return q
}

func (n *neighbourhood) zones(t *testing.T) {
	p := newPlace(t)
	p.runPods(t, n.a, n.b, cluster.DefaultNode)
	wantSoon(t, n.server, p.inZone(zoneA+".prefer", 1, 3), p.inZone(zoneB+".pin", 2))
	port, target := "_sql._tcp."+zoneB+".pin._zone."+p.name("db"), p.name("db-2.db")
	srv := found(record(port, ttl, "SRV", "0 100 5432 "+target))
	srv.additional = at(target, p.v4(2))
	none := p.inZone("pin").name
	wantNow(t, n.server,
		p.inZone(zoneA+".pin", 1, 3), p.inZone(zoneB+".prefer", 2), p.inZone("zone-c.pin"), p.inZone("zone-c.prefer", 1, 2, 3),
		question{name: port, qtype: "SRV", want: srv},
		question{name: none, qtype: "A", want: p.noType("db")},
	)
	must(t, p.PodUnready(within(t), p.namespace, "db-2"))
	wantSoon(t, n.server, p.inZone(zoneB+".pin"), p.inZone(zoneB+".prefer", 1, 3))
}

func (n *neighbourhood) zonesOfNodes(t *testing.T) {
	p := newPlace(t)
	late := p.node(t, cluster.Node{Name: "late"})
	p.runPods(t, n.a, late)
	wantSoon(t, n.server, p.inZone("zone-c.prefer", 1, 2), p.inZone(zoneB+".pin"))
	must(t, p.PatchNode(within(t), late, `{"metadata":{"labels":{"topology.kubernetes.io/zone":"`+zoneB+`"}}}`))
	wantSoon(t, n.server, p.inZone(zoneB+".pin", 2))
}
