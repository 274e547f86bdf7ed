package endpoints

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/history"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/reload"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/source"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/status"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/status/statustest"
	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"

	"github.com/miekg/dns"
)

// watchedSource is a source that says how it is.
type watchedSource struct {
	streams []source.Stream
	outage  source.Outage
}

func (*watchedSource) Run(context.Context, source.Receiver) {}
func (*watchedSource) From() string                         { return "https://10.96.0.1:443" }
func (s *watchedSource) Streams() []source.Stream           { return s.streams }
func (s *watchedSource) Outage() source.Outage              { return s.outage }

// night is a board that shows one cache, whose clock is set by hand.
type night struct {
	t testing.TB
	*board
	cache  *cache
	source *watchedSource
	now    time.Time
}

func newNight(t testing.TB, stanza string) *night {
	t.Helper()
	s, err := corefile.Parse(controller("k8s_endpoints {\nendpoint http://127.0.0.1:1\nstatus\n" + stanza + "\n}"))
	if err != nil {
		t.Fatal(err)
	}
	n := &night{t: t, source: &watchedSource{}, now: time.Date(2026, 11, 28, 3, 0, 0, 0, time.UTC)}
	n.cache = newCache(s.Settings, false)
	n.cache.whereabouts = newWhereabouts(s.Clients.Feed())
	n.cache.now = func() time.Time { return n.now }
	n.cache.recording.open(n.cache.settings.History, n.cache.now)
	t.Cleanup(n.cache.close)
	f := &feed{cache: n.cache, source: n.source, origin: "here"}
	h := newHandler(s)
	h.cache.Store(n.cache)
	n.board = &board{stanzas: []*shown{{stanza: s, handler: h, generation: new(reload.Generation[*shown]), feed: f}}}
	return n
}

// ofTime is a night whose pages are read at its own time.
type ofTime struct{ *night }

func (o ofTime) Overview(time.Time) *v1.Overview { return o.night.Overview(o.night.now) }

func (o ofTime) Services(q *status.ServicesQuery) *v1.ServiceList {
	q.Now = o.night.now
	return o.night.Services(q)
}

func (o ofTime) Service(q *status.ServiceQuery) *v1.Service {
	q.Now, q.From, q.To = o.night.now, o.night.now.Add(-status.Window), o.night.now
	return o.night.Service(q)
}

