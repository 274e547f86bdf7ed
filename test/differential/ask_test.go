package differential

import (
	"errors"
	"fmt"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"

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
	question differences.Question
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
func (a *asker) ask(plugins string, q differences.Question) (*dns.Msg, error) {
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
	return nil, fmt.Errorf("%s over %s: %w", q, q.Way, all)
}

func (a *asker) once(plugins string, q differences.Question) (*dns.Msg, error) {
	network := "udp"
	if q.Way == differences.OverTCP {
		network = "tcp"
	}
	conn, err := a.connection(network, world.servers[plugins].Address())
	if err != nil {
		return nil, err
	}
	m := new(dns.Msg).SetQuestion(q.Name, q.Type)
	if q.Way != differences.SmallUDP {
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
