package resolvers

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"
	"github.com/k8s-endpoints/k8s_endpoints/test/documents"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const nodeLocalName = "NodeLocal DNSCache"

// nodeLocal is NodeLocal DNSCache as Kubernetes installs it, for names of the cluster,
// and for the second zone of the tests.
const nodeLocal = `cluster.local:{{.DNS}} bounded.local:{{.DNS}} {
    bind 127.0.0.1
    errors
    cache {
        success 9984 30
        denial 9984 5
    }
    forward . UPSTREAM {
        force_tcp
    }
}
`

// asShipped are the lines of nodeLocal that docs/operations.md has others for.
const (
	asShipped = indent + "success 9984 30\n" + indent + "denial 9984 5\n"
	indent    = "        "
)

// newNodeLocal starts the cache with its own lines, or with those of the document.
func newNodeLocal(t *testing.T, upstream, lines string) string {
	t.Helper()
	corefile := strings.Replace(nodeLocal, asShipped, lines, 1)
	return server.New(t, strings.Replace(corefile, "UPSTREAM", upstream, 1)).Address()
}

// documentedLines are the two lines of docs/operations.md for the cache.
func documentedLines(t *testing.T) string {
	t.Helper()
	lines, err := documents.Fenced(t.Context(), documents.Operations, "NodeLocal DNSCache keeps negative answers", "txt")
	must(t, err)
	if strings.Count(lines, "\n") != 2 {
		t.Fatalf("docs/operations.md has not two lines for NodeLocal DNSCache:\n%s", lines)
	}
	return indent + strings.ReplaceAll(strings.TrimSuffix(lines, "\n"), "\n", "\n"+indent) + "\n"
}

const (
	// soon is half a second more than a negative answer may be kept.
	soon = 1500 * time.Millisecond
	// soonRounded is the same for those who count in whole seconds, and so keep it for up
	// to one more.
	soonRounded = soon + time.Second
	// late is longer than any resolver here keeps a negative answer.
	late = 15 * time.Second
)

// found returns how long after now a name that is denied gets an address.
func found(t *testing.T, at, name string) time.Duration {
	t.Helper()
	begun := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), late)
	defer cancel()
	must(t, poll.Until(ctx, func(ctx context.Context) error {
		a, err := exchange(ctx, at, name)
		if err == nil && len(a.Answer) == 0 {
			err = fmt.Errorf("%s is %s", name, dns.RcodeToString[a.Rcode])
		}
		return err
	}))
	return time.Since(begun)
}

// exchange asks as dig does, at less cost: some ask often.
func exchange(ctx context.Context, at, name string) (*dns.Msg, error) {
	m := new(dns.Msg).SetQuestion(name, dns.TypeA)
	m.SetEdns0(dns.DefaultMsgSize, false)
	a, _, err := new(dns.Client).ExchangeContext(ctx, m, at)
	return a, err
}

// wantDenied asks for a name that is not there yet.
func wantDenied(t *testing.T, at, name string) {
	t.Helper()
	a, err := exchange(within(t), at, name)
	must(t, err)
	if a.Rcode != dns.RcodeNameError {
		t.Fatalf("%s: got %s, want NXDOMAIN", name, dns.RcodeToString[a.Rcode])
	}
}

// A newcomer is a Service of one endpoint, in a namespace.
type newcomer struct {
	*cluster.Cluster
	namespace, name string
}

func (n newcomer) dnsName() string { return n.name + "." + n.namespace + ".svc.cluster.local." }

// createService creates the Service, without a slice.
func (n newcomer) createService(t *testing.T) {
	t.Helper()
	must(t, n.CreateService(within(t), cluster.HeadlessService(n.namespace, n.name, nil, cluster.Port("sql", corev1.ProtocolTCP, sql))))
}

func (n newcomer) slice(ready bool) *discoveryv1.EndpointSlice {
	s := slice(n.name, 0, endpoint("198.18.10.1", "", ready))
	s.Namespace = n.namespace
	return s
}

// appear makes a Service that was not there before, and returns how long it takes to
// be found.
func (n newcomer) appear(t *testing.T, at string) time.Duration {
	t.Helper()
	wantDenied(t, at, n.dnsName())
	n.createService(t)
	must(t, n.CreateSlice(within(t), n.slice(true)))
	return found(t, at, n.dnsName())
}

// becomeReady makes the endpoint of a Service ready, and returns how long it takes to
// be found.
func (n newcomer) becomeReady(t *testing.T, direct, at string) time.Duration {
	t.Helper()
	n.createService(t)
	must(t, n.CreateSlice(within(t), n.slice(false)))
	until(t, func(ctx context.Context) error {
		a, err := exchange(ctx, direct, n.dnsName())
		if err == nil && !strings.Contains(a.String(), "1 starting") {
			err = fmt.Errorf("the endpoint is not known yet:\n%s", a)
		}
		return err
	})
	wantDenied(t, at, n.dnsName())
	_, err := n.Clients().DiscoveryV1().EndpointSlices(n.namespace).Update(within(t), n.slice(true), metav1.UpdateOptions{})
	must(t, err)
	return found(t, at, n.dnsName())
}

func TestANameThatWasAskedForTooEarlyIsFoundSoon(t *testing.T) {
	inside(t)
	c := shared.Get(t)
	in := c.Namespace(t)
	direct := newStack(t, "kubeconfig ADMIN admin").Address()
	behind := func(r resolver, told string) func(*testing.T) string {
		return func(t *testing.T) string { return r.start(t, told+r.forward, direct) }
	}
	for i, test := range []struct {
		name string
		// start returns where to ask.
		start func(t *testing.T) string
		// A name is found after least, and not after bound.
		least, bound time.Duration
	}{
		{"nothing", func(*testing.T) string { return direct }, 0, soon},
		{"Unbound", behind(unbound, ""), 0, soonRounded},
		{"Unbound that keeps no negative answers", behind(unbound, "server:\n    cache-max-negative-ttl: 0\n"), 0, soon},
		{"dnsmasq", behind(dnsmasq, ""), 0, soon},
		{"PowerDNS Recursor", behind(recursor, ""), 0, soon},
		{"BIND", behind(bind, ""), 0, soon},
		{"systemd-resolved", behind(resolved, ""), 0, soon},
		{"Knot Resolver without a least TTL", behind(knot, "cache.min_ttl(0)\n"), 0, soon},
		{"Knot Resolver as it comes", behind(knot, ""), 4 * time.Second, 5*time.Second + soon},
		{"NodeLocal DNSCache with two other lines", func(t *testing.T) string { return newNodeLocal(t, direct, documentedLines(t)) }, 0, soon},
		{"NodeLocal DNSCache as it comes", func(t *testing.T) string { return newNodeLocal(t, direct, asShipped) }, 4 * time.Second, 4*time.Second + soon},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			at := test.start(t)
			check := func(t *testing.T, took time.Duration) {
				t.Logf("found after %.2f s", took.Seconds())
				if took < test.least || took > test.bound {
					t.Errorf("found after %v, want %v to %v", took, test.least, test.bound)
				}
			}
			t.Run("a Service", func(t *testing.T) {
				t.Parallel()
				check(t, newcomer{c, in, fmt.Sprintf("new-%d", i)}.appear(t, at))
			})
			t.Run("a Pod", func(t *testing.T) {
				t.Parallel()
				check(t, newcomer{c, in, fmt.Sprintf("ready-%d", i)}.becomeReady(t, direct, at))
			})
		})
	}
}
