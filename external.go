package endpoints

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/external"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"

	"github.com/miekg/dns"
)

const (
	// mostWait is how long an answer waits for look-ups of targets of which nothing is known
	// yet, where there are others to try: a client gives up after 5 s.
	mostWait = 1500 * time.Millisecond
	// staleTTL is the TTL in seconds of last good answers (RFC 8767, section 4).
	staleTTL = 30
)

// planned is a question for an ExternalName Service that has a Plan.
type planned struct {
	*query
	upstream upstream
	book     *external.Book
	set      *records.Set
	plan     *external.Plan
	asks     external.Asked
	choice   external.Choice
	// began is when the question came, by the clock of the Book.
	began time.Time
}

// reached is what one target has, of the type that was asked for.
type reached struct {
	external.Answer
	// ok is true where the target has addresses, be they of the other family.
	ok bool
	// asked is true where it was looked up for this question, message is what came of that, and
	// looped means that it led back here.
	asked   bool
	message *dns.Msg
	looped  bool
}

// answer answers for a name at or below that of an ExternalName Service that has a Plan.
func (p *planned) answer(ctx context.Context) *dns.Msg {
	if len(p.plan.Targets) == 0 {
		return p.denyAs(dns.ExtendedErrorCodeBlocked, dns.RcodeNameError, p.denialTTL(), fmt.Sprintf(textTargetBlocked, p.set.Service, p.plan.Refused[0]))
	}
	p.choice = p.book.Choose(&p.asks)
	if p.choice.Moved {
		failoversTotal.Inc()
	}
	switch p.asked.Name.Kind {
	case name.Protocol:
		return p.explain()
	case name.Port:
		return p.ports(ctx)
	}
	if p.asked.Type == dns.TypeA || p.asked.Type == dns.TypeAAAA {
		return p.addresses(ctx)
	}
	chosen := p.serving(ctx)
	owned := p.plan.Flatten || chosen.Address.IsValid()
	switch {
	case owned && p.asked.Type == dns.TypeANY:
		return p.any(p.asked.TTL)
	case owned:
		return p.nothing(records.NoteNoType(p.set.Service))
	case p.asked.Type == dns.TypeCNAME, p.asked.Type == dns.TypeANY:
		return p.aliasOf(chosen.Name)
	}
	found, looped := p.follow(ctx, p.upstream, chosen.Name, p.asked.Type)
	if looped {
		return p.fail(dns.ExtendedErrorCodeOther, textChain)
	}
	return p.leadTo(chosen.Name, p.allowed(found))
}

// serving returns the target that addresses come from: an alias is one for all types.
func (p *planned) serving(ctx context.Context) *external.Target {
	if len(p.plan.Targets) > 1 && !isUnasked(ctx) {
		asked := p.asked.Type
		defer func() { p.asked.Type = asked }()
		for _, i := range p.choice.Order {
			for _, p.asked.Type = range []uint16{dns.TypeA, dns.TypeAAAA} {
				if t := &p.plan.Targets[i]; p.reach(ctx, t).ok {
					return t
				}
			}
		}
	}
	return &p.plan.Targets[p.choice.Order[0]]
}

// newPlanned returns a question for a Service that has a Plan.
func newPlanned(q *query, up upstream, book *external.Book, set *records.Set) *planned {
	return &planned{
		query: q, upstream: up, book: book, set: set, plan: set.Plan(), began: book.Now(),
		asks: external.Asked{Key: set.Service.ServiceKey, Plan: set.Plan(), Random: rand.IntN},
	}
}

// nothing says that there are no records of the type, and why.
func (p *planned) nothing(why string) *dns.Msg {
	return p.deny(dns.RcodeSuccess, p.denialTTL(), why)
}

// denialTTL returns the TTL of denials, in seconds.
func (p *planned) denialTTL() uint32 { return or(p.set.Declared().NegativeTTL, p.negativeTTL) }

