package health

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	corev1 "k8s.io/api/core/v1"
)

// stage is a namespace with Pods under a Service called web, and a server.
type stage struct {
	ctx       context.Context
	cluster   *cluster.Cluster
	server    *server.Server
	namespace string
}

func (s *stage) name(labels ...string) string {
	return strings.Join(append(labels, "web", s.namespace, "svc", "cluster.local."), ".")
}

func web(i int) string { return fmt.Sprintf("web-%d", i) }

// pod creates the i-th Pod. It has an address, and is not ready.
func (s *stage) pod(t *testing.T, i int) {
	t.Helper()
	must(t, s.cluster.CreatePod(s.ctx, cluster.Pod{
		Namespace: s.namespace, Name: web(i), Labels: map[string]string{"app": "web"}, Hostname: web(i), Subdomain: "web",
	}))
	must(t, s.cluster.PodReady(s.ctx, s.namespace, web(i), fmt.Sprintf("10.244.9.%d", i)))
}

// expect waits until dig sees status, the last label of each answer's data (or
// the data itself) and the Extended DNS Error.
func (s *stage) expect(t *testing.T, what, qname, qtype, status, ede string, data ...string) {
	t.Helper()
	must(t, poll.Until(s.ctx, func(ctx context.Context) error {
		answer, err := s.server.Dig(ctx, qname, qtype)
		if err != nil {
			return err
		}
		var got []string
		for _, line := range answer.Answer {
			fields := strings.Fields(line)
			got = append(got, strings.Join(fields[4:], " "))
		}
		slices.Sort(got)
		if answer.Status != status || !slices.Equal(got, data) || !slices.Equal(answer.EDE, note(ede)) {
			return fmt.Errorf("%s: %s %s: got %s %q, EDE %q; want %s %q, EDE %q",
				what, qname, qtype, answer.Status, got, answer.EDE, status, data, note(ede))
		}
		return nil
	}))
}

func note(text string) []string {
	if text == "" {
		return nil
	}
	return []string{"0 (Other): (" + text + ")"}
}

func TestTiersAsPodsComeAndGo(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	c := cluster.New(t)
	s := &stage{ctx: ctx, cluster: c, namespace: c.Namespace(t)}
	s.server = server.New(t, corefile(t, c, "pod_names all", "fail_open 50", "srv_tiers", "explain"))
	must(t, c.CreateService(ctx, cluster.HeadlessService(s.namespace, "web", map[string]string{"app": "web"}, cluster.Port("http", corev1.ProtocolTCP, 80))))
	in := s.namespace + "/web"

	s.expect(t, "a Service without Pods", s.name(), "A", "NXDOMAIN", in+" has no endpoints")
	for i := range 3 {
		s.pod(t, i)
	}
	all := []string{"10.244.9.0", "10.244.9.1", "10.244.9.2"}
	s.expect(t, "all are ready", s.name(), "A", "NOERROR", "", all...)
	s.expect(t, "no such Pod", s.name("web-7"), "A", "NXDOMAIN", "no such endpoint in "+in)

	must(t, c.PodUnready(ctx, s.namespace, web(0)))
	s.expect(t, "one is sick", s.name(), "A", "NOERROR", "", all[1:]...)
	s.expect(t, "the sick one keeps its name", s.name(web(0)), "A", "NOERROR", "", all[0])

	must(t, c.PodUnready(ctx, s.namespace, web(1)))
	s.expect(t, "too many are sick", s.name(), "A", "NOERROR", "fail open: 1 of 3 serving", all...)
	must(t, c.PodReady(ctx, s.namespace, web(0)))
	must(t, c.PodReady(ctx, s.namespace, web(1)))
	s.expect(t, "all are ready again", s.name(), "A", "NOERROR", "", all...)

	must(t, c.TerminatePod(ctx, s.namespace, web(0)))
	s.expect(t, "what drains is a backup", s.name(), "SRV", "NOERROR", "",
		"0 100 80 "+s.name(web(1)), "0 100 80 "+s.name(web(2)), "20 100 80 "+s.name(web(0)))
	must(t, c.TerminatePod(ctx, s.namespace, web(1)))
	must(t, c.TerminatePod(ctx, s.namespace, web(2)))
	s.expect(t, "all drain", s.name(), "A", "NOERROR", "draining endpoints only", all...)
	for i := range 3 {
		must(t, c.PodUnready(ctx, s.namespace, web(i)))
	}
	s.expect(t, "all die", s.name(), "A", "NOERROR", "no endpoint is ready: 3 dying")
	for i := range 3 {
		must(t, c.DeletePod(ctx, s.namespace, web(i)))
	}
	s.expect(t, "all are gone", s.name(), "A", "NXDOMAIN", in+" has no endpoints")
}

