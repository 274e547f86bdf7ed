package hostile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/load"

	"github.com/miekg/dns"
)

const (
	heap = "go_memstats_heap_inuse_bytes"
	// names is how many random names come before the first look at the memory.
	// Ten times as many come before the second.
	names = 20_000
	// mostGrowth is by how many bytes the heap may differ without a leak: a
	// collection comes late or early. A leak of ten bytes for each name is
	// more.
	mostGrowth = 8 << 20
)

// flood sends messages as fast as the server reads them.
type flood struct {
	seed uint64
	// next returns a message to send.
	next func(r *rand.Rand) []byte
}

// clients send a window of messages, then a good question: when that is
// answered, the server has read the window. All messages that wait, with those
// of the load, fit into the server's socket.
const (
	clients  = 2
	window   = 10
	patience = 10 * time.Second
)

// run sends n messages, and returns how many replies came before those to the
// good questions.
func (f flood) run(t *testing.T, address string, n int) (replies int) {
	t.Helper()
	var running sync.WaitGroup
	got, failed := make([]int, clients), make([]error, clients)
	for i := range clients {
		conn, err := net.Dial("udp", address)
		must(t, err)
		running.Go(func() {
			defer conn.Close()
			r := rand.New(rand.NewPCG(f.seed, uint64(i)))
			for range n / clients / window {
				var in int
				in, failed[i] = f.sendWindow(conn, r)
				if got[i] += in; failed[i] != nil {
					return
				}
			}
		})
	}
	running.Wait()
	must(t, errors.Join(failed...))
	return got[0] + got[1]
}

// marker is a question that no random one equals, by its type.
var marker = dns.Question{Name: "dns-version.cluster.local.", Qtype: dns.TypeTXT, Qclass: dns.ClassINET}

func (f flood) sendWindow(conn net.Conn, r *rand.Rand) (replies int, err error) {
	for range window {
		if _, err := conn.Write(f.next(r)); err != nil {
			return 0, err
		}
	}
	last, err := new(dns.Msg).SetQuestion(marker.Name, marker.Qtype).Pack()
	if err != nil {
		return 0, err
	}
	if _, err := conn.Write(last); err != nil {
		return 0, err
	}
	buffer := make([]byte, dns.MaxMsgSize)
	for {
		if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			return replies, err
		}
		n, err := conn.Read(buffer)
		if err != nil {
			return replies, err
		}
		m := new(dns.Msg)
		if err := m.Unpack(buffer[:n]); err != nil {
			return replies, fmt.Errorf("cannot read a reply: %w", err)
		}
		if len(m.Question) == 1 && m.Question[0] == marker {
			return replies, nil
		}
		replies++
	}
}

// randomName returns a question for a name that does not exist, below each kind
// of name that does.
func randomName(r *rand.Rand) []byte {
	label := make([]byte, 1+r.IntN(20))
	for i := range label {
		label[i] = byte('a' + r.IntN(26))
	}
	suffix := []string{".good.default.svc.cluster.local.", ".default.svc.cluster.local.", ".svc.cluster.local.",
		".cluster.local.", "._tcp.good.default.svc.cluster.local.", ".in-addr.arpa."}[r.IntN(6)]
	qtype := []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypePTR, dns.TypeTXT, uint16(r.Uint32())}[r.IntN(6)]
	wire, err := new(dns.Msg).SetQuestion(string(label)+suffix, qtype).SetEdns0(1232, true).Pack()
	if err != nil {
		panic(err) // Such names always have a wire form.
	}
	return wire
}

// randomBytes returns a good question with some of its bytes changed or cut.
func randomBytes(r *rand.Rand) []byte {
	wire := randomName(r)
	for range 1 + r.IntN(8) {
		wire[r.IntN(len(wire))] = byte(r.Uint32())
	}
	if r.IntN(4) == 0 {
		wire = wire[:r.IntN(len(wire))]
	}
	if r.IntN(8) == 0 && len(wire) > 11 {
		binary.BigEndian.PutUint16(wire[10:], uint16(r.Uint32()))
	}
	return wire
}

