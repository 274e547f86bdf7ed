package endpoints

import (
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/reload"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/status"
	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"
)

// boards are the status pages of the process, by address: stanzas that name the same one
// share it, also those of two generations across a reload.
var boards reload.Pool[netip.AddrPort, *board]

// board is one status page, and the stanzas that it shows.
type board struct {
	server *status.Server

	mu sync.Mutex
	// stanzas are those of one generation, or of two while a reload is under way: then the
	// last one counts.
	stanzas []*shown
}

// showings are the stanzas of each instance of the server that pages show.
var showings reload.Generations[*shown]

// show has a page show the stanza, if it wants one, and what its feed has.
func (s *shown) show(f *feed) error {
	at := s.stanza.Status
	if !at.IsValid() {
		return nil
	}
	b, err := boards.Hold(at, func(iter.Seq[*board]) (*board, error) {
		b := new(board)
		var err error
		b.server, err = status.Listen(at, b)
		return b, err
	})
	if err != nil {
		return fmt.Errorf("%s - status: %w", s.stanza.Lines["status"], err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s.feed = f
	b.stanzas = append(b.stanzas, s)
	s.hide = func() { b.hide(s) }
	return nil
}

// hide takes a stanza from the page.
func (b *board) hide(s *shown) {
	b.mu.Lock()
	b.stanzas = slices.DeleteFunc(b.stanzas, func(other *shown) bool { return other == s })
	b.mu.Unlock()
	boards.Release(s.stanza.Status)
}

// End implements reload.Ender.
func (b *board) End() { b.server.End() }

// views returns what is shown, in the order of the Corefile.
func (b *board) views() (all []*view) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.stanzas) == 0 {
		return nil
	}
	last := b.stanzas[len(b.stanzas)-1].generation
	for _, s := range b.stanzas {
		f := s.feed
		if s.generation != last {
			continue
		}
		at := slices.IndexFunc(all, func(v *view) bool { return v.feed == f })
		if at < 0 {
			at = len(all)
			all = append(all, &view{cache: f.cache, feed: f})
		}
		all[at].stanzas = append(all[at].stanzas, s)
	}
	for _, v := range all {
		v.number = len(all)
	}
	return all
}

// Overview implements status.Pages.
func (b *board) Overview(now time.Time) *v1.Overview { return newOverview(b.views(), now) }

// Services implements status.Pages.
func (b *board) Services(q *status.ServicesQuery) *v1.ServiceList { return listServices(b.views(), q) }

// Service implements status.Pages.
func (b *board) Service(q *status.ServiceQuery) *v1.Service {
	views := b.views()
	v, s := find(views, keyOf(q.Namespace, q.Name), q.Where)
	if v == nil {
		return nil
	}
	p := servicePage{view: v, query: q, key: keyOf(q.Namespace, q.Name), set: v.set(keyOf(q.Namespace, q.Name)), stanza: s}
	return p.page(views)
}

// History implements status.Pages.
func (b *board) History(q *status.HistoryQuery) *v1.History {
	views := b.views()
	if q.Name == "" {
		return serverHistory(views, q)
	}
	v, _ := find(views, keyOf(q.Namespace, q.Name), q.Where)
	if v == nil {
		return nil
	}
	return v.history(q, views)
}
