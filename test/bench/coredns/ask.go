package coredns

import (
	"context"
	"fmt"
	"time"

	"github.com/miekg/dns"
)

// askLimit bounds the wait for one answer: a later one is as good as none.
const askLimit = time.Second

// Ask sends the question over UDP, once, and returns the answer.
func Ask(ctx context.Context, address string, question *dns.Msg) (*dns.Msg, error) {
	client := dns.Client{Timeout: askLimit, UDPSize: dns.MaxMsgSize}
	answer, _, err := client.ExchangeContext(ctx, question, address)
	return answer, err
}

// Await asks the question every step until accept takes the answer, and returns
// when that was.
func (p *Process) Await(ctx context.Context, address string, question *dns.Msg, step time.Duration, accept func(*dns.Msg) error) (time.Time, error) {
	client := dns.Client{Timeout: askLimit, UDPSize: dns.MaxMsgSize}
	// UDP has no connections: this is a socket, and opens without a server.
	conn, err := client.DialContext(ctx, address)
	if err != nil {
		return time.Time{}, err
	}
	defer conn.Close()
	ticker := time.NewTicker(step)
	defer ticker.Stop()
	for {
		answer, _, err := client.ExchangeWithConnContext(ctx, question, conn)
		now := time.Now()
		if err == nil {
			err = accept(answer)
		}
		if err == nil {
			return now, nil
		}
		select {
		case <-ctx.Done():
			return now, fmt.Errorf("%s: %w (%w); %w", question.Question[0].String(), err, context.Cause(ctx), p.Failure())
		case <-p.Done():
			return now, p.Failure()
		case <-ticker.C:
		}
	}
}