func TestRandomNamesNeitherGrowMemoryNorLoseGoodAnswers(t *testing.T) {
	s := serve(t)
	f := flood{seed: rand.Uint64(), next: randomName}
	t.Logf("the seed of the random names is %d", f.seed)
	stop := s.startLoad(t, goodRate)
	asked := 0
	send := func(n int) float64 {
		began := time.Now()
		replies := f.run(t, s.Address(), n)
		asked += n
		f.seed++
		t.Logf("%d random names, %d replies, %.0f per second; the heap has %.1f MiB", n, replies, float64(replies)/time.Since(began).Seconds(), s.lowestHeap(t)/(1<<20))
		if replies < n/2 {
			t.Errorf("%d replies to %d random names", replies, n)
		}
		return s.lowestHeap(t)
	}
	before := send(names)
	after := send(10 * names)
	for until := time.Now().Add(*soak); time.Now().Before(until); {
		after = send(10 * names)
	}
	if after > before+mostGrowth {
		t.Errorf("the heap had %.1f MiB after %d random names, and %.1f MiB after %d", before/(1<<20), names, after/(1<<20), asked)
	}
	r := stop()
	s.panics(t)
	t.Logf("%v; %d random names; the server had up to %d MiB", r, asked, s.peakMemory(t))
}

// lowestHeap reads the size of the heap some times and returns the smallest
// one: the garbage was collected in between. To read metrics makes garbage too.
func (s serving) lowestHeap(t *testing.T) float64 {
	t.Helper()
	lowest := 0.0
	for i := range 20 {
		now, err := s.metric(t.Context(), heap, "")
		must(t, err)
		if i == 0 || now < lowest {
			lowest = now
		}
	}
	return lowest
}

// How fast the server is depends on the machine, and is no ground to fail.
func TestGoodAnswersBesideRandomNames(t *testing.T) {
	const rate, took = 100_000, 3 * time.Second
	s := serve(t)
	random := make([]load.Query, 0, 20_000)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range cap(random) {
		name := fmt.Sprintf("%016x-%d.good.default.svc.cluster.local.", r.Uint64(), i)
		random = append(random, load.Query{Name: name, Type: dns.TypeA, Check: is(dns.RcodeNameError)})
	}
	var mixed, only []load.Query
	for i := range random {
		only = append(only, goodQueries[i%len(goodQueries)])
		mixed = append(mixed, goodQueries[i%len(goodQueries)], random[i])
	}
	measure := func(queries []load.Query) load.Result {
		l, err := load.Start(s.Address(), rate, queries...)
		must(t, err)
		time.Sleep(took)
		r := l.Stop()
		if r.Wrong > 0 {
			t.Error(r.Err())
		}
		return r
	}
	alone, beside := measure(only), measure(mixed)
	perSecond := func(r load.Result, of float64) float64 { return float64(r.Checked) / r.Seconds * of }
	t.Logf("good answers per second: %.0f alone, %.0f beside as many random names, which is %.2f of their half",
		perSecond(alone, 1), perSecond(beside, 0.5), perSecond(beside, 1)/perSecond(alone, 1))
}

func TestRandomBytesHarmNobody(t *testing.T) {
	s := serve(t)
	f := flood{seed: rand.Uint64(), next: randomBytes}
	t.Logf("the seed of the random bytes is %d", f.seed)
	stop := s.startLoad(t, goodRate)
	sent, replies := 0, 0
	for until := time.Now().Add(max(*soak, 5*time.Second)); time.Now().Before(until); f.seed++ {
		const n = 2000
		replies += f.run(t, s.Address(), n)
		sent += n
	}
	r := stop()
	s.panics(t)
	t.Logf("%v; %d messages of random bytes, %d replies; the server had up to %d MiB", r, sent, replies, s.peakMemory(t))
}
