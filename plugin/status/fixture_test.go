package status

import (
	"fmt"
	"sync"
	"time"

	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"
)

// now is when the pages of tests are read.
var now = time.Date(2026, 11, 28, 3, 7, 42, 100e6, time.UTC)

// at returns a time of that night, "03:04:10" or "27 02:20:05".
func at(text string) v1.Time {
	for _, layout := range []string{"15:04:05.000", "15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return v1.At(time.Date(2026, 11, 28, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC))
		}
	}
	t, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		panic(err)
	}
	return v1.At(t)
}

func header(kind string) v1.Header {
	return v1.Header{
		APIVersion: v1.APIVersion, Kind: kind, Now: v1.At(now),
		Server: v1.Server{Name: "coredns-6f7d9c-x2x4z", Address: "10.1.0.5", Version: "0.1.0", Commit: "5710a02", CoreDNS: "1.15.0", Started: at("2026-11-21 23:01:00")},
	}
}

var stanza = v1.Stanza{Where: "Corefile:12", Zones: []string{"cluster.local", "in-addr.arpa", "ip6.arpa"}}

var lostLately = []v1.Loss{
	{From: at("02:20:05"), To: at("02:20:47"), Why: "http2: client connection lost"},
	{From: at("03:04:10"), Why: "dial tcp 10.96.0.1:443: connect: connection refused"},
}

// fake has the pages of one bad night.
type fake struct {
	overview *v1.Overview
	services *v1.ServiceList
	service  *v1.Service
	history  *v1.History
	// asked has what was asked for last, and block is called for each page. It may be nil.
	mu    sync.Mutex
	asked any
	block func()
}

func (f *fake) wait(q any) {
	f.mu.Lock()
	f.asked = q
	f.mu.Unlock()
	if f.block != nil {
		f.block()
	}
}

func (f *fake) Overview(now time.Time) *v1.Overview { f.wait(now); return f.overview }
func (f *fake) Services(q *ServicesQuery) *v1.ServiceList {
	f.wait(q)
	of := *f.services
	of.Query, of.State = q.Text, q.State
	return &of
}

func (f *fake) Service(q *ServiceQuery) *v1.Service {
	f.wait(q)
	if f.service == nil || q.Name != f.service.Name || q.Namespace != f.service.Namespace {
		return nil
	}
	of := *f.service
	return &of
}

func (f *fake) History(q *HistoryQuery) *v1.History {
	f.wait(q)
	if f.history == nil || q.Name == "none" {
		return nil
	}
	of := *f.history
	of.Namespace, of.Name, of.Endpoint = q.Namespace, q.Name, q.Endpoint
	of.From, of.To = v1.At(q.From), v1.At(q.To)
	if q.Name == "" {
		of.Decisions = nil
	} else {
		of.Events = nil
	}
	return &of
}

func aBadNight() *fake {
	return &fake{overview: badOverview(), services: someServices(), service: badService(), history: someHistory()}
}

func line_(ns, name, state, level, text, rcode string, carried, endpoints int, tiers v1.Tiers, since string, steps ...v1.Step) v1.ServiceLine {
	return v1.ServiceLine{Namespace: ns, Name: name, Type: "headless", State: state, Level: level, Text: text, Rcode: rcode,
		Carried: carried, Endpoints: endpoints, Tiers: tiers, Since: at(since), Steps: steps}
}

func step(t string, n int) v1.Step { return v1.Step{At: at(t), Carried: n} }

