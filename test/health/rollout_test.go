// Package health tests, end to end, which endpoints are published: with real
// controllers, whose Pods are driven through the API, and with dig. Each test has a control
// plane. Those that wait most of the time do so side by side, after the one under a load.
package health

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var must = polltest.Must

const (
	// pods is how many Pods the StatefulSet has.
	pods = 10
	// late is how long an address may be answered after it has left.
	late = 100 * time.Millisecond
	// askers is how many clients ask at the same time, each one question after
	// the other.
	askers = 4
)

// rollout is a rolling restart, and the lives of its Pods.
type rollout struct {
	cluster   *cluster.Cluster
	namespace string

	mu sync.Mutex
	// gone has the addresses that were ready or serving, and when the slices no
	// longer said so; zero while they do.
	gone map[string]time.Time
	// named has the Pods that exist with an address in the slices, and since when.
	named map[string]time.Time
}

// TestARollingRestartLosesNothing restarts ten Pods, one after the other, as the
// StatefulSet controller does, while clients ask for the Service and for each
// Pod.
func TestARollingRestartLosesNothing(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	c := cluster.New(t)
	r := &rollout{cluster: c, namespace: c.Namespace(t), gone: make(map[string]time.Time), named: make(map[string]time.Time)}
	must(t, c.CreateService(ctx, cluster.HeadlessService(r.namespace, "db", map[string]string{"app": "db"}, cluster.Port("sql", corev1.ProtocolTCP, 5432))))
	for i := range pods {
		r.start(ctx, t, i, 0)
	}
	s := server.New(t, corefile(t, c, "pod_names all"))
	must(t, r.watch(ctx, t))
	must(t, poll.Until(ctx, func(ctx context.Context) error {
		answer, err := s.Dig(ctx, r.name(), "A", "+tcp")
		if err == nil && len(answer.Answer) != pods {
			err = fmt.Errorf("%d addresses", len(answer.Answer))
		}
		return err
	}))

	asking, stop := context.WithCancel(ctx)
	var load sync.WaitGroup
	results := make([]tally, askers)
	for i := range askers {
		load.Go(func() { results[i] = r.ask(asking, s.Address(), i) })
	}
	for i := pods - 1; i >= 0; i-- {
		r.restart(ctx, t, i)
	}
	stop()
	load.Wait()

	var total tally
	for _, result := range results {
		total.asked += result.asked
		total.wrong = append(total.wrong, result.wrong...)
	}
	t.Logf("%d answers checked during the restart of %d Pods, %d wrong", total.asked, pods, len(total.wrong))
	for _, wrong := range total.wrong[:min(len(total.wrong), 10)] {
		t.Error(wrong)
	}
	if total.asked < 1000 {
		t.Errorf("only %d answers were checked", total.asked)
	}
}

func (r *rollout) name() string { return "db." + r.namespace + ".svc.cluster.local." }

func podName(i int) string { return fmt.Sprintf("db-%d", i) }

// address of the Pod's n-th life.
func address(i, life int) string { return fmt.Sprintf("10.244.%d.%d", life+1, i+1) }

func (r *rollout) start(ctx context.Context, t *testing.T, i, life int) {
	t.Helper()
	must(t, r.cluster.CreatePod(ctx, cluster.Pod{
		Namespace: r.namespace, Name: podName(i), Labels: map[string]string{"app": "db"},
		Hostname: podName(i), Subdomain: "db",
	}))
	must(t, r.cluster.PodReady(ctx, r.namespace, podName(i), address(i, life)))
}

// restart takes a Pod through its end and into its next life: it terminates
// while it serves, then does not serve, then is gone; the new one has another
// address, and is not ready at first.
func (r *rollout) restart(ctx context.Context, t *testing.T, i int) {
	t.Helper()
	must(t, r.cluster.TerminatePod(ctx, r.namespace, podName(i)))
	r.await(ctx, t, address(i, 0), func(e *discoveryv1.Endpoint) bool { return e != nil && *e.Conditions.Terminating })
	must(t, r.cluster.PodUnready(ctx, r.namespace, podName(i)))
	r.await(ctx, t, address(i, 0), func(e *discoveryv1.Endpoint) bool { return e != nil && !*e.Conditions.Serving })
	r.forget(podName(i))
	must(t, r.cluster.DeletePod(ctx, r.namespace, podName(i)))
	r.await(ctx, t, address(i, 0), func(e *discoveryv1.Endpoint) bool { return e == nil })
	r.start(ctx, t, i, 1)
	r.await(ctx, t, address(i, 1), func(e *discoveryv1.Endpoint) bool { return e != nil && *e.Conditions.Ready })
}

