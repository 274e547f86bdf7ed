package endpoints

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unique"

	"github.com/coredns/coredns/plugin/pkg/fall"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/history"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/place"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/topology"

	"github.com/miekg/dns"
	"k8s.io/apimachinery/pkg/labels"
)

// The files that have the texts of Extended DNS Errors.
var reasonFiles = []string{"reasons.go", "plugin/why/reasons.go", "plugin/place/reasons.go"}

// reasonText is a text of the code.
type reasonText struct {
	name    string
	matches *regexp.Regexp
	// literal is how many bytes of it are always the same.
	literal int
}

// reasonTexts returns the texts of the code.
func reasonTexts(t *testing.T) (all []reasonText) {
	t.Helper()
	verb := regexp.MustCompile(`%[sd]`)
	for _, path := range reasonFiles {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			for i, name := range spec.Names {
				text, err := strconv.Unquote(spec.Values[i].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				if strings.HasSuffix(text, " ") {
					text += "%s"
				}
				value := "[^;]+"
				if strings.Contains(text, ";") {
					value = ".+"
				}
				pattern := strings.ReplaceAll(regexp.QuoteMeta(verb.ReplaceAllString(text, "\x00")), "\x00", value)
				all = append(all, reasonText{name.Name, regexp.MustCompile("^" + pattern + "$"), len(verb.ReplaceAllString(text, ""))})
			}
			return true
		})
	}
	return all
}

// reasonOf returns the text that a reason is made of, and that says most: "" is none.
func reasonOf(all []reasonText, reason string) string {
	best := reasonText{}
	for _, text := range all {
		if text.literal > best.literal && text.matches.MatchString(reason) {
			best = text
		}
	}
	return best.name
}

// documentedReasons returns the texts in docs/health.md, with the codes in front.
func documentedReasons(t *testing.T) (all []string) {
	t.Helper()
	page, err := os.ReadFile("docs/health.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "\n## Why is a Pod missing?\n")
	if !found {
		t.Fatal("docs/health.md does not say why a Pod is missing")
	}
	section, _, _ = strings.Cut(section, "\n### explain\n")
	code, quoted := regexp.MustCompile(`\((\d+)\):`), regexp.MustCompile("`([^`]+)`")
	for line := range strings.Lines(section) {
		cell, ok := strings.CutPrefix(line, "| ")
		if !ok {
			continue
		}
		cell, _, _ = strings.Cut(cell, " | ")
		number := "0"
		if found := code.FindStringSubmatch(cell); found != nil {
			number = found[1]
		}
		for _, text := range quoted.FindAllStringSubmatch(cell, -1) {
			all = append(all, number+" "+text[1])
		}
	}
	return all
}

func TestEveryReasonIsDocumented(t *testing.T) {
	texts := reasonTexts(t)
	rows := make(map[string][]string)
	for _, row := range documentedReasons(t) {
		_, text, _ := strings.Cut(row, " ")
		of := reasonOf(texts, text)
		if head, _, joined := strings.Cut(text, "; apart from that, "); joined {
			of = reasonOf(texts, strings.Replace(text, head, ".", 1))
		}
		if of == "" {
			t.Errorf("docs/health.md has a text that nobody gives: %s", text)
		}
		rows[of] = append(rows[of], text)
	}
	for _, text := range texts {
		if of := rows[text.name]; len(of) != 1 {
			t.Errorf("%s has the rows %q in docs/health.md, want one", text.name, of)
		}
	}
}

// Whoever gives a reason takes it from a text that stands with the others.
func TestReasonsStandInOnePlace(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	sentence := regexp.MustCompile(`[a-z]+ [a-z]+`)
	for _, path := range append(files, "plugin/records/note.go") {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); path == "plugin/records/note.go" || ok && givesReason(call) {
				ast.Inspect(n, func(n ast.Node) bool {
					if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING && sentence.MatchString(text.Value) {
						t.Errorf("%v: %s is not in %v", set.Position(text.Pos()), text.Value, reasonFiles)
					}
					return true
				})
				return false
			}
			return true
		})
	}
}

