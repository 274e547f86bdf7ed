package place

import (
	"net/netip"
	"sync/atomic"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// Table finds clients for one stanza: by its own prefixes, and by those that its feed
// knows. Anybody may use it at any time, and it takes no lock. A nil Table knows nobody.
type Table struct {
	fixed prefixes
	// known is nil where the stanza asks for nothing that changes.
	known *Known
	// server is found where nothing else is, and at is where it is by its Node. Both are
	// nil where the Corefile does not say so.
	server *Client
	at     *atomic.Pointer[Client]
	// subnets are the resolvers that are believed.
	subnets []netip.Prefix
}

// NewTable returns the table of a stanza. Known is that of its feed, and may be nil where
// the lines want nothing of it.
func NewTable(l *Lines, known *Known) *Table {
	t := &Table{known: known, subnets: l.Subnets}
	var n notes
	// The networks of one zone share its place.
	zones := make(map[Fixed]*Where)
	for _, f := range l.Fixed {
		zone := Fixed{Zone: f.Zone}
		if zones[zone] == nil {
			zones[zone] = n.where(f.Zone, model.Place{})
			zones[zone].Never = f.source() == ByNone
		}
		t.fixed.Insert(f.Prefix, &Client{zones[zone], f.source(), uint8(f.Prefix.Bits())})
	}
	if l.Server != (Server{}) {
		t.server = &Client{Where: n.where(l.Server.Zone, l.Server.Node), Source: ByServer}
		if l.Server.NeedsNode() && known != nil {
			t.at = known.Follow(l.Server.Node)
		}
	}
	return t
}

// Lookup returns where the client with an address is, nil where it is nowhere that is
// known. The longest prefix counts; of equally long ones, that of the Corefile, then that
// of an address or a Service, then a podCIDR.
func (t *Table) Lookup(addr netip.Addr) *Client {
	if t == nil {
		return nil
	}
	addr = addr.Unmap()
	best, _ := t.fixed.Lookup(addr)
	if t.known != nil {
		if client, ok := t.known.addresses.published.Load().Lookup(addr); ok {
			best = longer(best, client)
		}
		if podCIDRs := t.known.usable.Load(); podCIDRs != nil {
			if client, ok := podCIDRs.Lookup(addr); ok {
				best = longer(best, client)
			}
		}
	}
	return t.orServer(best)
}

// LookupPrefix is to a network, as the function Network returns it, what Lookup is to an
// address: what is found holds all of it. It returns nil where no prefix does.
func (t *Table) LookupPrefix(network netip.Prefix) *Client {
	if t == nil {
		return nil
	}
	best, _ := t.fixed.LookupPrefix(network)
	if t.known != nil {
		if client, ok := t.known.addresses.published.Load().LookupPrefix(network); ok {
			best = longer(best, client)
		}
		if podCIDRs := t.known.usable.Load(); podCIDRs != nil {
			if client, ok := podCIDRs.LookupPrefix(network); ok {
				best = longer(best, client)
			}
		}
	}
	return t.orServer(best)
}

// longer returns the client that was found by the longer prefix: a, which may be nil, where
// they are equally long.
func longer(a, b *Client) *Client {
	if a == nil || b.bits > a.bits {
		return b
	}
	return a
}

func (t *Table) orServer(found *Client) *Client {
	if found != nil || t.server == nil {
		return found
	}
	if t.at != nil {
		if client := t.at.Load(); client != nil {
			return client
		}
	}
	return t.server
}
