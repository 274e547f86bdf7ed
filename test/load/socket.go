package load

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

const (
	pace = time.Millisecond
	// readBuffer is as much as the kernel gives.
	readBuffer = 4 << 20
	// knownAnswers bounds the right answers of a query that a socket keeps.
	knownAnswers = 256
	idSize       = 2
)

// pending is a query without an answer yet.
type pending struct {
	query int
	sent  time.Time
}

// A socket is one client.
type socket struct {
	load *Load
	conn *net.UDPConn
	// next is the query to ask, and id the one of the last message.
	next int
	id   uint16

	mu      sync.Mutex
	waiting map[uint16]pending
	result  Result

	checked atomic.Int64

	// right has the answers, without their ids, that were checked and right in
	// an epoch. Only receive uses it.
	right []map[string]struct{}
	epoch uint64
}

func newSocket(l *Load, first int) (*socket, error) {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(l.server))
	if err != nil {
		return nil, err
	}
	s := &socket{load: l, conn: conn, next: first % len(l.queries), waiting: make(map[uint16]pending, l.window)}
	s.forget(0)
	return s, conn.SetReadBuffer(readBuffer)
}

func (s *socket) forget(epoch uint64) {
	s.epoch = epoch
	s.right = make([]map[string]struct{}, len(s.load.queries))
	for i := range s.right {
		s.right[i] = make(map[string]struct{})
	}
}

// send asks rate times per second until the load is over.
func (s *socket) send(rate float64) {
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	var owed float64
	last := time.Now()
	for {
		select {
		case <-s.load.over:
			return
		case <-ticker.C:
		}
		now := time.Now()
		owed = min(owed+rate*now.Sub(last).Seconds(), max(1, rate*longestDebt.Seconds()))
		last = now
		for free := s.free(now); owed >= 1 && free > 0; free-- {
			s.ask()
			owed--
		}
	}
}

// free returns how many queries may be asked, and takes note of those that are
// lost.
func (s *socket) free(now time.Time) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, p := range s.waiting {
		if now.Sub(p.sent) > answerLimit {
			delete(s.waiting, id)
			s.lose(p, errors.New("no answer"))
		}
	}
	return s.load.window - len(s.waiting)
}

func (s *socket) lose(p pending, err error) {
	s.result.Lost++
	s.result.note(fmt.Sprintf("%s: %s: lost: %v", p.sent.Format(time.StampMilli), s.load.queries[p.query], err))
}

func (s *socket) ask() {
	p := pending{query: s.next, sent: time.Now()}
	s.next = (s.next + 1) % len(s.load.queries)
	s.mu.Lock()
	s.result.Asked++
	for s.id++; ; s.id++ {
		if _, taken := s.waiting[s.id]; !taken {
			break
		}
	}
	s.waiting[s.id] = p
	s.mu.Unlock()
	if err := s.write(s.load.packed[p.query], s.id); err != nil {
		s.mu.Lock()
		delete(s.waiting, s.id)
		s.lose(p, err)
		s.mu.Unlock()
	}
}

func (s *socket) write(wire []byte, id uint16) error {
	m := slices.Clone(wire)
	binary.BigEndian.PutUint16(m, id)
	_, err := s.conn.Write(m)
	if errors.Is(err, syscall.ECONNREFUSED) {
		// The error is of a query before this one, which was not sent.
		_, err = s.conn.Write(m)
	}
	return err
}

// receive checks answers until the socket is closed.
func (s *socket) receive() {
	buffer := make([]byte, dns.MaxMsgSize)
	for {
		n, err := s.conn.Read(buffer)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err == nil && n >= idSize:
			s.got(buffer[:n])
		}
	}
}

func (s *socket) got(reply []byte) {
	id, now := binary.BigEndian.Uint16(reply), time.Now()
	s.mu.Lock()
	p, asked := s.waiting[id]
	delete(s.waiting, id)
	s.mu.Unlock()
	if !asked {
		return
	}
	err := s.check(p.query, reply)
	s.checked.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.result.Slowest = max(s.result.Slowest, now.Sub(p.sent))
	if err != nil {
		s.result.Wrong++
		s.result.note(fmt.Sprintf("%s: %s: %v", p.sent.Format(time.StampMilli), s.load.queries[p.query], err))
	}
}

func (s *socket) check(query int, reply []byte) error {
	if epoch := s.load.epoch.Load(); epoch != s.epoch {
		s.forget(epoch)
	}
	right := s.right[query]
	if _, known := right[string(reply[idSize:])]; known {
		return nil
	}
	m, q := new(dns.Msg), s.load.queries[query]
	if err := m.Unpack(reply); err != nil {
		return err
	}
	want := dns.Question{Name: q.Name, Qtype: q.Type, Qclass: dns.ClassINET}
	if !m.Response || len(m.Question) != 1 || m.Question[0] != want {
		return fmt.Errorf("this is no answer to the question:\n%v", m)
	}
	if err := q.Check(m); err != nil {
		return err
	}
	if len(right) < knownAnswers {
		right[string(reply[idSize:])] = struct{}{}
	}
	return nil
}

// await returns when no query waits for its answer any more.
func (s *socket) await() {
	for {
		s.free(time.Now())
		s.mu.Lock()
		left := len(s.waiting)
		s.mu.Unlock()
		if left == 0 {
			return
		}
		time.Sleep(pace)
	}
}

// addTo is called after send and receive have returned.
func (s *socket) addTo(r *Result) {
	r.Asked += s.result.Asked
	r.Checked += int(s.checked.Load())
	r.Wrong += s.result.Wrong
	r.Lost += s.result.Lost
	r.Slowest = max(r.Slowest, s.result.Slowest)
	for _, fault := range s.result.Faults {
		r.note(fault)
	}
}

func (q Query) String() string { return q.Name + " " + dns.TypeToString[q.Type] }
