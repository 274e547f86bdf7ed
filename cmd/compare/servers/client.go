package servers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"

	"github.com/miekg/dns"
	"golang.org/x/time/rate"
)

const (
	// bufferSize is the size of answers over UDP that clients usually offer, in bytes.
	bufferSize = 1232
	attempts   = 3
)

var errNotReady = errors.New("it has not read the cluster yet (Extended DNS Error 14)")

// A Client asks one server.
type Client struct {
	udp, tcp string
	timeout  time.Duration
	// limits are waited for before each question, in this order.
	limits []*rate.Limiter
}

// Address is where the server listens, host:port.
func (c *Client) Address() string { return c.udp }

// Ask returns the answer to a question. It asks up to three times, and gives up where the context ends.
func (c *Client) Ask(ctx context.Context, q differences.Question) (*dns.Msg, error) {
	var err error
	for range attempts {
		var m *dns.Msg
		if m, err = c.once(ctx, q); err == nil {
			return m, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return nil, fmt.Errorf("%s, asked %d times: %w", c.udp, attempts, err)
}

func (c *Client) once(ctx context.Context, q differences.Question) (*dns.Msg, error) {
	for _, limit := range c.limits {
		if err := limit.Wait(ctx); err != nil {
			return nil, err
		}
	}
	network, address := "udp", c.udp
	if q.Way == differences.OverTCP {
		network, address = "tcp", c.tcp
	}
	m := new(dns.Msg).SetQuestion(q.Name, q.Type)
	m.SetEdns0(bufferSize, false)
	exchange := dns.Client{Net: network, Timeout: c.timeout}
	reply, _, err := exchange.ExchangeContext(ctx, m, address)
	switch {
	case err != nil:
		return nil, err
	case reply.Rcode == dns.RcodeServerFailure && isNotReady(reply):
		return nil, errNotReady
	}
	return reply, nil
}

func isNotReady(m *dns.Msg) bool {
	opt := m.IsEdns0()
	if opt == nil {
		return false
	}
	for _, option := range opt.Option {
		if e, ok := option.(*dns.EDNS0_EDE); ok && e.InfoCode == dns.ExtendedErrorCodeNotReady {
			return true
		}
	}
	return false
}