func badOverview() *v1.Overview {
	o := &v1.Overview{Header: header(v1.KindOverview), Stanzas: []v1.Stanza{stanza}}
	o.AsOf = at("03:04:10")
	o.Findings = []v1.Finding{
		{ID: "source-lost", Level: v1.LevelError, Text: "The API server https://10.96.0.1:443 is lost since 03:04:10, for 3 m 32 s. Answers go on as of then; new Pods do not get into DNS.",
			Detail: "dial tcp 10.96.0.1:443: connect: connection refused; next try in 4 s; in the last hour also lost at 02:20:05, for 42 s"},
		{ID: "services-empty", Level: v1.LevelError, Text: "2 Services answer with nothing though they have endpoints", Services: []string{"shop/queue", "ml/gang-7"}},
		{ID: "services-degraded", Level: v1.LevelWarning, Text: "1 Service fails open, 1 has draining endpoints only, 2 keep a flapping endpoint out; 1 annotation is left out"},
	}
	o.Served = v1.Served{Headless: 412, ExternalName: 23, Namespaces: 58, Tiers: v1.Tiers{Good: 3121, Damped: 2, Draining: 14, Sick: 31, Starting: 12, Dying: 3}}
	o.TroubleTotal = 6
	o.Trouble = []v1.ServiceLine{
		line_("shop", "queue", v1.StateEmpty, v1.LevelError, "no endpoint is ready: 3 sick", "NXDOMAIN", 0, 3, v1.Tiers{Sick: 3}, "03:03:58",
			step("02:07:42", 3), step("03:02:11", 2), step("03:03:20", 1), step("03:03:58", 0)),
		line_("ml", "gang-7", v1.StateEmpty, v1.LevelError, "no endpoint is ready: 8 starting", "NXDOMAIN", 0, 8, v1.Tiers{Starting: 8}, "02:51:20", step("02:07:42", 0)),
		line_("pay", "ledger", v1.StateOpen, v1.LevelWarning, "fail open: 2 of 5 serving", "", 5, 5, v1.Tiers{Good: 2, Sick: 3}, "03:01:02",
			step("02:07:42", 5), step("03:00:59", 3), step("03:01:00", 2), step("03:01:02", 5)),
		line_("search", "es", v1.StateDraining, v1.LevelWarning, "draining endpoints only", "", 1, 1, v1.Tiers{Draining: 1}, "03:04:01",
			step("02:07:42", 3), step("03:01:29", 2), step("03:02:44", 1)),
		line_("shop", "web", v1.StatePart, v1.LevelWarning, "1 damped, 1 sick; web-2 flapped 15 times in the last hour", "", 4, 6, v1.Tiers{Good: 4, Damped: 1, Sick: 1}, "03:03:40",
			webSteps()...),
		line_("mon", "prom-agents", v1.StatePart, v1.LevelWarning, "1 damped; agents-k9x2m flapped 7 times in the last hour", "", 39, 40, v1.Tiers{Good: 39, Damped: 1}, "02:58:15",
			step("02:07:42", 40), step("02:40:10", 39), step("02:40:40", 40), step("02:49:00", 39), step("02:50:00", 40), step("02:58:15", 39)),
	}
	for _, s := range []struct {
		name            string
		last            string
		relists, errors int64
	}{{"services_headless", "03:04:09", 1, 9}, {"services_externalname", "03:03:51", 1, 8}, {"endpointslices_headless", "03:04:10", 2, 9}, {"endpointslices_other", "03:03:40", 1, 8}} {
		o.Sources = append(o.Sources, v1.Source{Stream: s.name, From: "https://10.96.0.1:443", LastEvent: at(s.last), Relists: s.relists, Errors: s.errors, Lost: lostLately})
	}
	for _, c := range []struct {
		at, ns, name string
		was, is      int
		text         string
	}{
		{"03:04:08", "search", "os", 8, 9, "os-4 became ready, after 41 s"}, {"03:04:01", "search", "es", 1, 1, "es-0 gone (10.1.3.77)"},
		{"03:03:58", "shop", "queue", 1, 0, "queue-0 stopped being ready"}, {"03:03:40", "shop", "web", 5, 4, "web-5 stopped being ready"},
		{"03:03:38", "shop", "web", 5, 5, "web-2 is up again, damped until 03:08:30"}, {"03:03:37", "ci", "runners", 31, 17, "runners-8fj2c gone (10.1.7.3); runners-c77wq gone (10.1.7.4) and 12 more"},
	} {
		o.Changed = append(o.Changed, v1.Changed{At: at(c.at), Namespace: c.ns, Name: c.name, Carried: [2]int{c.was, c.is}, Text: c.text})
	}
	o.LeftOut = []v1.LeftOut{{Kind: "Service annotation", Namespace: "shop", Name: "web", Text: `annotation k8s-endpoints.coredns.io/pod-names: want ready or serving or all, not "everything"`}}
	o.LeftOutTotal = 1
	o.Snapshots = []v1.Snapshot{{File: "/var/cache/coredns/snapshot", Written: at("03:04:08"), Size: 1992294, MaxAgeSeconds: 86400}}
	o.Recorder = &v1.Recorder{Bytes: 5347737, Most: 16 << 20, Reaches: at("2026-11-27 19:26:02")}
	o.Topology = &v1.Crossing{Results: map[string]int64{"zone": 71234, "unknown_client": 812}, Nodes: 12, Prefixes: 24, Answers: 71234, FarOfAll: .66, FarOfGot: .02}
	o.Checks = &v1.CheckCounts{Services: 3, Passing: 40, Failing: 1, Unknown: 2}
	return o
}

