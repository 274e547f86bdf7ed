package life

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/systems/contacts"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/kubelet"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/node"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/pod"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/queries"

	"github.com/miekg/dns"
)

// tally counts what was seen since the life began. Before are the refusals until then.
func (s *Stage) tally(before int) {
	s.result.Refused = len(s.Refusals()) - before
	s.result.Restarts = s.restarts()
	s.tallyContacts()
	s.tallyQueries()
}

// Refusals are the lines in the logs of all Pods that System.Refusal matches.
func (s *Stage) Refusals() []string {
	if s.System.Refusal == nil {
		return nil
	}
	var found []string
	seen := make(map[string]bool)
	for _, each := range s.Lives() {
		if seen[each.Pod] {
			continue
		}
		seen[each.Pod] = true
		for line := range strings.Lines(s.LogOf(each.Pod)) {
			if s.System.Refusal.MatchString(line) {
				found = append(found, each.Pod+": "+strings.TrimSpace(line))
			}
		}
	}
	return found
}

// restarts are those since the life began.
func (s *Stage) restarts() int {
	n := 0
	for _, life := range s.Lives() {
		for _, at := range life.Restarts {
			if at.After(s.begun) {
				n++
			}
		}
	}
	return n
}

// owner is whose address it was at that time.
func owner(of []kubelet.Life, address netip.Addr, at time.Time) *kubelet.Life {
	// Later ones come last.
	for i := len(of) - 1; i >= 0; i-- {
		if of[i].Address == address && of[i].At(at) {
			return &of[i]
		}
	}
	return nil
}

func (s *Stage) tallyContacts() {
	for _, c := range s.contacts() {
		switch {
		case c.to == nil:
			s.result.Dead++
		case s.isWrong(c):
			s.result.Wrong++
		default:
			s.result.Own++
		}
	}
}

// contact is one of a Pod of the stage with an address of Pods.
type contact struct {
	contacts.Contact
	// to is whose the address was then, nil where it was nobody's.
	from, to *kubelet.Life
}

// contacts are those since the life began.
func (s *Stage) contacts() (own []contact) {
	all := s.Node.Kubelet.Lives()
	for _, c := range s.Node.Contacts.Since(s.begun) {
		from := owner(all, c.From.Addr(), c.At)
		if from == nil || from.Namespace != s.Namespace || !pod.Range.Contains(c.To.Addr()) || c.To.Addr() == pod.Gateway {
			continue
		}
		own = append(own, contact{c, from, owner(all, c.To.Addr(), c.At)})
	}
	return own
}

func (s *Stage) isWrong(c contact) bool {
	return c.to != nil && (c.to.Namespace != s.Namespace || c.to.Labels[node.Stranger] != "")
}

// lately is how long before a contact a question may have led to it.
const lately = 2 * time.Second

// Wrong says of each contact with a Pod of others who had it, and when, and what it had asked last.
func (s *Stage) Wrong() (lines []string) {
	const stamp = "15:04:05.000"
	asked := s.Queries()
	for _, c := range s.contacts() {
		if !s.isWrong(c) {
			continue
		}
		line := fmt.Sprintf("%s %s to %s, of %s since %s", c.At.Format(stamp), c.from.Pod, c.To, c.to.Pod, c.to.Begun.Format(stamp))
		for _, q := range asked {
			if q.From == c.From.Addr() && q.At.Before(c.At) && c.At.Sub(q.At) < lately {
				line += fmt.Sprintf("; %s %s %s %s", q.At.Format(stamp), q.Type, q.Name, q.Rcode)
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// foreign counts the answers by Pods of others, of all that answered by their names.
func (s *Stage) foreign(who map[string]int) int {
	own := make(map[string]bool)
	for _, each := range s.Lives() {
		own[each.Pod] = true
	}
	n := 0
	for name, times := range who {
		if !own[name] {
			n += times
		}
	}
	return n
}

// Queries are those of the stage's Pods since the life began.
func (s *Stage) Queries() []queries.Query {
	lives := s.Lives()
	var own []queries.Query
	for _, q := range s.Server.Log.Since(s.begun) {
		if owner(lives, q.From, q.At) != nil {
			own = append(own, q)
		}
	}
	return own
}

func (s *Stage) tallyQueries() {
	lives := s.Lives()
	for _, q := range s.Queries() {
		s.result.Lookups++
		switch q.Rcode {
		case "NOERROR":
		case "NXDOMAIN":
			s.result.Denied++
			if denied(lives, q) {
				s.result.Failed++
			}
		default:
			s.result.Failed++
		}
	}
}

// known is how long after it is ready a Pod may be denied: endpoints take their time to
// travel, and a client that was told of the Pod by another may be faster.
const known = time.Second

// denied reports whether a Pod was denied that had been ready for some time.
func denied(lives []kubelet.Life, q queries.Query) bool {
	for _, life := range lives {
		if life.ReadyFor(q.At) < known {
			continue
		}
		if q.Name == strings.ToLower(life.Name)+"." {
			return true
		}
		reverse, err := dns.ReverseAddr(life.Address.String())
		// A Pod that is in no Service has no name.
		if err == nil && q.Name == reverse && strings.Contains(life.Name, ".") {
			return true
		}
	}
	return false
}
