package differential

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	// largeBuffer is a size of EDNS, in bytes, that all answers but that of the
	// biggest Service fit into.
	largeBuffer = 16 << 10
	askLimit    = 20 * time.Second
	// attempts is how often a question is asked again after its connection
	// broke: a server may close one at any time.
	attempts = 2
)

// An asker asks servers, one question at a time, over connections of its own.
type asker struct {
	conns map[string]*dns.Conn
	// answers are those to the questions since forget.
	answers map[asked]*dns.Msg
}

type asked struct {
	plugins  string
	question question
}

func newAsker() *asker {
	return &asker{conns: make(map[string]*dns.Conn), answers: make(map[asked]*dns.Msg)}
}

// forget lets all questions be asked anew.
func (a *asker) forget() { clear(a.answers) }

func (a *asker) close() {
	for _, conn := range a.conns {
		conn.Close()
	}
}

// ask returns the whole answer of the server that has these plugins, to which
// nobody may write.
func (a *asker) ask(plugins string, q question) (*dns.Msg, error) {
	key := asked{plugins, q}
	if m := a.answers[key]; m != nil {
		return m, nil
	}
	var all error
	for range attempts {
		m, err := a.once(plugins, q)
		if err == nil {
			a.answers[key] = m
			return m, nil
		}
		all = errors.Join(all, err)
	}
	return nil, fmt.Errorf("%s over %s: %w", q, q.way, all)
}

func (a *asker) once(plugins string, q question) (*dns.Msg, error) {
	network := "udp"
	if q.way == overTCP {
		network = "tcp"
	}
	conn, err := a.connection(network, world.servers[plugins].Address())
	if err != nil {
		return nil, err
	}
	m := new(dns.Msg).SetQuestion(q.name, q.typ)
	if q.way != smallUDP {
		m.SetEdns0(largeBuffer, false)
	}
	reply, err := exchange(conn, m)
	if err != nil {
		conn.Close()
		delete(a.conns, network+world.servers[plugins].Address())
		return nil, err
	}
	return reply, nil
}

func (a *asker) connection(network, address string) (*dns.Conn, error) {
	key := network + address
	if conn := a.conns[key]; conn != nil {
		return conn, nil
	}
	conn, err := dns.Dial(network, address)
	if err != nil {
		return nil, err
	}
	conn.UDPSize = dns.MaxMsgSize
	a.conns[key] = conn
	return conn, nil
}

func exchange(conn *dns.Conn, m *dns.Msg) (*dns.Msg, error) {
	if err := conn.SetDeadline(time.Now().Add(askLimit)); err != nil {
		return nil, err
	}
	if err := conn.WriteMsg(m); err != nil {
		return nil, err
	}
	reply, err := conn.ReadMsg()
	switch {
	case err != nil:
		return nil, err
	case reply.Id != m.Id:
		return nil, errors.New("the answer has another id than the question")
	}
	return reply, nil
}

// show writes a whole message for a comparison: all but its id, the order in
// its sections and the serial numbers of SOA records.
func show(m *dns.Msg) string {
	var b strings.Builder
	header := m.MsgHdr
	header.Id = 0
	fmt.Fprintln(&b, strings.TrimSpace(strings.ReplaceAll(header.String(), "\n", " ")))
	for _, asked := range m.Question {
		fmt.Fprintln(&b, "question", asked.String())
	}
	for _, section := range []struct {
		name    string
		records []dns.RR
	}{{"answer", m.Answer}, {"authority", m.Ns}, {"additional", m.Extra}} {
		var lines []string
		for _, rr := range section.records {
			lines = append(lines, section.name+" "+showRecord(rr))
		}
		slices.Sort(lines)
		for _, line := range lines {
			fmt.Fprintln(&b, line)
		}
	}
	return b.String()
}

func showRecord(rr dns.RR) string {
	switch rr := rr.(type) {
	case *dns.SOA:
		same := *rr
		same.Serial = 0
		return strings.ReplaceAll(same.String(), "\t", " ")
	case *dns.OPT:
		return "EDNS" + strings.Join(strings.Fields(rr.String()), " ")
	}
	return strings.ReplaceAll(rr.String(), "\t", " ")
}
