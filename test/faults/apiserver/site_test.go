package apiserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/load"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// rate is in queries per second, on each CoreDNS: six of them run beside the
	// control planes.
	rate = 300
	// underWay is more than all queries that a load has under way.
	underWay = 400
	// turning is the Service that changes with each fault.
	turning = "turning"
)

// leastRights are those of docs/operations.md.
var leastRights = []rbacv1.PolicyRule{
	{APIGroups: []string{""}, Resources: []string{"services"}, Verbs: []string{"list", "watch"}},
	{APIGroups: []string{"discovery.k8s.io"}, Resources: []string{"endpointslices"}, Verbs: []string{"list", "watch"}},
}

// A site is a CoreDNS under load, and the objects that it answers for.
type site struct {
	*cluster.Cluster
	t         *testing.T
	namespace string
	server    *server.Server
	load      *load.Load
	reader    *reader
	// zones has one for each source.
	zones []string
	// shown is the state of the turning Service that is answered. soon is the
	// next one, which may be answered already.
	shown, soon atomic.Int64
	faults      int
}

// newSite starts a CoreDNS with a zone for each kubeconfig file, all of which
// lead to the cluster, and puts a load on it.
func newSite(t *testing.T, c *cluster.Cluster, namespace string, kubeconfigs ...string) *site {
	t.Helper()
	s := &site{Cluster: c, t: t, namespace: namespace}
	s.shown.Store(1)
	s.soon.Store(1)
	s.fill()
	var corefile strings.Builder
	for i, file := range kubeconfigs {
		zone := fmt.Sprintf("zone%d.test.", i)
		s.zones = append(s.zones, zone)
		fmt.Fprintf(&corefile, "%s:{{.DNS}} {\n    bind 127.0.0.1\n    errors\n", zone)
		if i == 0 {
			corefile.WriteString("    ready 127.0.0.1:{{.Ready}}\n    prometheus 127.0.0.1:{{.Metrics}}\n")
		}
		fmt.Fprintf(&corefile, "    k8s_endpoints {\n        kubeconfig %s\n        namespaces %s\n        status 127.0.0.1:{{.Port.Status}}\n    }\n}\n", file, namespace)
	}
	s.server = server.New(t, corefile.String())
	s.begin()
	s.read()
	return s
}

// fill makes objects for each stream, and waits for those that controllers add.
func (s *site) fill() {
	s.t.Helper()
	ctx, app := within(s.t), map[string]string{"app": "db"}
	port := cluster.Port("sql", corev1.ProtocolTCP, 5432)
	must(s.t,
		s.CreateService(ctx, cluster.HeadlessService(s.namespace, "db", app, port)),
		s.CreatePod(ctx, cluster.Pod{Namespace: s.namespace, Name: "db-0", Labels: app, Hostname: "db-0", Subdomain: "db"}),
		s.PodReady(ctx, s.namespace, "db-0", "10.1.1.1"),
		s.CreateService(ctx, cluster.HeadlessService(s.namespace, "byhand", nil, port)),
		s.CreateSlice(ctx, cluster.HandmadeSlice(s.namespace, "byhand-1", "byhand", nil, "10.1.2.1", "10.1.2.2", "10.1.2.3")),
		s.CreateService(ctx, cluster.ExternalNameService(s.namespace, "alias", "192.0.2.7")),
		s.CreateService(ctx, cluster.HeadlessService(s.namespace, turning, nil, port)),
		s.CreateSlice(ctx, cluster.HandmadeSlice(s.namespace, turning, turning, nil, turningAddress(1))),
	)
	until(s.t, "the slice of db", func(ctx context.Context) error {
		all, err := s.Slices(ctx, s.namespace, "db")
		if err == nil && (len(all) != 1 || len(all[0].Endpoints) != 1) {
			err = fmt.Errorf("got the slices %v", all)
		}
		return err
	})
}

// turningAddress is the one address of the turning Service in a state.
func turningAddress(state int64) string { return fmt.Sprintf("10.2.%d.%d", state/200, 1+state%200) }

// turn changes the turning Service to its next state, at the API server, and
// returns the state.
func (s *site) turn(ctx context.Context) (int64, error) {
	next := s.shown.Load() + 1
	all := s.Clients().DiscoveryV1().EndpointSlices(s.namespace)
	slice, err := all.Get(ctx, turning, metav1.GetOptions{})
	if err != nil {
		return 0, err
	}
	slice.Endpoints[0].Addresses = []string{turningAddress(next)}
	_, err = all.Update(ctx, slice, metav1.UpdateOptions{})
	return next, err
}

type question struct {
	labels string
	qtype  uint16
	// records are those of the answer, without name, TTL, class and type.
	rcode   int
	records []string
}

// steady are the questions whose answers never change. NAME is the name below
// the zone.
var steady = []question{
	{"db", dns.TypeA, dns.RcodeSuccess, []string{"10.1.1.1"}},
	{"db", dns.TypeAAAA, dns.RcodeSuccess, nil},
	{"db-0.db", dns.TypeA, dns.RcodeSuccess, []string{"10.1.1.1"}},
	{"byhand", dns.TypeA, dns.RcodeSuccess, []string{"10.1.2.1", "10.1.2.2", "10.1.2.3"}},
	{"alias", dns.TypeA, dns.RcodeSuccess, []string{"192.0.2.7"}},
	{"nowhere", dns.TypeA, dns.RcodeNameError, nil},
	{"nowhere.byhand", dns.TypeA, dns.RcodeNameError, nil},
}

