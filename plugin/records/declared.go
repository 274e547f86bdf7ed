package records

import (
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"

	"github.com/miekg/dns"
)

// serviceConfig is the label, without its underscore, at which a gRPC client looks for
// how to use the Service: _grpc_config.S.N.svc.Z.
const serviceConfig = "grpc_config"

// declares reports whether a question is for a record that the Service declares.
func (s *Set) declares(q *Question) bool {
	switch q.Name.Kind {
	case name.Service:
		return q.Type == dns.TypeTXT && s.Declared().TXT != nil
	case name.Protocol:
		return q.Name.Protocol == serviceConfig && s.Declared().ServiceConfig != nil
	}
	return false
}

// declaredAnswer answers such a question.
func (s *Set) declaredAnswer(a *Answer, q *Question, room int) {
	text := s.Declared().TXT
	if q.Name.Kind == name.Protocol {
		text = s.Declared().ServiceConfig
	}
	switch q.Type {
	case dns.TypeTXT:
	case dns.TypeANY:
		a.Outcome, a.Records = Found, AnswerANY(q.Owner, q.TTL)
		return
	default:
		a.Outcome = NoData
		return
	}
	a.Outcome = Found
	if size := sizePointer + sizeFixed + sizeOfText(text); size > room {
		a.Truncated = true
		return
	}
	a.Records = []dns.RR{&dns.TXT{Hdr: Header(q.Owner, dns.TypeTXT, q.TTL), Txt: text}}
}

// sizeOfText is no less than what strings take in a message, in bytes.
func sizeOfText(text []string) (size int) {
	for _, each := range text {
		size += 1 + len(each)
	}
	return size
}

// declaresAtName reports whether the Service name has records whoever is published.
func (d *Declared) declaresAtName() bool { return d.TXT != nil || d.SOA }