func givesReason(call *ast.CallExpr) bool {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	return ok && slices.Contains([]string{"negative", "deny", "fail", "note"}, selector.Sel.Name)
}

// A server answers one question with one reason.
type reasonCase struct {
	question string
	qtype    uint16
	// want has the code in front where that is not 0.
	want string
	// server is of the cluster of the tests where nil.
	server func() *handler
}

// served answers for the cluster of the tests, with changes one after the other, a second
// apart.
func served(s *corefile.Stanza, changes ...[]model.Change) func() *handler {
	return func() *handler {
		h := testHandler(s, testChanges())
		h.clients.Store(place.NewTable(&s.Clients, nil))
		c, now := h.cache.Load(), time.Now()
		c.now = func() time.Time { return now }
		for _, change := range changes {
			c.Apply(change)
			c.publish()
			now = now.Add(time.Second)
		}
		return h
	}
}

// under is a stanza with a policy.
func withPolicy(p health.Policy) *corefile.Stanza {
	s := testStanza()
	s.Settings.Policy = p
	return s
}

// stateOf is a slice of the Service x whose endpoints are all alike.
func stateOf(c model.Conditions, addresses ...string) model.Change {
	state := readySlice("default", "x", "x-1", addresses...)
	state.Slice.Ports = []model.Port{{Name: "sql", Number: 5432}}
	for i := range state.Slice.Endpoints {
		state.Slice.Endpoints[i].Conditions = c
	}
	return state
}

// placed is a slice with an endpoint in each zone, each on a node of its own.
func placed(namespace, service string, zones ...string) model.Change {
	var addresses []string
	for i := range zones {
		addresses = append(addresses, fmt.Sprintf("10.2.0.%d", i+1))
	}
	c := readySlice(namespace, service, service+"-1", addresses...)
	c.Slice.Places = new(model.Places)
	for i, zone := range zones {
		c.Slice.Places.Zones = append(c.Slice.Places.Zones, unique.Make(zone))
		c.Slice.Places.Nodes = append(c.Slice.Places.Nodes, unique.Make(fmt.Sprintf("node-%d", i)))
		c.Slice.Endpoints[i].Zone, c.Slice.Endpoints[i].Node = uint16(i+1), uint16(i+1)
	}
	return c
}

// judged answers for a Service x with three endpoints whose checks all fail.
func judged(p health.Policy) func() *handler {
	return func() *handler {
		h := served(withPolicy(p), []model.Change{headlessService("default", "x"), stateOf(model.Ready|model.Serving, "10.0.0.7", "10.0.0.8", "10.0.0.9")})()
		found := &check.Findings{Failing: make(map[netip.Addr]time.Time)}
		for _, e := range []string{"10.0.0.7", "10.0.0.8", "10.0.0.9"} {
			found.Failing[netip.MustParseAddr(e)] = time.Now()
		}
		c, key := h.cache.Load(), model.ServiceKey{Namespace: "default", Name: "x"}
		options := *c.services[key].options
		options.Check, options.CheckMode, options.Found = check.Wanted{Spec: check.Spec{Kind: check.TCP}}, check.On, found
		c.services[key].options, c.dirty[key] = &options, history.ByService
		c.publish()
		return h
	}
}

