package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// askLimit bounds one question.
const askLimit = 500 * time.Millisecond

// Settle returns when a server knows what is new since the API server was away last: servers
// and controllers wait before they try again, the longer the more often it has gone. A life
// that begins with a server of the Node begins after that, so that it counts what is its own.
func (n *Node) Settle(ctx context.Context, s *Server) error {
	n.mu.Lock()
	returns, settled := n.returns, s.settled
	n.mu.Unlock()
	if settled == returns {
		return nil
	}
	const address = "192.0.2.1"
	name := n.takeName("settled")
	service := cluster.HeadlessService(metav1.NamespaceDefault, name, nil)
	if err := n.cluster.CreateService(ctx, service); err != nil {
		return err
	}
	slice := cluster.HandmadeSlice(metav1.NamespaceDefault, name, name, nil, address)
	// As controllers mark theirs, so that it comes the way that theirs come.
	slice.Labels[corev1.IsHeadlessService] = ""
	err := n.cluster.CreateSlice(ctx, slice)
	if err == nil {
		err = s.knows(ctx, fmt.Sprintf("%s.%s.svc.%s.", name, metav1.NamespaceDefault, Zone), address)
		err = errors.Join(err, n.cluster.DeleteSlice(ctx, metav1.NamespaceDefault, name))
	}
	if err = errors.Join(err, n.cluster.DeleteService(ctx, metav1.NamespaceDefault, name)); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	s.settled = max(s.settled, returns)
	return nil
}

// knows returns when the server answers with an address.
func (s *Server) knows(ctx context.Context, name, address string) error {
	client := &dns.Client{Timeout: askLimit}
	return poll.Until(ctx, func(ctx context.Context) error {
		answer, _, err := client.ExchangeContext(ctx, new(dns.Msg).SetQuestion(name, dns.TypeA), net.JoinHostPort(s.Address, "53"))
		if err != nil {
			return err
		}
		for _, rr := range answer.Answer {
			if a, ok := rr.(*dns.A); ok && a.A.String() == address {
				return nil
			}
		}
		return fmt.Errorf("%s says %s of %s, which there is since the API server is back", s.Name, dns.RcodeToString[answer.Rcode], name)
	})
}
