package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/gate"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	discoveryv1 "k8s.io/api/discovery/v1"
)

const corefile = `cluster.local:{{.DNS}} {
    bind 127.0.0.1
    ready 127.0.0.1:{{.Ready}}
    prometheus 127.0.0.1:{{.Metrics}}
    k8s_endpoints {
        kubeconfig KUBECONFIG
        snapshot SNAPSHOT
        fail_open 60
        damping observe
    }
}
fails.test:{{.DNS}} {
    bind 127.0.0.1
    prometheus 127.0.0.1:{{.Metrics}}
    template ANY ANY {
        rcode SERVFAIL
    }
}
`

// namespace is where all happens.
const namespace = "shop"

// stage is a control plane with a server, and a gate between the two.
type stage struct {
	dir     string
	cluster *cluster.Cluster
	gate    *gate.Gate
	server  *server.Server
	events  []event
}

func start(ctx context.Context) (_ *stage, err error) {
	s := &stage{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	if s.dir, err = os.MkdirTemp("", "k8s_endpoints-picture-"); err != nil {
		return nil, err
	}
	if s.cluster, err = cluster.Start(ctx); err != nil {
		return nil, err
	}
	if s.gate, err = gate.New(s.cluster); err != nil {
		return nil, err
	}
	kubeconfig := filepath.Join(s.dir, "kubeconfig")
	if err := s.gate.WriteKubeconfig(kubeconfig, s.cluster.Config(cluster.AdminUser).BearerToken); err != nil {
		return nil, err
	}
	s.server, err = server.Start(ctx, strings.NewReplacer(
		"KUBECONFIG", kubeconfig, "SNAPSHOT", filepath.Join(s.dir, "snapshot"),
	).Replace(corefile))
	if err != nil {
		return nil, err
	}
	return s, s.cluster.CreateNamespace(ctx, namespace)
}

func (s *stage) stop() error {
	var err error
	if s.server != nil {
		err = s.server.Stop()
	}
	if s.gate != nil {
		s.gate.Close()
	}
	if s.cluster != nil {
		err = errors.Join(err, s.cluster.Stop())
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// act is what happens to the cluster at a time since the start.
type act struct {
	at   time.Duration
	what string
	do   func(context.Context) error
}

const pods = 20

// play asks questions and acts meanwhile, and returns what was done.
func (s *stage) play(ctx context.Context) ([]event, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	asked := make(chan error, 1)
	go func() { asked <- s.ask(ctx) }()
	began := time.Now()
	for _, a := range s.acts() {
		if err := waitUntil(ctx, began.Add(a.at)); err != nil {
			return nil, err
		}
		if a.what != "" {
			s.events = append(s.events, event{At: time.Now(), What: a.what})
		}
		if err := a.do(ctx); err != nil {
			return nil, fmt.Errorf("%v after the start: %w", a.at, err)
		}
	}
	cancel()
	return s.events, <-asked
}

// acts are the acts, in order.
func (s *stage) acts() []act {
	second := func(n int) time.Duration { return time.Duration(n) * time.Second }
	all := []act{{second(5), "Services come up", s.comeUp}}
	for i := range pods {
		what := ""
		if i == 0 {
			what = "rollout"
		}
		all = append(all, act{second(45 + i), what, func(ctx context.Context) error { return s.replace(ctx, i) }})
	}
	all = append(all,
		act{second(80), "false alarm", func(ctx context.Context) error { return s.alarm(ctx, s.cluster.PodUnready) }},
		act{second(105), "", func(ctx context.Context) error { return s.alarm(ctx, s.ready) }},
		act{second(125), "flapping", func(context.Context) error { return nil }},
	)
	for i := range 10 {
		all = append(all,
			act{second(125 + 2*i), "", func(ctx context.Context) error { return s.flap(ctx, s.cluster.PodUnready) }},
			act{second(126 + 2*i), "", func(ctx context.Context) error { return s.flap(ctx, s.ready) }},
		)
	}
	return append(all,
		act{second(155), "API server away", func(context.Context) error { s.gate.Close(); return nil }},
		act{second(195), "API server back", func(context.Context) error { return s.gate.ExpireAll() }},
		act{second(240), "", func(context.Context) error { return nil }},
	)
}

func waitUntil(ctx context.Context, at time.Time) error {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func podName(service string, i int) string { return fmt.Sprintf("%s-%d", service, i) }

// services are those with many Pods, each with a network of its own, and lone is
// one with a single Pod.
var services = []string{"web", "db", "queue"}

const lone = "mail"

func podsOf(service string) int {
	if service == lone {
		return 1
	}
	return pods
}

// comeUp makes three Services of Pods, one of more endpoints than fit into a
// datagram, an external name that fails, and a slice that is wrong.
func (s *stage) comeUp(ctx context.Context) error {
	var addresses []string
	for i := range 200 {
		addresses = append(addresses, fmt.Sprintf("10.244.9.%d", i+1))
	}
	bad := cluster.HandmadeSlice(namespace, "bad", "many", nil)
	bad.AddressType, bad.Endpoints = discoveryv1.AddressTypeFQDN, []discoveryv1.Endpoint{{Addresses: []string{"web.example.org"}}}
	err := errors.Join(
		s.cluster.CreateService(ctx, cluster.HeadlessService(namespace, "many", nil)),
		s.cluster.CreateSlice(ctx, cluster.HandmadeSlice(namespace, "many-1", "many", nil, addresses...)),
		s.cluster.CreateSlice(ctx, bad),
		s.cluster.CreateService(ctx, cluster.ExternalNameService(namespace, "outside", "web.fails.test")),
	)
	for _, service := range append([]string{lone}, services...) {
		app := map[string]string{"app": service}
		err = errors.Join(err, s.cluster.CreateService(ctx, cluster.HeadlessService(namespace, service, app)))
		for i := range podsOf(service) {
			err = errors.Join(err, s.run(ctx, service, i, 1))
		}
	}
	return err
}

// run makes a Pod, and makes it ready.
func (s *stage) run(ctx context.Context, service string, i, generation int) error {
	name := podName(service, i)
	err := s.cluster.CreatePod(ctx, cluster.Pod{
		Namespace: namespace, Name: name, Labels: map[string]string{"app": service}, Hostname: name, Subdomain: service,
	})
	if err != nil {
		return err
	}
	return s.cluster.PodReady(ctx, namespace, name, address(service, i, generation))
}

func address(service string, i, generation int) string {
	return fmt.Sprintf("10.244.%d.%d", len(service), 100*generation+i)
}

// ready makes a Pod ready again, at the addresses that it has.
func (s *stage) ready(ctx context.Context, in, name string) error {
	return s.cluster.PodReady(ctx, in, name)
}

// replace takes a Pod of the Service web away, and puts a new one in its place.
func (s *stage) replace(ctx context.Context, i int) error {
	name := podName("web", i)
	if err := s.cluster.TerminatePod(ctx, namespace, name); err != nil {
		return err
	}
	if err := waitUntil(ctx, time.Now().Add(500*time.Millisecond)); err != nil {
		return err
	}
	if err := s.cluster.DeletePod(ctx, namespace, name); err != nil {
		return err
	}
	return s.run(ctx, "web", i, 2)
}

// alarm does something to three quarters of the Pods of the Service db.
func (s *stage) alarm(ctx context.Context, do func(ctx context.Context, namespace, name string) error) error {
	var err error
	for i := range pods * 3 / 4 {
		err = errors.Join(err, do(ctx, namespace, podName("db", i)))
	}
	return err
}

// flap does something to one Pod of the Service db, and to the only one of the
// Service lone.
func (s *stage) flap(ctx context.Context, do func(ctx context.Context, namespace, name string) error) error {
	return errors.Join(do(ctx, namespace, podName("db", 1)), do(ctx, namespace, podName(lone, 0)))
}
