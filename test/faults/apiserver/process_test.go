package apiserver

import (
	"context"
	"errors"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
)

func TestProcessOfTheAPIServer(t *testing.T) {
	t.Parallel()
	c := cluster.New(t)
	must(t, c.Grant(within(t), cluster.CoreDNSUser, leastRights...))
	direct, err := c.Kubeconfig(cluster.CoreDNSUser)
	must(t, err)
	w := newWire(t, c)
	s := newSite(t, c, c.Namespace(t), direct, w.kubeconfig(c, cluster.CoreDNSUser))
	// An API server that starts may refuse at first, before it knows the rights.
	const losses = 2 * (1 + streams)
	s.sufferAll(
		fault{
			name: "the API server is killed", turnsAfter: true, losses: losses,
			begin: func(context.Context) error { return c.StopAPIServer() },
			end:   c.StartAPIServer,
		},
		fault{
			name: "the API server hangs", turnsAfter: true, losses: losses,
			begin: func(context.Context) error { return c.PauseAPIServer() },
			end:   func(context.Context) error { return c.ResumeAPIServer() },
		},
		fault{
			name: "the API server is started again with a compacted history", losses: losses, turnsAfter: true, lists: streams,
			begin: func(ctx context.Context) error {
				if err := w.close(ctx); err != nil {
					return err
				}
				// A change that is made now is only in etcd, without its
				// history.
				service := cluster.HeadlessService(s.namespace, "gone", nil, cluster.Port("sql", "TCP", 1))
				return errors.Join(
					c.CreateService(ctx, service),
					c.DeleteService(ctx, s.namespace, service.Name),
					c.StopAPIServer(),
					c.CompactHistory(ctx),
				)
			},
			end: func(ctx context.Context) error { return errors.Join(c.StartAPIServer(ctx), w.open(ctx)) },
		},
	)
}
