package endpoints

import (
	"context"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/place"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/topology"
)

// answerNear answers a client of which it matters where it is. It has a frame of its own,
// since few questions need it and the stack of one is small.
//
//go:noinline
func (h *handler) answerNear(ctx context.Context, q *query, set *records.Set) records.Answer {
	var c records.Client
	q.locate(&c)
	a := set.AnswerTo(&q.asked, &c)
	if q.subnet != nil {
		q.subnet.ofNetwork = a.Outcome == records.Found
	}
	if c.Near.Result != topology.NotAsked && a.Outcome == records.Found {
		h.counters.of(ctx).countNear(&c.Near, c.Zone)
	}
	return a
}

// locate finds out where the client is.
func (q *query) locate(c *records.Client) {
	found := q.find(c)
	if found != nil && !found.Never {
		c.Zone, c.Node = found.Zone, found.Node
		c.InZone, c.OnNode = found.Notes[place.ZoneLevel], found.Notes[place.NodeLevel]
	}
	if q.asked.Name.Kind != name.Service && q.asked.Name.Kind != name.Port {
		c.Where = describe(found, c)
	}
}

// find finds the client, or the one for whom a resolver asks that is believed, and notes
// its address.
func (q *query) find(c *records.Client) *place.Client {
	c.Address = addressOf(q.w.RemoteAddr())
	switch {
	case q.subnet == nil:
		return q.clients.Lookup(c.Address)
	case q.subnet.network.IsValid():
		// Of a network with one address, that is the client's.
		c.Address = q.subnet.network.Addr()
		return q.clients.LookupPrefix(q.subnet.network)
	}
	return nil
}

// describe says where a client is, for people.
func describe(found *place.Client, c *records.Client) string {
	switch {
	case found == nil:
		return "nowhere that is known"
	case found.Never:
		return "anywhere (none " + found.Prefix(c.Address).String() + ")"
	}
	var parts []string
	if found.Node != (model.Place{}) {
		parts = append(parts, "on "+found.Node.Value())
	}
	if found.Zone != (model.Place{}) {
		parts = append(parts, "in "+found.Zone.Value())
	}
	by := found.Source.String()
	if found.Source != place.ByServer {
		by += " " + found.Prefix(c.Address).String()
	}
	return strings.Join(parts, " ") + " (" + by + ")"
}
