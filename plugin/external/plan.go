package external

import (
	"net/netip"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// Terms are what a stanza says of ExternalName Services. They can be compared. The zero value
// says nothing.
type Terms struct {
	LastGood LastGood
	Flatten  bool
	// Rules is the text of Rules, canonical.
	Rules string
}

// Wish returns what a Service wants that says nothing itself.
func (t Terms) Wish() Wish { return Wish{LastGood: t.LastGood, Flatten: t.Flatten} }

// A Plan is what is done about the targets of one ExternalName Service.
type Plan struct {
	// Targets are those that it may lead to, spec.externalName first; none where rules deny
	// them all.
	Targets  []Target
	ByWeight bool
	LastGood LastGood
	Flatten  bool
	// Checked is true where the addresses of targets are checked.
	Checked bool
	// Backups is true where an SRV record of a port also names the targets after the chosen
	// one.
	Backups bool
	// Explain is true where the Service answers for _explain.
	Explain bool
	Rules   *Rules
	// Refused are the targets that rules deny.
	Refused []Target
}

// NewPlan returns nil where nothing is wished for, and no rules are written: then the Service
// is an alias, and no more.
func NewPlan(service *model.Service, w *Wish, rules *Rules) *Plan {
	if rules == nil && len(w.Targets.Others) == 0 && w.LastGood.For == 0 && !w.Flatten && !w.Checked {
		return nil
	}
	p := &Plan{ByWeight: w.Targets.ByWeight, LastGood: w.LastGood, Flatten: w.Flatten, Checked: w.Checked, Rules: rules}
	own := Target{service.Target, service.Address, w.Targets.own}
	strict := w.Flatten || w.Checked || len(w.Targets.Others) > 0
	for _, t := range append([]Target{own}, w.Targets.Others...) {
		if p.allows(t, strict) {
			p.Targets = append(p.Targets, t)
		} else {
			p.Refused = append(p.Refused, t)
		}
	}
	return p
}

func (p *Plan) allows(t Target, strict bool) bool {
	switch {
	case !t.Address.IsValid():
		return p.Rules.AllowsName(t.Name)
	case strict:
		return p.Rules.AllowsStrictly(t.Address)
	}
	return p.Rules.AllowsAddress(t.Address)
}

// Keeps reports whether the addresses of targets are to be kept.
func (p *Plan) Keeps() bool {
	return len(p.Targets) > 1 || p.LastGood.For > 0 || p.Flatten || p.Checked
}

// Allows reports whether an address of a target may be given. The rules that nobody has to
// write count where the answer is put together here.
func (p *Plan) Allows(addr netip.Addr) bool {
	if p.isStrict() {
		return p.Rules.AllowsStrictly(addr)
	}
	return p.Rules.AllowsAddress(addr)
}

// Filters reports whether Allows may be false.
func (p *Plan) Filters() bool { return p.isStrict() || p.Rules.HasNetworks() }

func (p *Plan) isStrict() bool { return p.Flatten || p.Checked || len(p.Targets) > 1 }
