package place

import (
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/gaissmai/bart"
)

// prefixes have clients by the prefixes of their addresses. Who reads them takes no lock:
// what is published is never written to.
type prefixes = bart.Table[*Client]

// claims are who claims which prefix. Of several that claim one, the table has the one
// that goes before the others, and these wait for it to be gone. They have one writer.
type claims struct {
	// published is what others read. It is the table, but between expect and publish.
	published atomic.Pointer[prefixes]
	table     *prefixes
	// own is true while nobody else reads the table, and changed while it says something
	// else than they read.
	own, changed bool
	waiting      map[netip.Prefix][]*Client
}

func newClaims() *claims {
	c := &claims{table: new(prefixes), waiting: make(map[netip.Prefix][]*Client)}
	c.published.Store(c.table)
	return c
}

// many is from how many changes on a table is better copied whole than in part for each of
// them.
const many = 256

// expect says how many changes may follow before publish. Those of a first list are written
// into a table that nobody reads.
func (c *claims) expect(changes int) {
	if changes >= many && !c.own {
		c.table, c.own = c.table.Clone(), true
	}
}

// publish shows the changes.
func (c *claims) publish() {
	if c.changed {
		c.published.Store(c.table)
	} else {
		c.table = c.published.Load()
	}
	c.own, c.changed = false, false
}

// add makes client claim a prefix.
func (c *claims) add(prefix netip.Prefix, client *Client) {
	holder, held := c.table.Get(prefix)
	switch {
	case held && !client.goesBefore(holder):
		c.waiting[prefix] = append(c.waiting[prefix], client)
		return
	case held:
		c.waiting[prefix] = append(c.waiting[prefix], holder)
	}
	c.put(prefix, client)
}

// remove ends the claim of client, which add has been given.
func (c *claims) remove(prefix netip.Prefix, client *Client) {
	waiting := c.waiting[prefix]
	holder, _ := c.table.Get(prefix)
	switch at := slices.Index(waiting, client); {
	case at >= 0:
		c.wait(prefix, slices.Delete(waiting, at, at+1))
	case holder != client:
	case len(waiting) == 0:
		c.take(prefix)
	default:
		next := first(waiting)
		c.put(prefix, waiting[next])
		c.wait(prefix, slices.Delete(waiting, next, next+1))
	}
}

// first returns the index of the client that goes before the others.
func first(all []*Client) (at int) {
	for i, client := range all {
		if client.goesBefore(all[at]) {
			at = i
		}
	}
	return at
}

func (c *claims) wait(prefix netip.Prefix, waiting []*Client) {
	if len(waiting) == 0 {
		delete(c.waiting, prefix)
		return
	}
	c.waiting[prefix] = waiting
}

func (c *claims) put(prefix netip.Prefix, client *Client) {
	c.changed = true
	if c.own {
		c.table.Insert(prefix, client)
		return
	}
	c.table = c.table.InsertPersist(prefix, client)
}

func (c *claims) take(prefix netip.Prefix) {
	c.changed = true
	if c.own {
		c.table.Delete(prefix)
		return
	}
	c.table = c.table.DeletePersist(prefix)
}
