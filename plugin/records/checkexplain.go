package records

import (
	"cmp"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

// checkText says how the Service is checked, if it is.
func (s *Set) checkText() string {
	if s.checked == nil {
		return ""
	}
	w := s.checked.wanted.Value()
	text := ", check " + w.Spec.Kind.String()
	if port := cmp.Or(w.Port, s.onlyPort(&w)); port != "" {
		text += " port " + port
	}
	text += fmt.Sprintf(" every %v, %d fails, %d passes", w.Spec.Interval, w.Spec.Fall, w.Spec.Rise)
	if s.checked.mode == check.Observe {
		text += ", only observed"
	}
	return text
}

// onlyPort returns the number of the port that is checked, where that is one.
func (s *Set) onlyPort(w *check.Wanted) string {
	only := uint16(0)
	for _, g := range s.roster.Groups() {
		switch number, ok := w.PortIn(g.Ports); {
		case !ok:
		case only == 0:
			only = number
		case only != number:
			return ""
		}
	}
	if only == 0 {
		return ""
	}
	return strconv.Itoa(int(only))
}

// checkExplainer says what the checks of endpoints have come to. The zero value says
// nothing: there are none.
type checkExplainer struct {
	*checked
	found *check.Findings
	// targets are those who have the port that is checked.
	targets roster.Bits
}

func (s *Set) explainChecks(found *check.Findings) (e checkExplainer) {
	if s.checked == nil {
		return e
	}
	e = checkExplainer{s.checked, found, roster.NewBits(s.roster.Len())}
	wanted := s.Check()
	for at := range s.targets(&wanted) {
		e.targets.Add(at)
	}
	return e
}

// since returns since when the check of an address fails, if it does.
func (e *checkExplainer) since(addr netip.Addr) (at time.Time, fails bool) {
	verdict, at := e.found.Of(addr)
	return at, verdict == check.Failing
}

// text says what the check of an endpoint has come to, where its tier does not say it.
func (e *checkExplainer) text(r *roster.Roster, at roster.At) string {
	if e.checked == nil || !e.called.Has(at) {
		return ""
	}
	addr := r.Address(at)
	verdict, _ := e.found.Of(addr)
	switch {
	case !e.targets.Has(at):
		return "; not checked: it does not have the port"
	case verdict == check.Unknown:
		return "; not checked yet"
	case verdict == check.NotAllowed:
		return "; not checked: " + refusalText(e.found.NotAllowed[addr])
	case verdict == check.Failing && e.mode == check.Observe:
		return "; its check fails, and is only observed"
	}
	return ""
}

// refusalText says why a check is not made.
func refusalText(r check.Refusal) string {
	switch r {
	case check.ByNever:
		return "such an address never is"
	case check.ByPath:
		return "outside of check_paths"
	case check.ByBudget:
		return "its namespace has too many checks"
	case check.BySpecs:
		return "its port is checked in too many ways"
	}
	return "outside of check_allow"
}
