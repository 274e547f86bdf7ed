package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// removals is how many things of each kind are removed.
const removals = 100

// TestWhatIsRemovedIsOutOfTheAnswers removes one thing after the other, also while
// the streams are away that do not tell of it. It logs how long that takes from the
// API server's event to the answer.
func TestWhatIsRemovedIsOutOfTheAnswers(t *testing.T) {
	const services, labelled, others = "services", "endpointslices_headless", "endpointslices_other"
	for _, tc := range []struct {
		name string
		// controlled are slices as the EndpointSlice controller makes them.
		controlled bool
		away       []string
		remove     func(ctx context.Context, p *place, service string) error
		events     func(ctx context.Context, p *place) (watch.Interface, error)
		gone       func(m *dns.Msg) bool
	}{
		{"Services", false, nil, deleteService, watchServices, denies},
		{"Services, while both streams of slices are away", false, []string{labelled, others}, deleteService, watchServices, denies},
		{"slices", false, nil, deleteSlice, watchSlices, denies},
		{"slices, while all other streams are away", false, []string{services, labelled}, deleteSlice, watchSlices, denies},
		{"slices of the controller, while all other streams are away", true, []string{services, others}, deleteSlice, watchSlices, denies},
		{"endpoints, while all other streams are away", false, []string{services, labelled}, deleteEndpoint, watchSlices, answersOne},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, b := newPlace(t), newBarrier()
			g := openGate(t, p.Cluster, b.wrap)
			s := server.New(t, aloneCorefile("kubeconfig "+g.kubeconfig(p.Config(cluster.CoreDNSUser).BearerToken), "namespaces "+p.namespace))
			for i := range removals {
				p.removable(t, serviceAt(i), tc.controlled)
			}
			for i := range removals {
				untilAnswer(t, s, p.name(serviceAt(i)), answersTwo)
			}
			b.shut(tc.away...)
			for _, stream := range tc.away {
				wantMetrics(t, s, sample{`stream_up{stream="` + stream + `"}`, 0})
			}
			told := newTold(t, p, tc.events)
			var took []time.Duration
			for i := range removals {
				must(t, tc.remove(within(t), p, serviceAt(i)))
				answered := untilAnswer(t, s, p.name(serviceAt(i)), tc.gone)
				took = append(took, answered.Sub(told.of(t, serviceAt(i))))
			}
			for _, stream := range tc.away {
				wantMetrics(t, s, sample{`stream_up{stream="` + stream + `"}`, 0})
			}
			slices.Sort(took)
			t.Logf("from the event to the answer: p50 %s, p99 %s, the longest of %d %s", took[removals/2], took[removals*99/100-1], removals, took[removals-1])
		})
	}
}

func serviceAt(i int) string { return fmt.Sprintf("db-%03d", i) }

// removable creates a headless Service with a slice of the same name.
func (p *place) removable(t *testing.T, name string, controlled bool) {
	t.Helper()
	slice := cluster.HandmadeSlice(p.namespace, name, name, nil, p.v4(1), p.v4(2))
	if controlled {
		slice.Labels[discoveryv1.LabelManagedBy] = "endpointslice-controller.k8s.io"
		slice.Labels[corev1.IsHeadlessService] = ""
	}
	must(t, p.CreateService(within(t), cluster.HeadlessService(p.namespace, name, nil)), p.CreateSlice(within(t), slice))
}

func deleteService(ctx context.Context, p *place, name string) error {
	return p.DeleteService(ctx, p.namespace, name)
}

func deleteSlice(ctx context.Context, p *place, name string) error {
	return p.DeleteSlice(ctx, p.namespace, name)
}

// deleteEndpoint takes one of two out of a slice.
func deleteEndpoint(ctx context.Context, p *place, name string) error {
	all := p.Clients().DiscoveryV1().EndpointSlices(p.namespace)
	slice, err := all.Get(ctx, name, getOptions)
	if err != nil {
		return err
	}
	slice.Endpoints = slice.Endpoints[:1]
	_, err = all.Update(ctx, slice, metav1.UpdateOptions{})
	return err
}