func reasonCases() []reasonCase {
	const (
		x     = "x.default.svc.cluster.local."
		ready = model.Ready | model.Serving
	)
	service := headlessService("default", "x")
	asking := headlessService("default", "x")
	asking.Service.PublishNotReady = true
	of := func(changes ...model.Change) func() *handler { return served(testStanza(), changes) }
	waits := func(state model.Change) func() *handler {
		s := testStanza()
		s.Settings.Annotations = corefile.AllAnnotations
		return served(s, []model.Change{declaring("x", map[string]string{"min-endpoints": "3"}), state})
	}
	byServing := withPolicy(health.Policy{Publish: health.ByServing})
	bounded, selective := testStanza(), testStanza()
	bounded.MaxAnswers = 1
	selective.Labels = labels.Everything()
	deep := testStanza()
	deep.Primary = strings.Repeat("a-label-of-the-zone.", 12)
	names := leftOutSlice("default", "x", "x-2", "type FQDN")

	damping := withPolicy(health.Policy{Damping: health.Damping{Mode: health.DampingOn, HalfLife: health.DefaultHalfLife}})
	others := readySlice("default", "x", "x-0", "10.1.0.1", "10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.5")
	flaps := [][]model.Change{{service, others, stateOf(ready, "10.0.0.9")}}
	for range 3 {
		flaps = append(flaps, []model.Change{stateOf(0, "10.0.0.9")}, []model.Change{stateOf(ready, "10.0.0.9")})
	}
	portDown := stateOf(model.Ready, "10.0.0.9")
	wishes := headlessService("default", "x")
	wishes.Service.Distribution = model.PreferSameNode
	inZones := func(node string, most int) func() *handler {
		s := testStanza()
		s.Settings.Zonal = true
		s.MaxAnswers, s.Settings.Topology = most, topology.Policy{Mode: topology.On, Count: 1, Percent: 50}
		s.Clients.Server = place.Server{Zone: unique.Make("a"), Node: unique.Make(node)}
		return served(s, []model.Change{wishes, placed("default", "x", "a", "a", "b")})
	}
	several := toOutside("pg", "a.example.org", "targets", "order b.example.org")
	failing := map[string]string{"a.example.org.": "SERVFAIL", "b.example.org.": "192.0.2.2"}
	return []reasonCase{
		{"db.default.svc.cluster.local.", dns.TypeA, "", nil},
		{"_sql._tcp.db.default.svc.cluster.local.", dns.TypeSRV, "", nil},
		{"db-0.db.default.svc.cluster.local.", dns.TypeA, "", nil},
		{"address.default.svc.cluster.local.", dns.TypeA, "", nil},

		{"starting.default.svc.cluster.local.", dns.TypeA, "no endpoint is ready: 1 starting", nil},
		{"starting.default.svc.cluster.local.", dns.TypeTXT, "no endpoint is ready: 1 starting", nil},
		{"starting.default.svc.cluster.local.", dns.TypeA, "no endpoint is up: 1 starting", served(byServing)},
		{x, dns.TypeA, "endpoints in zone a, where the client is", inZones("elsewhere", 0)},
		{x, dns.TypeA, "1 of 2 endpoints in zone a, where the client is", inZones("elsewhere", 1)},
		{x, dns.TypeA, "endpoints on the client's own node", inZones("node-0", 0)},
		{x, dns.TypeA, "draining endpoints only", of(service, stateOf(model.Serving|model.Terminating, "10.0.0.8"))},
		{"_sql._tcp." + x, dns.TypeSRV, "draining endpoints only", of(service, others, stateOf(model.Serving|model.Terminating, "10.0.0.8"))},
		{"_sql._tcp." + x, dns.TypeSRV, "damped endpoints only", served(damping, flaps...)},
		{x, dns.TypeA, "fail open: 0 of 1 serving", served(withPolicy(health.Policy{FailOpen: 50}),
			[]model.Change{service, stateOf(ready, "10.0.0.8")}, []model.Change{stateOf(0, "10.0.0.8")})},
		{x, dns.TypeA, "no endpoint passes its check: 3 sick", judged(health.Policy{FailOpen: health.FailOpenOff})},
		{x, dns.TypeA, "fail open: 0 of 3 serving, by check", judged(health.Policy{})},
		{"db.default.svc.cluster.local.", dns.TypeA, "1 of 2 addresses", served(bounded)},
		{"db.default.svc.cluster.local.", dns.TypeSRV, "1 of 2 SRV records", served(bounded)},
		{x, dns.TypeA, "the name waits: 1 of 3 endpoints have an address", waits(stateOf(ready, "10.0.0.7"))},
		{x, dns.TypeA, "the name waits: 0 of 3 endpoints have an address, 1 terminating besides", waits(stateOf(model.Serving|model.Terminating, "10.0.0.7"))},
		{x, dns.TypeA, "nobody serves yet: 2 starting, as publishNotReadyAddresses asks", served(byServing,
			[]model.Change{asking, stateOf(model.Ready, "10.0.0.8", "10.0.0.9")})},
		{x, dns.TypeA, "nobody serves: 1 starting, 1 sick, as publishNotReadyAddresses asks", served(byServing,
			[]model.Change{asking, stateOf(ready, "10.0.0.8")}, []model.Change{stateOf(model.Ready, "10.0.0.8", "10.0.0.9")})},
		{x, dns.TypeA, "nobody serves: the EndpointSlices call endpoints ready that do not", served(byServing,
			[]model.Change{service, stateOf(model.Ready, "10.0.0.8")})},
		{"_sql._tcp." + x, dns.TypeSRV, "nobody who offers this port serves", served(byServing, []model.Change{service, others, portDown})},

		{x, dns.TypeA, "default/x has no endpoints", of(service)},
		{"db.default.svc.cluster.local.", dns.TypeAAAA, "default/db has no endpoints of this address family", nil},
		{"starting-0.starting.default.svc.cluster.local.", dns.TypeA, "endpoint starting-0 is starting, and pod_names ready gives no name to it", nil},
		{"3.0.0.10.in-addr.arpa.", dns.TypePTR, "endpoint starting-0 is starting, and pod_names ready gives no name to it, in default/starting", nil},
		{"db-7.db.default.svc.cluster.local.", dns.TypeA, "no such endpoint in default/db", nil},
		{"_no._tcp.db.default.svc.cluster.local.", dns.TypeSRV, "no such port at any endpoint of default/db", nil},
		{"_udp.db.default.svc.cluster.local.", dns.TypeSRV, "no such port at any endpoint of default/db", nil},
		{"_sql._tcp." + x, dns.TypeSRV, "nobody who is published offers this port, in default/x", of(service, others, stateOf(0, "10.0.0.8"))},
		{"c.pin._zone." + x, dns.TypeA, "nobody who is published is in that zone, in default/x", inZones("elsewhere", 0)},
		{"a.b.c.db.default.svc.cluster.local.", dns.TypeA, "no such name in default/db", nil},
		{"a.web.default.svc.cluster.local.", dns.TypeA, "no such endpoint in default/web, which is an ExternalName Service", nil},
		{"_sql._tcp.web.default.svc.cluster.local.", dns.TypeSRV, "no such port in default/web, which is an ExternalName Service", nil},
		{"db.default.svc.cluster.local.", dns.TypeMX, "no records of this type here, in default/db", nil},
		{"db-0.db.default.svc.cluster.local.", dns.TypeAAAA, "no records of this type here, in default/db", nil},
		{"address.default.svc.cluster.local.", dns.TypeAAAA, "no records of this type here, in default/address", nil},
		{"db-0.no.default.svc.cluster.local.", dns.TypeA, "no headless or ExternalName Service default/no", nil},
		{"no.default.svc.cluster.local.", dns.TypeA, "no headless or ExternalName Service default/no that the Corefile selects", served(selective)},
		{"other.svc.cluster.local.", dns.TypeA, "no headless or ExternalName Service in the namespace other is served", nil},
		{"9.0.0.10.in-addr.arpa.", dns.TypePTR, "no endpoint with this address is known", nil},
		{"1.0.0.10.in-addr.arpa.", dns.TypePTR, "the name that this address has is too long, in default/db", served(deep)},

		{x, dns.TypeA, "1 EndpointSlice was left out: type FQDN; apart from that, default/x has no endpoints", of(service, names)},
		{x, dns.TypeA, "1 EndpointSlice was left out: type FQDN", of(service, names, others)},
		{x, dns.TypeA, `2 EndpointSlices were left out, the first: address "nowhere"`, of(service, names, others, leftOutSlice("default", "x", "x-1", `address "nowhere"`))},
		{x, dns.TypeA, `the Service default/x was left out: externalName "a b"`, of(leftOutService("default", "x", `externalName "a b"`))},
		{"_sql._tcp." + x, dns.TypeSRV, `the Service default/x was left out: externalName "a b"`, of(leftOutService("default", "x", `externalName "a b"`))},

		{"web.default.svc.cluster.local.", dns.TypeA, "no answer for the external name www.example.org.", nil},
		{"web.default.svc.cluster.local.", dns.TypeA, "the look-up of the external name www.example.org. is refused", upstreamSays(dns.RcodeRefused)},
		{"web.default.svc.cluster.local.", dns.TypeA, "SERVFAIL for the external name www.example.org.", upstreamSays(dns.RcodeServerFailure)},
		{"web.default.svc.cluster.local.", dns.TypeA, "RCODE 99 for the external name www.example.org.", upstreamSays(99)},
		{"loop.default.svc.cluster.local.", dns.TypeA, "ExternalName Services lead to each other in a loop or too long a chain", func() *handler {
			h := testHandler(testStanza(), []model.Change{model.ServiceChange(&model.Service{
				ServiceKey: model.ServiceKey{Namespace: "default", Name: "loop"}, Kind: model.ExternalName, Target: "loop.default.svc.cluster.local.",
			})})
			h.upstream = itself{h}
			return h
		}},

		{"pg.default.svc.cluster.local.", dns.TypeA, "target 2 of 2, b.example.org: a.example.org does not resolve", outside(failing, 20*time.Second, several)},
		{"pg.default.svc.cluster.local.", dns.TypeA, "target 2 of 2, b.example.org: it was chosen less than a minute ago", func() *handler {
			o := outsideAfter(failing, 20*time.Second, several)
			o.ask("pg", dns.TypeA)
			o.has["a.example.org."] = "192.0.2.1"
			o.pass(35 * time.Second)
			return o.h
		}},
		{"pg.default.svc.cluster.local.", dns.TypeA, "target 2 of 2, b.example.org: the check of a.example.org fails", func() *handler {
			o := outsideAfter(map[string]string{"a.example.org.": "192.0.2.1", "b.example.org.": "192.0.2.2"}, time.Second, several)
			o.h.failsCheck = func(*records.Set) func(netip.Addr) bool {
				return func(addr netip.Addr) bool { return addr == netip.MustParseAddr("192.0.2.1") }
			}
			return o.h
		}},
		{"pg.default.svc.cluster.local.", dns.TypeAAAA, "the external name b.example.org has no address of this family",
			outside(failing, 0, toOutside("pg", "b.example.org", "flatten", "on"))},
		{"pg.default.svc.cluster.local.", dns.TypeA, "3 b.example.org could not be resolved for 6s (SERVFAIL)", func() *handler {
			o := outsideAfter(map[string]string{"b.example.org.": "192.0.2.2/60"}, time.Second, toOutside("pg", "b.example.org", "last-good", "1h"))
			o.has["b.example.org."] = "SERVFAIL"
			o.pass(60 * time.Second)
			return o.h
		}},
		{"pg.default.svc.cluster.local.", dns.TypeA, "15 no address of the external name b.example.org may be given",
			outside(map[string]string{"b.example.org.": "127.0.0.1"}, 0, toOutside("pg", "b.example.org", "flatten", "on"))},
		{"web.default.svc.cluster.local.", dns.TypeA, "15 the Corefile does not let default/web lead to www.example.org", func() *handler {
			s := testStanza()
			s.Settings.External.Rules = "external_deny example.org.\n"
			return newOuter(nil, s, nil).h
		}},

		{"db.default.svc.cluster.local.", dns.TypeA, "14 the first list of Services and EndpointSlices is not complete", func() *handler { return newHandler(testStanza()) }},
		{"db.default.svc.cluster.local.", dns.TypeA, "3 as known before, until the first list is complete", func() *handler { return staleHandler(testChanges()) }},

		{"10-0-0-1.default.pod.cluster.local.", dns.TypeA, "no name of a Service", nil},
		{"default.svc.cluster.local.", dns.TypeA, "no records here, at most below", nil},
		{"svc.cluster.local.", dns.TypeA, "no records here, at most below", nil},
		{"dns.cluster.local.", dns.TypeA, "no records here, at most below", nil},
		{"0.0.10.in-addr.arpa.", dns.TypeA, "no records here, at most below", func() *handler {
			s := testStanza()
			s.Fall = fall.Root
			return served(s)()
		}},
		{"cluster.local.", dns.TypeA, "no records of this type at the zone", nil},
		{"1.0.0.10.in-addr.arpa.", dns.TypeA, "an address has PTR records only", nil},
		{"dns-version.cluster.local.", dns.TypeA, "the version has TXT records only", nil},
		{"ns.dns.cluster.local.", dns.TypeTXT, "the name server has address records only", nil},
		{"ns.dns.cluster.local.", dns.TypeAAAA, "the name server has no address of this family", nil},
	}
}