func aCalmDay() *v1.Overview {
	o := badOverview()
	o.AsOf, o.Trouble, o.TroubleTotal, o.LeftOut, o.LeftOutTotal = v1.Time{}, []v1.ServiceLine{}, 0, nil, 0
	o.Findings = []v1.Finding{{ID: "all-well", Level: v1.LevelOK, Text: "All 435 Services are served as Kubernetes says, and the API server is watched."}}
	for i := range o.Sources {
		o.Sources[i].Up, o.Sources[i].Lost, o.Sources[i].LastEvent = true, nil, at("03:07:38")
	}
	return o
}

func webSteps() []v1.Step {
	return []v1.Step{
		step("02:07:42", 6), step("02:30:01", 5), step("02:30:52", 6), step("02:31:18", 5), step("02:32:06", 6), step("02:32:32", 5), step("02:33:19", 6),
		step("02:33:51", 5), step("02:34:41", 6), step("02:35:08", 5), step("02:35:57", 6), step("02:36:26", 5), step("02:37:18", 6),
		step("02:44:12", 5), step("02:44:18", 6), step("02:45:15", 5), step("02:45:23", 6), step("02:46:56", 5), step("03:03:40", 4),
	}
}

func spans(all ...string) (out []v1.Span) {
	for i := 0; i+1 < len(all); i += 2 {
		to := at("03:07:42")
		if i+2 < len(all) {
			to = at(all[i+2])
		}
		if all[i+1] != "" {
			out = append(out, v1.Span{From: at(all[i]), To: to, Tier: all[i+1], Published: all[i+1] == "good"})
		}
	}
	return out
}

// webDowns are when web-2 was down, and up again.
var webDowns = [][2]string{
	{"02:44:12.184", "02:44:18"}, {"02:45:15.813", "02:45:23"}, {"02:46:56.254", "02:47:03.402"}, {"02:48:52", "02:48:58"}, {"02:50:17", "02:50:27"},
	{"02:51:30", "02:51:36"}, {"02:52:40", "02:52:48"}, {"02:53:40", "02:53:50"}, {"02:54:38", "02:54:48"}, {"02:55:35", "02:55:45"}, {"02:56:51", "02:57:00"},
	{"02:58:48", "02:58:57"}, {"03:00:17", "03:00:26"}, {"03:02:04", "03:02:12"}, {"03:03:30", "03:03:38.871"},
}

// webRollout are the Pods of web in the order in which they were replaced: when they began to
// terminate, stopped serving, were gone, came, and became ready.
var webRollout = [][8]string{
	{"web-5", "10.1.5.61", "10.1.5.90", "02:30:01", "02:30:12", "02:30:16", "02:30:19", "02:30:52"},
	{"web-4", "10.1.8.33", "10.1.8.5", "02:31:18", "02:31:27", "02:31:31", "02:31:34", "02:32:06"},
	{"web-3", "10.1.7.80", "10.1.7.12", "02:32:32", "02:32:42", "02:32:46", "02:32:48", "02:33:19"},
	{"web-2", "10.1.9.2", "10.1.9.31", "02:33:51", "02:34:03", "02:34:07", "02:34:09", "02:34:41"},
	{"web-1", "10.1.6.13", "10.1.6.44", "02:35:08", "02:35:20", "02:35:24", "02:35:26", "02:35:57"},
	{"web-0", "10.1.4.19", "10.1.4.27", "02:36:26", "02:36:35", "02:36:39", "02:36:41", "02:37:18"},
}