// family returns that of a type of address.
func family(qtype uint16) int {
	if qtype == dns.TypeAAAA {
		return external.IPv6
	}
	return external.IPv4
}

// addresses answers with those of the first target that has any.
func (p *planned) addresses(ctx context.Context) *dns.Msg {
	var first reached
	for place, i := range p.choice.Order {
		r := p.reach(ctx, &p.plan.Targets[i])
		if r.ok {
			return p.give(i, &r)
		}
		if place == 0 {
			first = r
		}
	}
	return p.lastTry(ctx, p.choice.Order[0], &first)
}

// lastTry answers with what a target has that has no addresses, and looks it up where that
// was not done for this question.
func (p *planned) lastTry(ctx context.Context, i int, r *reached) *dns.Msg {
	t := &p.plan.Targets[i]
	if !r.asked {
		again := p.ask(ctx, t)
		if r = &again; r.ok {
			return p.give(i, r)
		}
	}
	return p.giveUp(t, r)
}

// reach finds out what a target has. A name of which something is kept is not looked up here.
func (p *planned) reach(ctx context.Context, t *external.Target) reached {
	if t.Address.IsValid() {
		return p.literal(t)
	}
	// Signatures are not kept.
	signed := !p.plan.Flatten && p.r.IsEdns0() != nil && p.r.IsEdns0().Do()
	if !p.plan.Keeps() || isUnasked(ctx) {
		return p.ask(ctx, t)
	}
	if signed {
		if r := p.ask(ctx, t); r.ok {
			return r
		}
	}
	several := len(p.plan.Targets) > 1
	a, finding := p.look(ctx, t.Name)
	if finding == external.Fresh && several {
		p.book.Await(ctx, t.Name, p.left())
		a, finding = p.look(ctx, t.Name)
	}
	switch {
	case finding == external.Kept:
		return p.kept(a)
	case several && finding != external.NotKept, several && p.left() <= 0:
		// There may be others, and one that is not kept costs time.
		return reached{}
	}
	return p.ask(ctx, t)
}

// left is how long this answer may still wait.
func (p *planned) left() time.Duration { return mostWait - p.book.Now().Sub(p.began) }

func (p *planned) look(ctx context.Context, name string) (external.Answer, external.Finding) {
	return p.book.Look(name, family(p.asked.Type), p.plan.LastGood, func() external.Resolver { return p.through(ctx, p.upstream) })
}

// kept is what the Book has. A denial in this family alone is an answer.
func (p *planned) kept(a external.Answer) reached {
	return reached{Answer: a, ok: true}
}

// literal is what a target has that is an address.
func (p *planned) literal(t *external.Target) reached {
	f := &external.Found{Result: external.NoAddress, TTL: math.MaxInt64}
	if t.Address.Is4() == (p.asked.Type == dns.TypeA) {
		f.Result, f.Addresses = external.Good, []netip.Addr{t.Address}
	}
	return reached{Answer: external.Answer{Found: f, Left: f.TTL}, ok: true}
}

// ask looks a target up, as for any alias.
func (p *planned) ask(ctx context.Context, t *external.Target) (r reached) {
	if t.Address.IsValid() {
		return p.literal(t)
	}
	r.asked = true
	r.message, r.looped = p.follow(ctx, p.upstream, t.Name, p.asked.Type)
	f := external.Read(r.message, t.Name, p.asked.Type, p.plan.Rules)
	r.Answer = external.Answer{Found: &f, Left: f.TTL}
	r.ok = f.Result == external.Good
	if f.Result == external.NoAddress && len(p.plan.Targets) > 1 && !r.looped {
		other := dns.TypeA + dns.TypeAAAA - p.asked.Type
		found, _ := p.follow(ctx, p.upstream, t.Name, other)
		r.ok = external.Read(found, t.Name, other, p.plan.Rules).Result == external.Good
	}
	return r
}