// outsideAfter is a server some time after the first question for the Service pg.
func outsideAfter(has map[string]string, after time.Duration, changes ...model.Change) *outer {
	o := newOuter(nil, testStanza(), maps.Clone(has), changes...)
	if after > 0 {
		o.ask("pg", dns.TypeA)
		o.pass(after)
	}
	return o
}

func outside(has map[string]string, after time.Duration, changes ...model.Change) func() *handler {
	return func() *handler { return outsideAfter(has, after, changes...).h }
}

// upstreamSays answers for the cluster of the tests, with an upstream that answers with a
// response code.
func upstreamSays(rcode int) func() *handler {
	return func() *handler {
		h := testHandler(testStanza(), testChanges())
		h.upstream = upstreamFunc(func(string) (*dns.Msg, error) { return &dns.Msg{MsgHdr: dns.MsgHdr{Rcode: rcode}}, nil })
		return h
	}
}

func TestAnswersSayWhyThereIsNotMore(t *testing.T) {
	texts, given := reasonTexts(t), make(map[string]bool)
	for _, c := range reasonCases() {
		server := c.server
		if server == nil {
			server = served(testStanza())
		}
		h := server()
		var want []string
		if c.want != "" {
			want = []string{c.want}
			if !regexp.MustCompile(`^\d+ (the first list|as known|\S+ could not be resolved|the Corefile|no address of the external)`).MatchString(c.want) {
				want[0] = "0 " + c.want
			}
		}
		m := serve(t, h, new(dns.Msg).SetQuestion(c.question, c.qtype).SetEdns0(1232, false))
		if got := reasons(m); !slices.Equal(got, want) {
			t.Errorf("%s %s: got %q, want %q", c.question, dns.TypeToString[c.qtype], got, want)
		}
		for _, reason := range reasons(m) {
			_, reason, _ = strings.Cut(reason, " ")
			head, rest, joined := strings.Cut(reason, "; apart from that, ")
			given[reasonOf(texts, head)] = true
			if joined {
				given[reasonOf(texts, ".; apart from that, "+rest)], given[reasonOf(texts, rest)] = true, true
			}
		}
		if plain := serve(t, h, new(dns.Msg).SetQuestion(c.question, c.qtype)); plain.IsEdns0() != nil {
			t.Errorf("%s: an OPT record for a client without EDNS", c.question)
		}
	}
	for _, text := range texts {
		if !given[text.name] {
			t.Errorf("no question here is answered with %s: %v", text.name, text.matches)
		}
	}
	if given[""] {
		t.Error(fmt.Sprint("a reason is in none of ", reasonFiles))
	}
}