func badService() *v1.Service {
	s := &v1.Service{Header: header(v1.KindService), Namespace: "shop", Name: "web", Type: "headless", State: v1.StatePart, Selector: true, Stanza: stanza,
		KnownFrom: at("2026-11-27 19:26:02"), Carried: 4, Tiers: v1.Tiers{Good: 4, Damped: 1, Sick: 1}, EndpointsTotal: 6,
		From: at("02:07:42"), To: at("03:07:42"), Steps: webSteps(), Lost: lostLately, Digest: "sha256:0123"}
	s.AsOf = at("03:04:10")
	s.Findings = []v1.Finding{
		{ID: "service-part", Level: v1.LevelWarning, Text: "web carries 4 of 6 endpoints. web-5 is sick since 03:03:40: it is not ready any more. web-2 flapped 15 times in the last hour and is damped until 03:08:30. Both keep their own names."},
		{ID: "source-lost", Level: v1.LevelError, Text: "All of this is as of 03:04:10: the API server is lost since then."},
		{ID: "annotation-left-out", Level: v1.LevelWarning, Text: "The annotation pod-names is left out: want ready or serving or all."},
	}
	for i, r := range webRollout {
		e := v1.Endpoint{Name: r[0], Address: r[2], Tier: "good", Since: at(r[7]), Published: true, Named: true, Conditions: []string{"ready", "serving"}, Why: "published", Flaps: new(0), Zone: "zone-a", Node: fmt.Sprintf("n%d", i)}
		course := []string{"02:07:42", "good", r[3], "draining", r[4], "dying", r[5], "", r[6], "starting", r[7], "good"}
		switch r[0] {
		case "web-5":
			e.Tier, e.Since, e.Published, e.Conditions, e.Why, e.Flaps = "sick", at("03:03:40.112"), false, nil, "not published, because it is not ready any more; its own name stays", new(1)
			course = append(course, "03:03:40", "sick")
		case "web-2":
			e.Tier, e.Since, e.Published, e.Flaps, e.DampedUntil = "damped", at("03:03:38.871"), false, new(15), at("03:08:30")
			e.Why = "not published, because it flapped, and is damped until 03:08:30; its own name stays"
			for n, d := range webDowns {
				up := "good"
				if n >= 2 {
					up = "damped"
				}
				course = append(course, d[0], "sick", d[1], up)
			}
		}
		e.Spans = spans(course...)
		s.Endpoints = append(s.Endpoints, e)
	}
	// Those in trouble first.
	e := s.Endpoints
	s.Endpoints = []v1.Endpoint{e[0], e[3], e[5], e[4], e[2], e[1]}
	s.Names = []v1.Name{
		{Name: "web.shop.svc.cluster.local.", Type: "A", Rcode: "NOERROR", TTL: 2, Total: 4, Records: []string{"10.1.4.27", "10.1.6.44", "10.1.7.12", "10.1.8.5"}},
		{Name: "web.shop.svc.cluster.local.", Type: "AAAA", Rcode: "NOERROR", TTL: 1, EDE: "shop/web has no endpoints of this address family"},
		{Name: "_http._tcp.web.shop.svc.cluster.local.", Type: "SRV", Rcode: "NOERROR", TTL: 2, Total: 4, Records: []string{
			"0 100 80 web-0.web.shop.svc.cluster.local.", "0 100 80 web-1.web.shop.svc.cluster.local.", "0 100 80 web-3.web.shop.svc.cluster.local.", "0 100 80 web-4.web.shop.svc.cluster.local."}},
		{Name: "web-2.web.shop.svc.cluster.local.", Type: "A", Rcode: "NOERROR", TTL: 2, Total: 1, Records: []string{"10.1.9.31"}},
		{Name: "web-6.web.shop.svc.cluster.local.", Type: "A", Rcode: "NXDOMAIN", TTL: 1, EDE: "no such endpoint in shop/web"},
	}
	s.Policy = []v1.PolicyLine{
		{Option: "publish", Value: "serving", From: "corefile", Where: "Corefile:14"}, {Option: "pod_names", Value: "all", From: "corefile", Where: "Corefile:15"},
		{Option: "damping", Value: "on, half-life 2 m", From: "annotation"}, {Option: "ttl", Value: "2", From: "annotation"},
		{Option: "fallback", Value: "draining", From: "default"}, {Option: "fail_open", Value: "off", From: "default"}, {Option: "srv_tiers", Value: "published", From: "default"},
		{Option: "negative_ttl", Value: "1", From: "default"}, {Option: "max_answers", Value: "all", From: "default"},
	}
	s.Slices = []v1.SliceLine{{Name: "web-x7k2p", Version: 88123412, Endpoints: 6, Ports: []string{"http 80/tcp"}, Triggered: at("03:03:40")}}
	s.Places = []v1.Place{{Zone: "zone-a", Type: "A", Got: 2, All: 4, Result: "zone"}}
	s.History = webHistory()
	return s
}

