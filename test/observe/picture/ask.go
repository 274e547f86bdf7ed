package main

import (
	"context"
	"math/rand/v2"
	"net"
	"time"

	"github.com/miekg/dns"
)

// pace is the time between two questions.
const pace = 4 * time.Millisecond

// ask asks until ctx is done, and ignores the answers: the metrics count them.
func (s *stage) ask(ctx context.Context) error {
	connection, err := (&net.Dialer{}).DialContext(ctx, "udp", s.server.Address())
	if err != nil {
		return err
	}
	defer connection.Close()
	client := &dns.Client{Timeout: time.Second}
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		// A missing answer is no error here: the picture shows it.
		_, _, _ = client.ExchangeWithConn(question(), &dns.Conn{Conn: connection})
	}
}

// question draws a question as clients ask them: mostly for Services and Pods,
// now and then for a name that does not exist, fails or has an answer that does
// not fit.
func question() *dns.Msg {
	service := services[rand.IntN(len(services))]
	name, qtype := service, dns.TypeA
	switch draw := rand.IntN(100); {
	case draw < 30:
		name = podName(service, rand.IntN(pods)) + "." + service
	case draw < 45:
		qtype = dns.TypeAAAA
	case draw < 50:
		name = podName(service, pods) + "." + service
	case draw < 53:
		name = "many"
	case draw < 54:
		name = "outside"
	}
	m := new(dns.Msg)
	m.SetQuestion(name+"."+namespace+".svc.cluster.local.", qtype)
	m.SetEdns0(1232, false)
	return m
}
