package records

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/topology"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"

	"github.com/miekg/dns"
)

// Explanation is the label, without its underscore, of the name that tells why
// each endpoint is published or not: _explain.S.N.svc.Z.
const Explanation = "explain"

// maxExplanation bounds the records of an explanation, in bytes, so that all fit
// into an answer over TCP. It holds some 700 endpoints.
const maxExplanation = 60_000

// explainer explains endpoints.
type explainer struct {
	*Memory
	current   *roster.Current
	standings *health.Standings
	takenOut  roster.Bits
	since     func(roster.At) dated
	checks    checkExplainer
	// waits is true where the Service name waits for endpoints.
	waits bool
}

// explain writes a line for each endpoint, as far as they fit into an answer:
// first for those that are not published.
func (s *Set) explain(c *roster.Current, st *health.Standings, takenOut roster.Bits, o *Options, m *Memory) {
	if !o.Explain {
		return
	}
	e := explainer{m, c, st, takenOut, s.stood.since, s.explainChecks(o.Found), s.Waits()}
	s.stood.explain("policy: " + o.Policy.String() + s.checkText() + topologyText(o.Topology, s.Service))
	if e.waits {
		s.stood.explain(s.waits())
	}
	s.stood.explain(s.near.explain()...)
	size, left, order := explanationSize(s.explained()[0]), c.Len(), byAddress(c.Roster)
	for _, published := range []bool{false, true} {
		for _, at := range order {
			if st.InName.Has(at) != published {
				continue
			}
			line := e.explain(at)
			if size += explanationSize(line); size > maxExplanation {
				s.stood.explain(fmt.Sprintf("and %d more endpoints", left))
				return
			}
			s.stood.explain(line)
			left--
		}
	}
}

// explainLeftOut puts a line about slices that are left out behind that of the policy.
func (s *Set) explainLeftOut() {
	if text := s.leftOut(); text != "" && len(s.explained()) > 0 {
		*s.stood.explanation = slices.Insert(*s.stood.explanation, 1, text)
	}
}

// byAddress returns all endpoints in the order in which people look for them.
func byAddress(r *roster.Roster) []roster.At {
	order := make([]roster.At, r.Len())
	for i := range order {
		order[i] = roster.At(i)
	}
	slices.SortFunc(order, func(a, b roster.At) int { return r.Address(a).Compare(r.Address(b)) })
	return order
}

func (e *explainer) explain(at roster.At) string {
	c, st := e.current, e.standings
	since := e.since(at)
	if failed, ok := e.checks.since(c.Address(at)); ok && st.Tier(at) == health.Sick && st.Fails(at) {
		since = datedAt(failed)
	}
	return fmt.Sprintf("%s %s %s since %s: %s%s%s%s",
		c.Label(c.Target(at)), c.Address(at), st.Tier(at), since,
		e.why(at), e.checks.text(c.Roster, at), otherPorts(c.Roster, st, at), placeText(c, at))
}

// topologyText says what the policy says about topology, if anything, and what the
// Service wishes.
func topologyText(p topology.Policy, service *model.Service) string {
	if p.Mode == topology.Off {
		return ""
	}
	wish := cmp.Or(service.Distribution.String(), "no trafficDistribution")
	return fmt.Sprintf(", topology %s (%s)", p, wish)
}

// placeText says where an endpoint is, and for whose use its slice says it is.
func placeText(c *roster.Current, at roster.At) (text string) {
	if len(c.Zone) == 0 {
		return ""
	}
	zone, node := c.ZoneName(at), c.Node(at)
	if node != (model.Place{}) {
		text += " on " + node.Value()
	}
	if zone != (model.Place{}) {
		text += " in " + zone.Value()
	}
	var hints []string
	for place := range c.HintedFor(at) {
		hints = append(hints, place.Value())
	}
	if len(hints) > 0 {
		text += ", for " + strings.Join(hints, " ")
	}
	if text == "" {
		return ""
	}
	return ";" + text
}

// otherPorts says for which ports an endpoint is in another tier.
func otherPorts(r *roster.Roster, st *health.Standings, at roster.At) (text string) {
	for _, g := range r.Groups() {
		is, ok := g.Others[at]
		if tier := st.In(is, at).Tier; ok && tier != st.Tier(at) {
			var names []string
			for _, p := range g.Ports {
				names = append(names, cmp.Or(p.Name, strconv.Itoa(int(p.Number))))
			}
			text += fmt.Sprintf("; %s for %s", tier, strings.Join(names, ", "))
		}
	}
	return text
}

// explanationSize is the size of a line as a TXT record, in bytes.
func explanationSize(line string) int { return sizePointer + sizeFixed + 1 + min(len(line), maxText) }

// why says whether an endpoint is published, and why not.
func (e *explainer) why(at roster.At) string {
	c, st := e.current, e.standings
	since := e.since(at)
	is := why.Standing{
		Tier: st.Tier(at), Published: st.InName.Has(at), Waits: e.waits, Fails: st.Fails(at), TakenOut: e.takenOut.Has(at),
		Named: st.Named.Has(at), Since: since.time(), Before: since.isBefore(),
	}
	if is.Tier == health.Damped {
		past, _ := e.health.Past(c.Endpoint(at).ID)
		is.Until = past.Until
	}
	return is.Why()
}

// explains reports whether the question is for the name that tells why.
func (s *Set) explains(q *Question) bool {
	return q.Name.Kind == name.Protocol && q.Name.Protocol == Explanation && len(s.explained()) > 0
}

// explanation answers for _explain: a TXT record for each line, of which no
// cache is to keep anything.
func (s *Set) explanation(a *Answer, q *Question, c *Client, room int) {
	if q.Type != dns.TypeTXT {
		a.Outcome = NoData
		return
	}
	a.Outcome = Found
	lines := s.explained()
	if s.near != nil && c != nil {
		lines = append([]string{s.you(c)}, lines...)
	}
	for _, line := range lines {
		if room -= explanationSize(line); room < 0 {
			a.Truncated = true
			break
		}
		a.Records = append(a.Records, &dns.TXT{Hdr: Header(q.Owner, dns.TypeTXT, 0), Txt: []string{line[:min(len(line), maxText)]}})
	}
}

// maxText is the length of the longest string in a TXT record, in bytes (RFC
// 1035, section 3.3).
const maxText = 255

// you says who asks, where it is, and what it gets.
func (s *Set) you(c *Client) string {
	text := fmt.Sprintf("you: %s is %s", c.Address, c.Where)
	for family := range roster.Families {
		all := s.name[family].Len()
		if all == 0 {
			continue
		}
		r := s.near.narrow(s.roster, family, c)
		record, got := [...]string{"A", "AAAA"}[family], all
		if r.Group != nil {
			got = len(r.Group)
		}
		text += fmt.Sprintf("; %s: %d of %d", record, got, all)
		if r.Result != topology.NotAsked {
			text += ", " + r.Result.String()
		}
	}
	return text
}