// await waits until the slices give an address these conditions.
func (r *rollout) await(ctx context.Context, t *testing.T, address string, so func(*discoveryv1.Endpoint) bool) {
	t.Helper()
	must(t, poll.Until(ctx, func(ctx context.Context) error {
		all, err := r.cluster.Slices(ctx, r.namespace, "db")
		if err != nil {
			return err
		}
		if !so(find(all, address)) {
			return fmt.Errorf("the slices do not say so of %s yet", address)
		}
		return nil
	}))
}

func find(all []discoveryv1.EndpointSlice, address string) *discoveryv1.Endpoint {
	for _, s := range all {
		for i := range s.Endpoints {
			if slices.Contains(s.Endpoints[i].Addresses, address) {
				return &s.Endpoints[i]
			}
		}
	}
	return nil
}

// watch follows the slices: the test then knows when each change could be seen.
func (r *rollout) watch(ctx context.Context, t *testing.T) error {
	w, err := r.cluster.Clients().DiscoveryV1().EndpointSlices(r.namespace).Watch(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	t.Cleanup(w.Stop)
	go func() {
		for event := range w.ResultChan() {
			if s, ok := event.Object.(*discoveryv1.EndpointSlice); ok {
				r.see(s)
			}
		}
	}()
	return nil
}

func (r *rollout) see(s *discoveryv1.EndpointSlice) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, alive := time.Now(), make(map[string]bool)
	for _, e := range s.Endpoints {
		alive[e.Addresses[0]] = *e.Conditions.Ready || *e.Conditions.Serving
		if _, known := r.named[*e.Hostname]; !known && !*e.Conditions.Terminating {
			r.named[*e.Hostname] = now
		}
	}
	for life := range 2 {
		for i := range pods {
			a := address(i, life)
			since, known := r.gone[a]
			switch {
			case alive[a]:
				r.gone[a] = time.Time{}
			case known && since.IsZero():
				r.gone[a] = now
			}
		}
	}
}

// forget takes note that a Pod is about to be deleted: its name may go.
func (r *rollout) forget(pod string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.named, pod)
}

// tally counts the answers to a client.
type tally struct {
	asked int
	wrong []string
}

func (r *rollout) ask(ctx context.Context, server string, seed int) (seen tally) {
	client := &dns.Client{Timeout: 5 * time.Second}
	conn, err := client.Dial(server)
	if err != nil {
		return tally{wrong: []string{err.Error()}}
	}
	defer conn.Close()
	for n := seed; ctx.Err() == nil; n++ {
		pod := podName(n % pods)
		question := new(dns.Msg).SetQuestion(r.name(), dns.TypeA)
		if n%2 == 1 {
			question.SetQuestion(pod+"."+r.name(), dns.TypeA)
		}
		question.SetEdns0(1232, false)
		asked, existed := time.Now(), r.existed(pod)
		reply, _, err := client.ExchangeWithConn(question, conn)
		if err != nil {
			seen.wrong = append(seen.wrong, "lost: "+err.Error())
			return seen
		}
		seen.asked++
		seen.wrong = append(seen.wrong, r.check(reply, pod, asked, existed)...)
	}
	return seen
}

// existed reports whether the Pod's name must be answered: it exists for long
// enough, and is not about to go.
func (r *rollout) existed(pod string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	since, ok := r.named[pod]
	return ok && time.Since(since) > late
}

// check returns what is wrong with a reply.
func (r *rollout) check(reply *dns.Msg, pod string, asked time.Time, existed bool) (wrong []string) {
	ofPod := strings.HasPrefix(reply.Question[0].Name, pod+".")
	switch {
	case reply.Rcode == dns.RcodeSuccess:
	case !ofPod:
		wrong = append(wrong, fmt.Sprintf("%s for the Service", dns.RcodeToString[reply.Rcode]))
	case existed && r.existed(pod):
		wrong = append(wrong, fmt.Sprintf("%s for %s, which exists", dns.RcodeToString[reply.Rcode], pod))
	}
	if ofPod {
		return wrong // A Pod keeps its name while it exists, whatever its state.
	}
	if len(reply.Answer) == 0 {
		wrong = append(wrong, "no address for the Service")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rr := range reply.Answer {
		a := rr.(*dns.A).A.String()
		if since := r.gone[a]; !since.IsZero() && asked.Sub(since) > late {
			wrong = append(wrong, fmt.Sprintf("%s, %v after it had left", a, asked.Sub(since)))
		}
	}
	return wrong
}

// corefile reads the cluster with the options.
func corefile(t *testing.T, c *cluster.Cluster, options ...string) string {
	t.Helper()
	kubeconfig, err := c.Kubeconfig(cluster.AdminUser)
	must(t, err)
	return fmt.Sprintf(`cluster.local:{{.DNS}} in-addr.arpa:{{.DNS}} {
    bind 127.0.0.1
    k8s_endpoints {
        kubeconfig %s
        %s
    }
    ready 127.0.0.1:{{.Ready}}
    errors
}
`, kubeconfig, strings.Join(options, "\n        "))
}