// give answers with what a target has.
func (p *planned) give(i int, r *reached) *dns.Msg {
	t := &p.plan.Targets[i]
	p.asked.TTL = p.ttlFrom(i, r)
	var m *dns.Msg
	notes := p.notes(i, r)
	switch {
	case p.plan.Flatten, t.Address.IsValid():
		m = p.flat(t, r, notes)
	case r.asked:
		m = p.leadTo(t.Name, p.allowed(r.message))
	default:
		m = p.aliasTo(i, r)
	}
	if r.Stale {
		staleAnswersTotal.Inc()
	}
	return p.noteAll(m, notes)
}

// ttlFrom returns that of the answer in seconds: of last good answers, and where another target
// has to do, it is short.
func (p *planned) ttlFrom(i int, r *reached) uint32 {
	ttl := p.ttlOf(p.set)
	switch {
	case r.Stale:
		return max(min(staleTTL, ttl), 1)
	case p.plan.Flatten:
		return min(ttl, seconds(r.Left))
	}
	return ttl
}

// seconds returns a duration as a TTL.
func seconds(d time.Duration) uint32 {
	return uint32(min(max(d, 0)/time.Second, math.MaxInt32))
}

// flat answers with the addresses as the Service's own.
func (p *planned) flat(t *external.Target, r *reached, notes []reason) *dns.Msg {
	all := p.passing(r.Addresses)
	if len(all) == 0 {
		return p.nothing(fmt.Sprintf(textTargetFamily, t))
	}
	return p.flatOf(all, notes)
}

// flatOf answers with addresses as the Service's own, beside which the notes have room.
func (p *planned) flatOf(all []netip.Addr, notes []reason) *dns.Msg {
	room := p.asked.Room
	for _, note := range notes {
		room -= records.NoteSize(note.text)
	}
	a := p.set.Flat(&p.asked, all, room)
	return p.found(&a)
}

// passing leaves addresses out whose check fails, unless they are all that there are.
func (p *planned) passing(all []netip.Addr) []netip.Addr {
	if p.asks.Fails == nil {
		return all
	}
	var passing []netip.Addr
	for _, addr := range all {
		if !p.asks.Fails(addr) {
			passing = append(passing, addr)
		}
	}
	if len(passing) == 0 {
		return all
	}
	return passing
}

// aliasTo answers with the alias and what is kept of its target.
func (p *planned) aliasTo(i int, r *reached) *dns.Msg {
	m := p.aliasOf(p.plan.Targets[i].Name)
	m.Answer = append(m.Answer, p.aged(p.withoutFailing(r), i, r)...)
	m.Ns = p.aged(r.Authority, i, r)
	return m
}

// aged returns copies of records that are kept. Their TTLs are at most what is left, and
// short where another target has to do.
func (p *planned) aged(kept []dns.RR, i int, r *reached) (all []dns.RR) {
	for _, rr := range kept {
		rr = dns.Copy(rr)
		h := rr.Header()
		switch h.Ttl = min(h.Ttl, seconds(r.Left)); {
		case r.Stale:
			h.Ttl = p.asked.TTL
		case i > 0:
			h.Ttl = min(h.Ttl, p.asked.TTL)
		}
		all = append(all, rr)
	}
	return all
}

// withoutFailing leaves out the records of addresses whose check fails.
func (p *planned) withoutFailing(r *reached) []dns.RR {
	passing := p.passing(r.Addresses)
	if len(passing) == len(r.Addresses) {
		return r.Records
	}
	var kept []dns.RR
	for _, rr := range r.Records {
		if addr, ok := external.AddressOf(rr); !ok || slices.Contains(passing, addr) {
			kept = append(kept, rr)
		}
	}
	return kept
}

// allowed returns a message without addresses that may not be given.
func (p *planned) allowed(found *dns.Msg) *dns.Msg {
	if found == nil || !p.plan.Filters() {
		return found
	}
	m := *found
	m.Answer, m.Extra = p.onlyAllowed(found.Answer), p.onlyAllowed(found.Extra)
	return &m
}