// webHistory is what happened to web, the last first.
func webHistory() (all []v1.Decision) {
	add := func(t string, was, is int, late int64, c v1.Change) {
		all = append([]v1.Decision{{At: at(t), Cause: "slice", LateMs: late, Carried: [2]int{was, is}, Changes: []v1.Change{c}}}, all...)
	}
	for _, r := range webRollout {
		add(r[3], 6, 5, 0, v1.Change{Endpoint: r[0], Address: r[1], From: "good", To: "draining", Text: r[0] + " terminates, still serves"})
		add(r[4], 5, 5, 0, v1.Change{Endpoint: r[0], Address: r[1], From: "draining", To: "dying", Text: r[0] + " stopped serving"})
		add(r[5], 5, 5, 0, v1.Change{Endpoint: r[0], Address: r[1], From: "dying", Text: r[0] + " gone (" + r[1] + ")"})
		add(r[6], 5, 5, 0, v1.Change{Endpoint: r[0], Address: r[2], To: "starting", Text: r[0] + " appeared at " + r[2] + ", not ready"})
		add(r[7], 5, 6, 0, v1.Change{Endpoint: r[0], Address: r[2], From: "starting", To: "good", Text: r[0] + " became ready, after 33 s"})
	}
	for i, d := range webDowns {
		was, is, from, to := 6, 5, "good", "good"
		if i == 2 {
			to = "damped"
		}
		if i > 2 {
			was, from, to = 5, "damped", "damped"
		}
		add(d[0], was, is, 210, v1.Change{Endpoint: "web-2", Address: "10.1.9.31", From: from, To: "sick", Text: "web-2 stopped being ready"})
		back := v1.Change{Endpoint: "web-2", Address: "10.1.9.31", From: "sick", To: to, Text: "web-2 is ready again"}
		if to == "damped" {
			back.Text = "web-2 is up again, damped until 03:08:30"
			add(d[1], 5, 5, 0, back)
		} else {
			add(d[1], 5, 6, 0, back)
		}
	}
	add("03:03:40.112", 5, 4, 180, v1.Change{Endpoint: "web-5", Address: "10.1.5.90", From: "good", To: "sick", Text: "web-5 stopped being ready"})
	return all
}

func someServices() *v1.ServiceList {
	l := &v1.ServiceList{Header: header(v1.KindServiceList), Services: badOverview().Trouble, Total: 8}
	for i := range l.Services {
		l.Services[i].Steps = nil
	}
	l.Services = append(l.Services,
		v1.ServiceLine{Namespace: "shop", Name: "billing", Type: "ExternalName", State: v1.StateExternal, Level: v1.LevelOK, Target: "db.example.com"},
		v1.ServiceLine{Namespace: "shop", Name: "old", Type: "headless", State: v1.StateNone, Text: "shop/old has no endpoints", Rcode: "NXDOMAIN"})
	return l
}

func someHistory() *v1.History {
	return &v1.History{Header: header(v1.KindHistory), KnownFrom: at("2026-11-27 19:26:02"), Decisions: webHistory()[:4],
		Events: []v1.Event{
			{At: at("03:04:10"), Kind: "lost", Text: "The API server https://10.96.0.1:443 is lost: dial tcp 10.96.0.1:443: connect: connection refused"},
			{At: at("02:20:48"), Kind: "listed", Text: "Listed endpointslices_headless anew: 0 added, 3 changed, 0 removed"},
			{At: at("02:20:47"), Kind: "back", Text: "The API server https://10.96.0.1:443 is back after 42.0 s"},
		}}
}