// at sets the clock, "03:04:05", and applies changes.
func (n *night) at(clock string, changes ...model.Change) {
	n.t.Helper()
	t, err := time.Parse(time.TimeOnly, clock)
	if err != nil {
		n.t.Fatal(err)
	}
	n.now = time.Date(2026, 11, 28, t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
	n.cache.Apply(changes)
	n.cache.publish()
}

// pods is a slice of Pods called SERVICE-0 and so on, of which each has a condition: "r" ready,
// "s" serving while it terminates, "t" terminating, and "-" none.
func pods(namespace, service, conditions string) model.Change {
	s := &model.Slice{SliceKey: model.SliceKey{Namespace: namespace, Name: service + "-x"}, Service: service, Ports: []model.Port{{Name: "http", Number: 80}}}
	for i, c := range conditions {
		if c == ' ' {
			continue
		}
		addr := netip.AddrFrom4([4]byte{10, 1, byte(len(service)), byte(i + 1)})
		name := fmt.Sprintf("%s-%d", service, i)
		is := map[rune]model.Conditions{'r': model.Ready | model.Serving, 's': model.Serving | model.Terminating, 't': model.Terminating}[c]
		s.Endpoints = append(s.Endpoints, model.Endpoint{Address: addr, Hostname: name, Pod: name, ID: addr.As16(), Conditions: is})
	}
	return model.SliceChange(s)
}

func (n *night) service(namespace, name string) *v1.Service {
	n.t.Helper()
	s := n.Service(&status.ServiceQuery{Now: n.now, Namespace: namespace, Name: name, From: n.now.Add(-time.Hour), To: n.now})
	if s == nil {
		n.t.Fatalf("nobody knows %s/%s", namespace, name)
	}
	return s
}

func said(all []v1.Finding) string {
	var b strings.Builder
	for _, f := range all {
		fmt.Fprintf(&b, "%s %s", f.Level, f.Text)
		if len(f.Services) > 0 {
			fmt.Fprintf(&b, ": %s", strings.Join(f.Services, " "))
		}
		if f.Detail != "" {
			fmt.Fprintf(&b, " (%s)", f.Detail)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func sameText(t *testing.T, of, got, want string) {
	t.Helper()
	if strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("%s is\n%s\nwant\n%s", of, got, want)
	}
}

// aNight has all that may happen to Services.
func aNight(t *testing.T) *night {
	n := newNight(t, "publish serving\npod_names all")
	n.at("03:00:00", headlessService("shop", "web"), pods("shop", "web", "rrrrrr"), headlessService("shop", "queue"), pods("shop", "queue", "rrr"),
		headlessService("search", "es"), pods("search", "es", "rr"), headlessService("shop", "gone"), pods("shop", "gone", "rr"),
		headlessService("shop", "none"), headlessService("ml", "gang"), pods("ml", "gang", "--"),
		model.ServiceChange(&model.Service{ServiceKey: model.ServiceKey{Namespace: "shop", Name: "billing"}, Kind: model.ExternalName, Target: "db.example.com."}))
	n.cache.Synced()
	n.cache.publish()
	n.at("03:01:00", pods("shop", "queue", "rr-"))
	n.at("03:02:00", pods("shop", "queue", "r--"), pods("search", "es", "sr"))
	n.at("03:03:00", pods("shop", "queue", "---"), pods("search", "es", "s "))
	n.at("03:03:30", pods("shop", "gone", ""))
	n.at("03:03:40", pods("shop", "web", "rrrrr-"))
	n.at("03:04:00")
	return n
}

func TestTheOverviewSaysWhatIsWrong(t *testing.T) {
	n := aNight(t)
	n.source.streams = []source.Stream{{Name: "services_headless", Up: true, LastEvent: n.now.Add(-time.Second)}}
	o := n.Overview(n.now)
	sameText(t, "what is wrong", said(o.Findings), `
error 2 Services answer with nothing though they have endpoints: ml/gang shop/queue
error 1 Service has no endpoints any more: shop/gone
warning 1 Service has draining endpoints only, 1 has endpoints that are not up
`)
	var lines strings.Builder
	for _, s := range o.Trouble {
		fmt.Fprintf(&lines, "%s %s/%s %d/%d %s %s %s\n", s.Level, s.Namespace, s.Name, s.Carried, s.Endpoints, s.Since.Format(time.TimeOnly), s.Text, s.Rcode)
	}
	sameText(t, "the trouble", lines.String(), `
error shop/queue 0/3 03:03:00 no endpoint is up: 3 sick NODATA
error ml/gang 0/2 00:00:00 no endpoint is up: 2 starting NODATA
error shop/gone 0/0 03:03:30 shop/gone has no endpoints, without selector: nobody makes them but who wrote it: carried 2 until 03:03:30 NXDOMAIN
warning search/es 1/1 03:03:00 draining endpoints only 
warning shop/web 5/6 03:03:40 1 sick 
`)
	if o.TroubleTotal != 5 || o.Served.Headless != 6 || o.Served.ExternalName != 1 || o.Served.Namespaces != 3 || o.Served.Tiers != (v1.Tiers{Good: 5, Draining: 1, Sick: 4, Starting: 2}) {
		t.Errorf("got %d in trouble, and served is %+v", o.TroubleTotal, o.Served)
	}
	lines.Reset()
	for _, c := range o.Changed {
		fmt.Fprintf(&lines, "%s %s/%s %v %s\n", c.At.Format(time.TimeOnly), c.Namespace, c.Name, c.Carried, c.Text)
	}
	sameText(t, "what changed", lines.String(), `
03:03:40 shop/web [6 5] web-5 stopped being ready
03:03:30 shop/gone [2 0] shop/gone is empty: NXDOMAIN; gone-0 gone (10.1.4.1) and 1 more
03:03:00 search/es [1 1] search/es carries draining endpoints only; es-1 gone (10.1.2.2)
03:03:00 shop/queue [1 0] shop/queue is empty: NODATA; queue-0 stopped being ready
03:02:00 search/es [2 1] es-0 terminates, still serves
03:02:00 shop/queue [2 1] queue-1 stopped being ready
03:01:00 shop/queue [3 2] queue-2 stopped being ready
`)
}

func TestTheOverviewSaysThatAllIsWell(t *testing.T) {
	n := newNight(t, "")
	n.at("03:00:00", headlessService("shop", "web"), pods("shop", "web", "rr"))
	sameText(t, "what is wrong before", said(n.Overview(n.now).Findings), "error Nothing is answered yet: the first list of Services and EndpointSlices is not complete.")
	n.cache.Synced()
	n.cache.publish()
	sameText(t, "what is wrong", said(n.Overview(n.now).Findings), "ok The one Service is served as Kubernetes says, and the API server is watched.")
	// Others have to do with who is not up for a while, and is not forgotten.
	n.at("03:01:00", headlessService("shop", "new"), pods("shop", "new", "r-"))
	sameText(t, "what is wrong with an endpoint that starts", said(n.Overview(n.now).Findings), "ok All 2 Services are served as Kubernetes says, and the API server is watched.")
	n.at("03:07:00")
	sameText(t, "what is wrong after five minutes", said(n.Overview(n.now).Findings), "warning 1 Service has endpoints that are not up")
}

func TestAPageSaysThatTheAPIServerIsLost(t *testing.T) {
	n := aNight(t)
	lost := func(clock, cause string) {
		n.at(clock)
		n.source.outage = source.Outage{Since: n.now, Next: n.now.Add(4 * time.Second), Why: cause}
		n.cache.recording.event(history.Lost, why.EventText("https://10.96.0.1:443", cause))
	}
	lost("03:05:00", "http2: client connection lost")
	n.at("03:05:42")
	n.source.outage = source.Outage{}
	n.cache.recording.event(history.Back, why.EventText("https://10.96.0.1:443", "42.0 s"))
	lost("03:06:00", "connection refused")
	n.at("03:06:02")
	sameText(t, "the first finding", said(n.Overview(n.now).Findings[:1]),
		"error The API server https://10.96.0.1:443 is lost since 03:06:00, for 2 s. Answers go on as of then; new Pods do not get into DNS. (connection refused; next try in 3 s; in the last hour also lost at 03:05:00, for 42 s)")
	s := n.service("shop", "web")
	sameText(t, "what is said of a Service", said(s.Findings), `
warning web carries 5 of 6 endpoints. web-5 is sick since 03:03:40: it is not ready any more; its own name stays.
error All of this is as of 03:06:00: the API server is lost since then.
`)
	if s.AsOf.Format(time.TimeOnly) != "03:06:00" || len(s.Lost) != 2 || s.Lost[0].To.Format(time.TimeOnly) != "03:05:42" || !s.Lost[1].To.IsZero() {
		t.Errorf("as of %v, lost %+v", s.AsOf, s.Lost)
	}
	then := n.Service(&status.ServiceQuery{Now: n.now, Namespace: "shop", Name: "web", At: n.now.Add(-time.Minute + 18*time.Second), From: n.now.Add(-time.Hour), To: n.now})
	sameText(t, "what is said of then", said(then.Findings), `
warning At 03:05:20 the API server was lost: this is as it was known then.
warning web carried 5 of 6 endpoints.
`)
	h := n.History(&status.HistoryQuery{Now: n.now, From: n.now.Add(-time.Hour), To: n.now})
	if len(h.Events) != 4 || h.Events[0].Text != "The API server https://10.96.0.1:443 is lost: connection refused" {
		t.Errorf("the history of the server is %+v", h.Events)
	}
}

func TestAStreamThatIsSilentStandsAboveServices(t *testing.T) {
	n := aNight(t)
	n.source.streams = []source.Stream{{Name: "endpointslices_headless", Up: true, LastEvent: n.now.Add(-2 * time.Minute)}, {Name: "services_headless"}}
	sameText(t, "the first findings", said(n.Overview(n.now).Findings[:2]), `
error Nothing came of endpointslices_headless for 2 m. It is watched anew.
error Nothing is seen of services_headless: it is not watched. Answers go on as far as it goes as of then.
`)
}

func TestThePageOfAService(t *testing.T) {
	n := aNight(t)
	n.at("03:04:10", pods("shop", "web", "rrrrrr"))
	n.at("03:05:00", pods("shop", "web", "rrrrr-"))
	n.at("03:05:01")
	s := n.service("shop", "web")
	var b strings.Builder
	for _, e := range s.Endpoints[:2] {
		fmt.Fprintf(&b, "%s %s %s %s %v %v %d %s:", e.Name, e.Address, e.Tier, e.Since.Format(time.TimeOnly), e.Published, e.SinceBefore, *e.Flaps, e.Why)
		for _, span := range e.Spans {
			fmt.Fprintf(&b, " %s-%s %s %v,", span.From.Format(time.TimeOnly), span.To.Format(time.TimeOnly), span.Tier, span.Published)
		}
		b.WriteByte('\n')
	}
	sameText(t, "the endpoints", b.String(), `
web-5 10.1.3.6 sick 03:05:00 false false 2 not published, because it is not ready any more; its own name stays: 03:00:00-03:03:40 good true, 03:03:40-03:04:10 sick false, 03:04:10-03:05:00 good true, 03:05:00-03:05:01 sick false,
web-0 10.1.3.1 good 03:00:00 true true 0 published: 03:00:00-03:05:01 good true,
`)
	b.Reset()
	for _, name := range s.Names {
		fmt.Fprintf(&b, "%s %s %s %d %d %v %s\n", name.Name, name.Type, name.Rcode, name.TTL, name.Total, name.Records, name.EDE)
	}
	sameText(t, "the answers", b.String(), `
web.shop.svc.cluster.local. A NOERROR 5 5 [10.1.3.1 10.1.3.2 10.1.3.3 10.1.3.4 10.1.3.5] 
web.shop.svc.cluster.local. AAAA NOERROR 1 0 [] shop/web has no endpoints of this address family
_http._tcp.web.shop.svc.cluster.local. SRV NOERROR 5 5 [0 100 80 web-0.web.shop.svc.cluster.local. 0 100 80 web-1.web.shop.svc.cluster.local. 0 100 80 web-2.web.shop.svc.cluster.local. 0 100 80 web-3.web.shop.svc.cluster.local. 0 100 80 web-4.web.shop.svc.cluster.local.] 
web-5.web.shop.svc.cluster.local. A NOERROR 5 1 [10.1.3.6] 
`)
	b.Reset()
	for _, p := range s.Policy {
		fmt.Fprintf(&b, "%s %s %s %s\n", p.Option, p.Value, p.From, p.Where)
	}
	sameText(t, "the policy", b.String(), `
publish serving corefile Testfile:4
pod_names all corefile Testfile:5
fallback draining default 
fail_open off default 
damping off default 
srv_tiers published default 
ttl 5 default 
negative_ttl 1 default 
max_answers all default 
`)
	b.Reset()
	for _, d := range s.History {
		fmt.Fprintf(&b, "%s %s %v %s %s\n", d.At.Format(time.TimeOnly), d.Cause, d.Carried, d.Changes[0].From+">"+d.Changes[0].To, d.Changes[0].Text)
	}
	sameText(t, "what happened", b.String(), `
03:05:00 slice [6 5] good>sick web-5 stopped being ready
03:04:10 slice [5 6] sick>good web-5 is ready again, after 30 s
03:03:40 slice [6 5] good>sick web-5 stopped being ready
`)
	if s.Carried != 5 || s.EndpointsTotal != 6 || len(s.Steps) != 4 || len(s.Slices) != 1 || !strings.HasPrefix(s.Digest, "sha256:") {
		t.Errorf("got %+v", s)
	}
}

func TestAPageKnowsWhoIsGone(t *testing.T) {
	n := aNight(t)
	n.at("03:04:10", headlessService("shop", "web").Removal(), pods("shop", "web", "").Removal())
	s := n.service("shop", "web")
	sameText(t, "what is said", said(s.Findings), "error shop/web is not served any more.")
	if len(s.Gone) != 6 {
		t.Errorf("gone are %+v", s.Gone)
	}
	if s := n.service("shop", "gone"); len(s.Gone) != 2 || s.Gone[0].Why != "gone" {
		t.Errorf("gone are %+v", s.Gone)
	}
	if n.Service(&status.ServiceQuery{Now: n.now, Namespace: "shop", Name: "never"}) != nil {
		t.Error("somebody is known who never was")
	}
}

func TestWhatIsLeftOutStandsOnThePage(t *testing.T) {
	n := newNight(t, "")
	wrong := headlessService("shop", "web")
	wrong.Service.Annotations = model.NewAnnotations(map[string]string{"pod-names": "everything", "ttl": "2"})
	n.at("03:00:00", wrong, pods("shop", "web", "rr"), leftOutService("shop", "odd", "it is odd"), headlessService("shop", "half"), leftOutSlice("shop", "half", "half-1", "no address"))
	n.cache.Synced()
	n.cache.publish()
	o := n.Overview(n.now)
	var b strings.Builder
	for _, l := range o.LeftOut {
		fmt.Fprintf(&b, "%s %s/%s: %s\n", l.Kind, l.Namespace, l.Name, l.Text)
	}
	sameText(t, "what is left out", b.String(), `
EndpointSlice shop/half: 1 EndpointSlice was left out: no address
Service shop/odd: it is odd
Service annotation shop/web: annotation k8s-endpoints.coredns.io/pod-names: want ready or serving or all, not "everything"
`)
	sameText(t, "what is wrong", said(o.Findings), "warning left out: 1 × EndpointSlice, 1 × Service, 1 × Service annotation")
	s := n.service("shop", "web")
	sameText(t, "what is said of the Service", said(s.Findings), `warning Left out: annotation k8s-endpoints.coredns.io/pod-names: want ready or serving or all, not "everything"`)
	for _, p := range s.Policy {
		if from := map[string]string{"ttl": "annotation"}[p.Option]; from != "" && p.From != from || p.Option == "pod_names" && p.From != "default" {
			t.Errorf("%s is said by %s", p.Option, p.From)
		}
	}
	sameText(t, "what is said of who is left out", said(n.service("shop", "odd").Findings), "error the Service shop/odd was left out: it is odd.")
}

// Whatever there is to say, programs get it as docs/status.schema.json has it.
func TestAllRepliesAreAsTheSchemaHasThem(t *testing.T) {
	schema, err := statustest.Read("docs/status.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	check := func(n *night, of any) {
		t.Helper()
		text, err := json.Marshal(of)
		if err == nil {
			err = schema.Check(text)
		}
		if err != nil {
			t.Errorf("%v: %s", err, text)
		}
	}
	whole := newNight(t, "topology on\nclients nodes\nchecks observe\ncheck_allow shop to 10.0.0.0/8 ports 80 kinds tcp\nexternal_allow example.com\nhistory off")
	whole.at("03:00:00", headlessService("shop", "web"), pods("shop", "web", "rr"))
	for _, n := range []*night{aNight(t), newNight(t, ""), whole} {
		for range 2 {
			check(n, n.Overview(n.now))
			list := n.Services(&status.ServicesQuery{Now: n.now})
			check(n, list)
			check(n, n.History(&status.HistoryQuery{Now: n.now, From: n.now.Add(-time.Hour), To: n.now}))
			for _, s := range list.Services {
				check(n, n.service(s.Namespace, s.Name))
				check(n, n.Service(&status.ServiceQuery{Now: n.now, Namespace: s.Namespace, Name: s.Name, At: n.now.Add(-time.Second), From: n.now.Add(-time.Hour), To: n.now}))
				check(n, n.History(&status.HistoryQuery{Now: n.now, Namespace: s.Namespace, Name: s.Name, From: n.now.Add(-time.Hour), To: n.now}))
			}
			n.cache.Synced()
			n.cache.publish()
		}
	}
}

func TestTheOverviewCountsAllThatIsLeftOut(t *testing.T) {
	n := newNight(t, "")
	var changes []model.Change
	for i := range 3 * maxLeftOut {
		changes = append(changes, leftOutService("shop", fmt.Sprintf("odd-%02d", i), "it is odd"))
	}
	n.at("03:00:00", changes...)
	n.cache.Synced()
	n.cache.publish()
	o := n.Overview(n.now)
	sameText(t, "what is wrong", said(o.Findings), fmt.Sprintf("warning left out: %d × Service", 3*maxLeftOut))
	if len(o.LeftOut) != maxLeftOut || o.LeftOutTotal != 3*maxLeftOut {
		t.Errorf("it shows %d of %d", len(o.LeftOut), o.LeftOutTotal)
	}
}

// The reasons of the page are those of _explain.
func TestThePageAndExplainSayTheSame(t *testing.T) {
	n := newNight(t, "publish serving\npod_names all\nexplain\ndamping on")
	n.at("03:00:00", headlessService("shop", "web"), pods("shop", "web", "rr-st"))
	n.cache.Synced()
	n.cache.publish()
	n.at("03:00:30", pods("shop", "web", "-r-st"))
	for i := range 3 {
		n.at(fmt.Sprintf("03:01:%02d", 10*i), pods("shop", "web", "r--st"))
		n.at(fmt.Sprintf("03:01:%02d", 10*i+5), pods("shop", "web", "--rst"))
	}
	n.at("03:02:00", pods("shop", "web", "-rrst"))
	s := n.service("shop", "web")
	explained := strings.Join(explanationOf(n, "web.shop"), "\n")
	tiers := make(map[string]bool)
	for _, e := range s.Endpoints {
		tiers[e.Tier] = true
		if !strings.Contains(explained, fmt.Sprintf("%s %s %s since ", e.Name, e.Address, e.Tier)) || !strings.Contains(explained, ": "+e.Why) {
			t.Errorf("_explain does not say of %+v what the page does:\n%s", e, explained)
		}
	}
	if len(tiers) < 4 {
		t.Errorf("only %v are told apart", tiers)
	}
}

func explanationOf(n *night, key string) (all []string) {
	a := n.stanzas[0].ask(n.cache.set(key), "_explain.", dns.TypeTXT)
	// The strings of TXT records are quoted.
	for _, text := range a.Records {
		all = append(all, strings.ReplaceAll(strings.Trim(text, `"`), `\"`, `"`))
	}
	return all
}

// What the page says of an answer is what a client gets.
func TestAnswersOfThePageAreThoseOfTheServer(t *testing.T) {
	n := aNight(t)
	server := wholeServer{n.stanzas[0].handler}
	server.h.takesBytes = toClients
	for key, set := range n.cache.sets.All {
		if set.Service.Kind == model.ExternalName {
			continue
		}
		for _, each := range n.stanzas[0].names(set, n.service(set.Service.Namespace, set.Service.Name).Endpoints) {
			r := new(dns.Msg).SetQuestion(each.Name, dns.StringToType[each.Type])
			m := server.ask(t, r.SetEdns0(1232, false))
			ede := ""
			for e := range extendedErrors(m) {
				ede = e.ExtraText
			}
			if dns.RcodeToString[m.Rcode] != each.Rcode || len(m.Answer) != each.Total || ede != each.EDE {
				t.Errorf("%s: the page says of %s %s that it is %s with %d records and %q, and it is %v", key, each.Name, each.Type, each.Rcode, each.Total, each.EDE, m)
			}
		}
	}
}

func TestServersThatAnswerTheSameHaveOneDigest(t *testing.T) {
	digest := func(conditions string) string {
		n := newNight(t, "")
		n.at("03:00:00", headlessService("shop", "web"), pods("shop", "web", conditions))
		n.cache.Synced()
		n.cache.publish()
		return n.service("shop", "web").Digest
	}
	seen := make(map[string]string)
	for _, conditions := range []string{"rr", "r-", "-r", "rrr", "r"} {
		d := digest(conditions)
		if other := seen[d]; other != "" {
			t.Errorf("%s and %s have one digest", other, conditions)
		}
		if seen[d] = conditions; digest(conditions) != d {
			t.Errorf("%s has two digests", conditions)
		}
	}
}

func TestAListFindsServices(t *testing.T) {
	n := aNight(t)
	for _, row := range []struct{ text, state, want string }{
		{"", "", "ml/gang search/es shop/billing shop/gone shop/none shop/queue shop/web"},
		{"shop", "", "shop/billing shop/gone shop/none shop/queue shop/web"},
		{"es-", "", "search/es"},
		{"web-3", "", "shop/web"},
		{"10.1.3.4", "", "shop/web"},
		{"10.9.9.9", "", ""},
		{"10.1.2.2", "", "search/es"},
		{"", "trouble", "ml/gang search/es shop/gone shop/queue shop/web"},
		{"", "none", "shop/none"},
		{"", "external", "shop/billing"},
		{"q", "empty", "shop/queue"},
	} {
		l := n.Services(&status.ServicesQuery{Now: n.now, Text: row.text, State: row.state})
		var got []string
		for _, s := range l.Services {
			got = append(got, s.Namespace+"/"+s.Name)
		}
		if strings.Join(got, " ") != row.want || l.Total != len(got) {
			t.Errorf("%q in state %q finds %v, want %s", row.text, row.state, got, row.want)
		}
	}
}

func TestAListKnowsWhoHadAnAddress(t *testing.T) {
	n := aNight(t)
	l := n.Services(&status.ServicesQuery{Now: n.now, Text: "10.1.2.2"})
	if len(l.Services) != 1 || fmt.Sprint(l.Services[0].Matches) != "[es-1 had 10.1.2.2 until 03:03:00]" {
		t.Errorf("got %+v", l.Services)
	}
}

func TestWithoutHistoryThePageSaysWhatIs(t *testing.T) {
	n := newNight(t, "history off")
	n.at("03:00:00", headlessService("shop", "web"), pods("shop", "web", "rr"))
	n.cache.Synced()
	n.cache.publish()
	n.at("03:01:00", pods("shop", "web", "r-"))
	s := n.service("shop", "web")
	if len(s.Endpoints) != 2 || s.Endpoints[0].Since.Format(time.TimeOnly) != "03:01:00" || s.Endpoints[0].Flaps != nil || !s.KnownFrom.IsZero() || len(s.History) > 0 {
		t.Errorf("got %+v", s)
	}
	if o := n.Overview(n.now); o.Recorder != nil || o.Changed != nil || len(o.Trouble) != 1 {
		t.Errorf("got %+v", o)
	}
	then := n.Service(&status.ServiceQuery{Now: n.now, Namespace: "shop", Name: "web", At: n.now, From: n.now.Add(-time.Hour), To: n.now})
	sameText(t, "what is said of then", said(then.Findings), "error What was is not known: no history is kept.")
}

func TestOffCostsNothing(t *testing.T) {
	c := syncedWith(corefile.Settings{Policy: health.Policy{}}, []model.Change{headlessService("shop", "web"), pods("shop", "web", "rr")})
	if set := c.set("web.shop"); set.State() != nil || set.Look() != nil {
		t.Error("a Set keeps what nobody asks for")
	}
}

// statusPort returns a port that is free.
func statusPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestOnePageForAllStanzasAndAcrossReloads(t *testing.T) {
	dir, port := t.TempDir(), statusPort(t)
	corefileOf := func(zones ...string) string {
		var b strings.Builder
		for _, zone := range zones {
			fmt.Fprintf(&b, "%s:0 {\nbind 127.0.0.1\nk8s_endpoints {\nmanifests %s\nstatus 127.0.0.1:%d\n}\n}\n", zone, dir, port)
		}
		return b.String()
	}
	read := func() (zones []string) {
		response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/?format=json", port))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		var o v1.Overview
		if err := json.NewDecoder(response.Body).Decode(&o); err != nil {
			t.Fatal(err)
		}
		for _, s := range o.Stanzas {
			zones = append(zones, s.Where+" "+strings.Join(s.Zones, " "))
		}
		return zones
	}
	i := startInstance(t, corefileOf("a.test", "b.test"))
	if got := fmt.Sprint(read()); got != "[Corefile:3 a.test Corefile:10 b.test]" {
		t.Errorf("it shows %s", got)
	}
	at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port))
	before, err := boards.Hold(at, nil)
	if err != nil {
		t.Fatal(err)
	}
	boards.Release(at)
	if err := i.reload(corefileOf("c.test")); err != nil {
		t.Fatal(err)
	}
	after, err := boards.Hold(at, nil)
	if err != nil {
		t.Fatal(err)
	}
	boards.Release(at)
	if got := fmt.Sprint(read()); got != "[Corefile:3 c.test]" || before != after {
		t.Errorf("after the reload it shows %s, and is the same: %v", got, before == after)
	}
	if err := i.reload("z.test:0 {\nbind 127.0.0.1\nwhoami\n}\n"); err != nil {
		t.Fatal(err)
	}
	if boards.Runs(at) {
		t.Error("the page is there without a stanza")
	}
}

func TestAStatusPageAtAnAddressThatIsTakenStopsTheStart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	i := startInstance(t, "z.test:0 {\nbind 127.0.0.1\nwhoami\n}\n")
	err = i.reload(fmt.Sprintf("a.test:0 {\nbind 127.0.0.1\nk8s_endpoints {\nmanifests %s\nstatus %s\n}\n}\n", t.TempDir(), l.Addr()))
	if err == nil || !strings.Contains(err.Error(), "Corefile:5 - status: ") || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v", err)
	}
}