func (p *planned) onlyAllowed(all []dns.RR) (kept []dns.RR) {
	for _, rr := range all {
		if !slices.ContainsFunc(addressesIn(rr), func(addr netip.Addr) bool { return !p.plan.Allows(addr) }) {
			kept = append(kept, rr)
		}
	}
	return kept
}

// addressesIn returns the addresses that a client may take out of a record: its own, or the
// hints of one for a service (RFC 9460, section 7.3).
func addressesIn(rr dns.RR) (all []netip.Addr) {
	if addr, ok := external.AddressOf(rr); ok {
		return []netip.Addr{addr}
	}
	var values []dns.SVCBKeyValue
	switch rr := rr.(type) {
	case *dns.HTTPS:
		values = rr.Value
	case *dns.SVCB:
		values = rr.Value
	}
	for _, value := range values {
		var hints []net.IP
		switch value := value.(type) {
		case *dns.SVCBIPv4Hint:
			hints = value.Hint
		case *dns.SVCBIPv6Hint:
			hints = value.Hint
		}
		for _, hint := range hints {
			if addr, ok := netip.AddrFromSlice(hint); ok {
				all = append(all, addr.Unmap())
			}
		}
	}
	return all
}

// giveUp says that no target has an answer, by what the chosen one has.
func (p *planned) giveUp(t *external.Target, r *reached) *dns.Msg {
	if r.looped {
		return p.fail(dns.ExtendedErrorCodeOther, textChain)
	}
	switch result := r.Result; {
	case p.isBlocked(r):
		return p.denyAs(dns.ExtendedErrorCodeBlocked, dns.RcodeSuccess, p.denialTTL(), fmt.Sprintf(textAddressesBlocked, t))
	case !p.plan.Flatten:
	case result == external.NoAddress:
		return p.nothing(fmt.Sprintf(textTargetFamily, t))
	case result == external.NoName:
		return p.nothing(fmt.Sprintf(textTargetFailed, rcodeText(dns.RcodeNameError), t.Name))
	}
	return p.leadTo(t.Name, p.allowed(r.message))
}

// isBlocked reports whether a target has addresses, and none may be given.
func (p *planned) isBlocked(r *reached) bool {
	if r.message == nil || !p.plan.Filters() {
		return false
	}
	denied := false
	for _, rr := range r.message.Answer {
		if addr, ok := external.AddressOf(rr); ok {
			if p.plan.Allows(addr) {
				return false
			}
			denied = true
		}
	}
	return denied
}

// ports answers with SRV records: the Service's own name where that has addresses, or else
// the chosen target, with srv_tiers those that come after it.
func (p *planned) ports(ctx context.Context) *dns.Msg {
	chosen := p.serving(ctx)
	targets := []string{p.asked.OwnName()}
	var glue []netip.Addr
	switch {
	case p.plan.Flatten || chosen.Address.IsValid():
		glue = p.glue(ctx)
	default:
		targets[0] = chosen.Name
		targets = append(targets, p.backups(chosen)...)
	}
	a := p.set.SRV(&p.asked, targets, glue)
	return p.found(&a)
}

// backups are the other targets in the order in which they are tried, where srv_tiers asks for
// them.
func (p *planned) backups(chosen *external.Target) (names []string) {
	if !p.plan.Backups || p.plan.ByWeight {
		return nil
	}
	for _, i := range p.choice.Order {
		if t := &p.plan.Targets[i]; t != chosen && t.Name != "" {
			names = append(names, t.Name)
		}
	}
	return names
}

// glue returns the addresses of both families.
func (p *planned) glue(ctx context.Context) (all []netip.Addr) {
	asked := p.asked.Type
	defer func() { p.asked.Type = asked }()
	least := p.asked.TTL
	for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
		p.asked.Type = qtype
		for _, i := range p.choice.Order {
			if r := p.reach(ctx, &p.plan.Targets[i]); r.ok {
				least = min(least, p.ttlFrom(i, &r))
				all = append(all, p.passing(r.Addresses)...)
				break
			}
		}
	}
	p.asked.TTL = least
	return all
}