func (s *site) name(labels, zone string) string {
	return fmt.Sprintf("%s.%s.svc.%s", labels, s.namespace, zone)
}

// begin checks the first answer to each question. Each later one has to be the
// same.
func (s *site) begin() {
	s.t.Helper()
	var queries []load.Query
	for _, zone := range s.zones {
		for _, q := range steady {
			whole := s.await(s.name(q.labels, zone), q.qtype, q)
			queries = append(queries, load.Query{Name: s.name(q.labels, zone), Type: q.qtype, Check: func(m *dns.Msg) error {
				return same(text(m), whole)
			}})
		}
		name, first := s.name(turning, zone), turningAddress(1)
		whole := s.await(name, dns.TypeA, question{turning, dns.TypeA, dns.RcodeSuccess, []string{first}})
		queries = append(queries, load.Query{Name: name, Type: dns.TypeA, Check: func(m *dns.Msg) error {
			got := text(m)
			if same(got, strings.Replace(whole, first, turningAddress(s.soon.Load()), 1)) == nil {
				return nil
			}
			return same(got, strings.Replace(whole, first, turningAddress(s.shown.Load()), 1))
		}})
	}
	var err error
	s.load, err = load.Start(s.server.Address(), rate, queries...)
	must(s.t, err)
	s.t.Cleanup(func() { s.load.Stop() })
}

func same(got, want string) error {
	if got != want {
		return fmt.Errorf("got\n%swant\n%s", got, want)
	}
	return nil
}

// await returns the whole answer to a question, as soon as it is right.
func (s *site) await(name string, qtype uint16, want question) (whole string) {
	s.t.Helper()
	until(s.t, name, func(ctx context.Context) error {
		m, err := s.ask(ctx, name, qtype)
		if err != nil {
			return err
		}
		whole = text(m)
		if got := data(m.Answer); m.Rcode != want.rcode || !slices.Equal(got, want.records) {
			return fmt.Errorf("got %s %v, want %s %v", dns.RcodeToString[m.Rcode], got, dns.RcodeToString[want.rcode], want.records)
		}
		return nil
	})
	return whole
}

func (s *site) ask(ctx context.Context, name string, qtype uint16) (*dns.Msg, error) {
	m := new(dns.Msg).SetQuestion(name, qtype).SetEdns0(1232, false)
	answer, _, err := new(dns.Client).ExchangeContext(ctx, m, s.server.Address())
	return answer, err
}

// data are the sorted last fields of records.
func data(rrs []dns.RR) []string {
	var all []string
	for _, rr := range rrs {
		fields := strings.Fields(rr.String())
		all = append(all, fields[len(fields)-1])
	}
	slices.Sort(all)
	return all
}

// text writes all of a message but its id, with the records of each section
// sorted, since their order is random, and without the serial.
func text(m *dns.Msg) string {
	var b strings.Builder
	header := m.MsgHdr
	header.Id = 0
	fmt.Fprintln(&b, header.String())
	for _, q := range m.Question {
		fmt.Fprintln(&b, q.String())
	}
	for _, section := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
		var all []string
		for _, rr := range section {
			if soa, ok := rr.(*dns.SOA); ok {
				soa.Serial = 0
			}
			all = append(all, rr.String())
		}
		slices.Sort(all)
		fmt.Fprintln(&b, strings.Join(all, "\n"))
	}
	return b.String()
}

// settle waits until every zone answers with the state of the turning Service,
// and no query that was asked before is under way.
func (s *site) settle(state int64) {
	s.t.Helper()
	for _, zone := range s.zones {
		s.await(s.name(turning, zone), dns.TypeA, question{turning, dns.TypeA, dns.RcodeSuccess, []string{turningAddress(state)}})
	}
	answered := s.load.Checked()
	until(s.t, "the queries under way", func(context.Context) error {
		if s.load.Checked() < answered+underWay {
			return errors.New("they are not answered")
		}
		return nil
	})
	s.shown.Store(state)
	s.load.Forget()
}

// up returns how many streams are watched, and of how many.
func (s *site) up(ctx context.Context) (up, all int, err error) {
	samples, err := s.server.Samples(ctx)
	for series, value := range samples {
		if strings.HasPrefix(series, "coredns_k8s_endpoints_stream_up{") {
			all++
			up += int(value)
		}
	}
	return up, all, err
}

// counted returns a counter, of all streams together.
func (s *site) counted(name string) (n int) {
	s.t.Helper()
	samples, err := s.server.Samples(within(s.t))
	must(s.t, err)
	for series, value := range samples {
		if strings.HasPrefix(series, "coredns_k8s_endpoints_"+name+"{") {
			n += int(value)
		}
	}
	return n
}

// lines counts the lines that CoreDNS has logged so far.
func (s *site) lines(part string) int { return strings.Count(s.server.Log(), part) }

// stop ends the load, and fails the test where an answer was wrong or missing.
func (s *site) stop() {
	s.t.Helper()
	r := s.load.Stop()
	if err := r.Err(); err != nil {
		s.t.Error(err)
	}
	s.t.Logf("%d faults; %v", s.faults, r)
	if r.Checked == 0 {
		s.t.Error("no answer was checked")
	}
	if err := s.reader.err(); err != nil {
		s.t.Error(err)
	}
}

// retries is the largest number of requests in a time, if each but the first
// waits at least as the plugin does: half a second, then twice as long each
// time, up to 5 seconds.
func retries(in time.Duration) int {
	n, wait := 0, 500*time.Millisecond
	for in >= wait {
		in -= wait
		wait = min(2*wait, 5*time.Second)
		n++
	}
	return n
}
