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

// ask asks until ctx is done. Whatever is answered is right here: the metrics
// tell.
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
		// An answer that does not come in time is drawn as what it is.
		_, _, _ = client.ExchangeWithConn(question(), &dns.Conn{Conn: connection})
	}
}

// question draws one as clients ask them: mostly for Services and Pods, now and
// then for what is not there, does not fit or fails.
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