func denies(m *dns.Msg) bool     { return m.Rcode == dns.RcodeNameError }
func answersOne(m *dns.Msg) bool { return len(m.Answer) == 1 }
func answersTwo(m *dns.Msg) bool { return len(m.Answer) == 2 }

func watchServices(ctx context.Context, p *place) (watch.Interface, error) {
	return p.Clients().CoreV1().Services(p.namespace).Watch(ctx, metav1.ListOptions{})
}

func watchSlices(ctx context.Context, p *place) (watch.Interface, error) {
	return p.Clients().DiscoveryV1().EndpointSlices(p.namespace).Watch(ctx, metav1.ListOptions{})
}

// told notes when an API server tells that something was changed or deleted.
type told struct {
	mu sync.Mutex
	at map[string]time.Time
}

func newTold(t *testing.T, p *place, open func(context.Context, *place) (watch.Interface, error)) *told {
	t.Helper()
	events, err := open(t.Context(), p)
	must(t, err)
	t.Cleanup(events.Stop)
	told := &told{at: make(map[string]time.Time)}
	go func() {
		for event := range events.ResultChan() {
			if object, ok := event.Object.(metav1.Object); ok && event.Type != watch.Added {
				told.note(object.GetName())
			}
		}
	}()
	return told
}

func (e *told) note(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.at[name] = time.Now()
}

// of waits until the event has come.
func (e *told) of(t *testing.T, name string) time.Time {
	t.Helper()
	var at time.Time
	until(t, func(context.Context) error {
		e.mu.Lock()
		defer e.mu.Unlock()
		var ok bool
		if at, ok = e.at[name]; !ok {
			return fmt.Errorf("the API server tells nothing of %s", name)
		}
		return nil
	})
	return at
}

// untilAnswer asks until the answer is as wanted, and returns when that came.
func untilAnswer(t *testing.T, s *server.Server, name string, wanted func(*dns.Msg) bool) time.Time {
	t.Helper()
	ctx := within(t)
	step := time.NewTicker(500 * time.Microsecond)
	defer step.Stop()
	for {
		m, _, err := new(dns.Client).ExchangeContext(ctx, new(dns.Msg).SetQuestion(name, dns.TypeA), s.Address())
		if err == nil && wanted(m) {
			return time.Now()
		}
		select {
		case <-step.C:
		case <-ctx.Done():
			t.Fatalf("the answer for %s is\n%v\n%v", name, m, err)
		}
	}
}

// barrier keeps requests of some streams away from the API server.
type barrier struct {
	mu      sync.Mutex
	away    []string
	running map[*http.Request]context.CancelFunc
}

func newBarrier() *barrier { return &barrier{running: make(map[*http.Request]context.CancelFunc)} }

// streamOf is the name in metrics of what a request is for.
func streamOf(r *http.Request) string {
	switch labels := r.URL.Query().Get("labelSelector"); {
	case strings.HasSuffix(r.URL.Path, "/services"):
		return "services"
	case strings.Contains(labels, discoveryv1.LabelManagedBy+"!="):
		return "endpointslices_other"
	case strings.HasSuffix(labels, ","+corev1.IsHeadlessService):
		return "endpointslices_headless"
	}
	return ""
}

// shut breaks the connections of these streams, and refuses new ones.
func (b *barrier) shut(streams ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.away = streams
	for r, cancel := range b.running {
		if slices.Contains(streams, streamOf(r)) {
			cancel()
		}
	}
}

func (b *barrier) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		if !b.enter(r, cancel) {
			http.Error(w, "shut", http.StatusForbidden)
			return
		}
		defer b.leave(r)
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func (b *barrier) enter(r *http.Request, cancel context.CancelFunc) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if slices.Contains(b.away, streamOf(r)) {
		return false
	}
	b.running[r] = cancel
	return true
}

func (b *barrier) leave(r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.running, r)
}
