// Package load asks a server for names at a steady rate, over UDP, and checks
// every answer. At 20,000 queries per second it needs a third of a core, with the
// race detector too, and it holds 60,000 beside a server on two cores.
//
// Read load.go first, then socket.go (one client), result.go, and drops.go (the
// queries that the kernel dropped).
package load

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

const (
	// sockets is enough for the server to see several clients.
	sockets = 4
	// widest is how many queries of one socket may wait for their answers at any
	// rate. All that wait fit into the socket that Linux gives the server by
	// default, so one that stands still for a while loses none: it holds 256
	// queries of usual size, a quarter of which may be read already and not yet
	// given back.
	widest = 30
	// allowedLag is how long a usual answer may take. No more queries wait than
	// are asked in this time: several loads of a low rate fit into one socket
	// of a server too.
	allowedLag = 10 * time.Millisecond
	// answerLimit is when a query without an answer is lost.
	answerLimit = 2 * time.Second
	// longestDebt is how far the sending may lag behind its rate and still catch
	// up. What lies further back is never asked.
	longestDebt = 100 * time.Millisecond
	// countInterval is how often the kernel's counters are read: that of a
	// socket goes when the socket is closed.
	countInterval = 100 * time.Millisecond
)

// A Query is a question, with the recursion desired and an EDNS size of 1232
// bytes, and a check of its answer.
type Query struct {
	// Name is absolute.
	Name string
	Type uint16
	// Check returns what is wrong with an answer. It is called from several
	// goroutines, and not again for an answer of the same bytes that was right,
	// until Forget. An answer to another question never gets here.
	Check func(*dns.Msg) error
}

// A Load is being put on a server.
type Load struct {
	server  netip.AddrPort
	queries []Query
	packed  [][]byte
	sockets []*socket
	drops   drops
	// window is how many queries of one socket may wait for their answers.
	window int

	began time.Time
	epoch atomic.Uint64
	over  chan struct{}
	done  sync.WaitGroup
	// waits is done when the last answers have been read.
	waits  sync.WaitGroup
	result func() Result
}

// Start asks the server at an address, such as 127.0.0.1:1053, the queries one
// after the other, rate of them per second. The caller calls Stop.
func Start(server string, rate int, queries ...Query) (*Load, error) {
	if rate <= 0 || len(queries) == 0 {
		return nil, errors.New("a load needs a rate above 0 and a query")
	}
	l := &Load{queries: queries, over: make(chan struct{})}
	l.window = min(widest, max(1, int(float64(rate)*allowedLag.Seconds()/sockets)))
	l.result = sync.OnceValue(l.end)
	var err error
	if l.server, err = netip.ParseAddrPort(server); err != nil {
		return nil, err
	}
	for _, q := range queries {
		m := new(dns.Msg).SetQuestion(q.Name, q.Type).SetEdns0(1232, false)
		wire, err := m.Pack()
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", q.Name, dns.TypeToString[q.Type], err)
		}
		l.packed = append(l.packed, wire)
	}
	return l, l.start(rate)
}

func (l *Load) start(rate int) error {
	for i := range sockets {
		s, err := newSocket(l, i)
		if err != nil {
			for _, opened := range l.sockets {
				opened.conn.Close()
			}
			return err
		}
		l.sockets = append(l.sockets, s)
	}
	l.drops = newDrops(l.server.Port())
	l.began = time.Now()
	for _, s := range l.sockets {
		l.done.Go(func() { s.send(float64(rate) / sockets) })
		l.waits.Go(s.receive)
	}
	l.done.Go(l.count)
	return nil
}

// count keeps the counters of the server's sockets up to date.
func (l *Load) count() {
	ticker := time.NewTicker(countInterval)
	defer ticker.Stop()
	for {
		select {
		case <-l.over:
			return
		case <-ticker.C:
			l.drops.read()
		}
	}
}

// Forget makes all answers be checked anew. Call it where an answer that was
// right may be wrong from now on.
func (l *Load) Forget() { l.epoch.Add(1) }

// Checked returns how many answers were checked so far.
func (l *Load) Checked() int {
	n := 0
	for _, s := range l.sockets {
		n += int(s.checked.Load())
	}
	return n
}

// Stop ends the queries, waits for their answers, and returns the Result. A
// second Stop returns the same.
func (l *Load) Stop() Result { return l.result() }

func (l *Load) end() Result {
	close(l.over)
	l.done.Wait()
	r := Result{Seconds: time.Since(l.began).Seconds()}
	for _, s := range l.sockets {
		s.await()
		s.conn.Close()
	}
	l.waits.Wait()
	l.drops.read()
	for _, s := range l.sockets {
		s.addTo(&r)
	}
	r.Overflowed = l.drops.total()
	return r
}