// Readers wait for nobody, and see one state after the other.
func TestPagesAreReadWhileServicesChange(t *testing.T) {
	n := newNight(t, "publish serving\npod_names all\ndamping on\nexplain")
	n.cache.now = time.Now
	n.cache.Apply([]model.Change{headlessService("shop", "web"), pods("shop", "web", "rrrr"), headlessService("shop", "other")})
	n.cache.Synced()
	n.cache.publish()
	over := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				now := time.Now()
				n.Overview(now)
				n.Services(&status.ServicesQuery{Now: now, Text: "web"})
				n.History(&status.HistoryQuery{Now: now, Namespace: "shop", Name: "web", From: now.Add(-time.Hour), To: now})
				s := n.Service(&status.ServiceQuery{Now: now, Namespace: "shop", Name: "web", From: now.Add(-time.Hour), To: now})
				if s != nil && s.EndpointsTotal != len(s.Endpoints) {
					t.Errorf("%d endpoints are %d", s.EndpointsTotal, len(s.Endpoints))
				}
			}
		})
	}
	for i := range 200 {
		conditions := []byte("rrrr")
		conditions[i%4] = "r-st"[i/4%4]
		n.cache.Apply([]model.Change{pods("shop", "web", string(conditions[:1+i%4])), headlessService("shop", fmt.Sprint("new-", i%7))})
		if i%5 == 0 {
			n.cache.Apply([]model.Change{headlessService("shop", "other").Removal()})
		}
		n.cache.publish()
	}
	close(over)
	readers.Wait()
}