func TestAPodThatFlapsIsLeftOutForAWhile(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	c := cluster.New(t)
	s := &stage{ctx: ctx, cluster: c, namespace: c.Namespace(t)}
	// The penalty of three flaps is below the threshold again in some 20 seconds.
	s.server = server.New(t, corefile(t, c, "damping on 10s", "explain"))
	must(t, c.CreateService(ctx, cluster.HeadlessService(s.namespace, "web", map[string]string{"app": "web"})))
	var all []string
	for i := range 5 {
		s.pod(t, i)
		all = append(all, fmt.Sprintf("10.244.9.%d", i))
	}
	s.expect(t, "all are ready", s.name(), "A", "NOERROR", "", all...)

	for flap := 1; ; flap++ {
		down := time.Now()
		must(t, c.PodUnready(ctx, s.namespace, web(0)))
		s.expect(t, "leaving is never slowed", s.name(), "A", "NOERROR", "", all[1:]...)
		// Flaps closer than a second are one.
		must(t, poll.Until(ctx, func(context.Context) error {
			if time.Since(down) < 1100*time.Millisecond {
				return errors.New("too soon for another flap")
			}
			return nil
		}))
		must(t, c.PodReady(ctx, s.namespace, web(0)))
		if flap == 3 {
			break
		}
		s.expect(t, "one or two flaps are forgiven", s.name(), "A", "NOERROR", "", all...)
	}
	s.awaitTier(t, web(0), "damped")
	s.expect(t, "it flapped", s.name(), "A", "NOERROR", "", all[1:]...)
	s.expect(t, "it keeps its name", s.name(web(0)), "A", "NOERROR", "", all[0])
	// Nothing happens in the cluster meanwhile.
	s.expect(t, "it is steady", s.name(), "A", "NOERROR", "", all...)
	s.awaitTier(t, web(0), "good")
}

// awaitTier waits until _explain gives an endpoint the tier.
func (s *stage) awaitTier(t *testing.T, endpoint, tier string) {
	t.Helper()
	must(t, poll.Until(s.ctx, func(ctx context.Context) error {
		answer, err := s.server.Dig(ctx, s.name("_explain"), "TXT")
		if err != nil {
			return err
		}
		for _, line := range answer.Answer {
			_, text, _ := strings.Cut(line, `"`)
			if fields := strings.Fields(text); fields[0] == endpoint && fields[2] == tier {
				return nil
			}
		}
		return fmt.Errorf("%s is not %s: %q", endpoint, tier, answer.Answer)
	}))
}

func TestAServiceSaysHowItIsPublished(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	c := cluster.New(t)
	s := &stage{ctx: ctx, cluster: c, namespace: c.Namespace(t)}
	s.server = server.New(t, corefile(t, c, "explain"))
	service := cluster.HeadlessService(s.namespace, "web", map[string]string{"app": "web"}, cluster.Port("http", corev1.ProtocolTCP, 80))
	service.Spec.PublishNotReadyAddresses = true
	must(t, c.CreateService(ctx, service))
	for i := range 2 {
		s.pod(t, i)
	}
	must(t, c.PodUnready(ctx, s.namespace, web(0)))
	s.expect(t, "publishNotReadyAddresses", s.name(), "A", "NOERROR", "", "10.244.9.0", "10.244.9.1")

	annotate := func(annotations string) {
		t.Helper()
		must(t, c.PatchService(ctx, s.namespace, "web", `{"metadata":{"annotations":`+annotations+`}}`))
	}
	annotate(`{"k8s-endpoints.coredns.io/publish":"serving","k8s-endpoints.coredns.io/pod-names":"all"}`)
	s.expect(t, "clients get what serves", s.name(), "A", "NOERROR", "", "10.244.9.1")
	s.expect(t, "peers get all names", s.name(web(0)), "A", "NOERROR", "", "10.244.9.0")

	must(t, c.PodReady(ctx, s.namespace, web(0)))
	s.expect(t, "both serve", s.name(), "A", "NOERROR", "", "10.244.9.0", "10.244.9.1")
	annotate(`{"k8s-endpoints.coredns.io/drain":"web-1"}`)
	s.expect(t, "one is taken out", s.name(), "A", "NOERROR", "", "10.244.9.0")
	s.expect(t, "and keeps its name", s.name(web(1)), "A", "NOERROR", "", "10.244.9.1")
	s.explained(t, `policy: publish serving, pod_names all, fallback draining, fail_open off, damping off, srv_tiers published`,
		"web-0 10.244.9.0 good since", "web-1 10.244.9.1 draining since")

	annotate(`{"k8s-endpoints.coredns.io/ttl":"soon","k8s-endpoints.coredns.io/negative-ttl":"9"}`)
	must(t, poll.Until(ctx, func(ctx context.Context) error {
		answer, err := s.server.Dig(ctx, s.name("no"), "A")
		if err == nil && (len(answer.Authority) != 1 || strings.Fields(answer.Authority[0])[1] != "9") {
			err = fmt.Errorf("the authority is %q", answer.Authority)
		}
		return err
	}))
	s.expect(t, "a bad annotation takes nothing with it", s.name(), "A", "NOERROR", "", "10.244.9.0")
	complaint := "Left out the Service annotation " + s.namespace + "/web: annotation k8s-endpoints.coredns.io/ttl: want a whole number in range [0, 3600], not \"soon\""
	if n := strings.Count(s.server.Log(), complaint); n != 1 {
		t.Errorf("%q was logged %d times in\n%s", complaint, n, s.server.Log())
	}
}

// explained checks the beginnings of the lines of _explain.
func (s *stage) explained(t *testing.T, want ...string) {
	t.Helper()
	answer := s.server.MustDig(t, s.name("_explain"), "TXT")
	var got []string
	for _, line := range answer.Answer {
		_, text, _ := strings.Cut(line, `"`)
		got = append(got, text)
	}
	slices.Sort(got)
	if len(got) != len(want) {
		t.Fatalf("got %q", got)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("got %q, want %q", got[i], want[i])
		}
	}
}
