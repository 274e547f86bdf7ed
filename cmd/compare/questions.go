package main

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"

	"github.com/miekg/dns"
)

// askAll returns the questions for both servers, each once.
func (o *options) askAll(c *differences.Cluster) ([]differences.Question, error) {
	all := []differences.Question{o.Question("kubernetes.default.svc."+o.Zone, dns.TypeA), o.Question("dns-version."+o.Zone, dns.TypeTXT)}
	for _, s := range c.Services {
		switch s.Kind {
		case differences.Headless:
			all = append(all, o.askHeadless(s)...)
		case differences.ExternalName:
			all = append(all, o.askExternalName(s)...)
		case differences.ClusterIP:
			all = append(all, o.askHostnames(s)...)
		case differences.Absent:
			all = append(all, o.Question(s.FullName(o.Zone), dns.TypeA))
		}
	}
	all = append(all, o.askZonal(c)...)
	given, err := o.readQuestions()
	all = append(all, given...)
	known := make(map[differences.Question]bool)
	return slices.DeleteFunc(all, func(q differences.Question) bool {
		again := known[q]
		known[q] = true
		return again
	}), err
}

func (o *options) askHeadless(s *differences.Service) []differences.Question {
	full := s.FullName(o.Zone)
	asked := []differences.Question{o.Question(full, dns.TypeA), o.Question(full, dns.TypeAAAA), o.Question(full, dns.TypeSRV)}
	for i, e := range s.Endpoints {
		for _, p := range e.Ports {
			asked = append(asked, o.askPort(full, p)...)
		}
		if i >= o.endpoints {
			continue
		}
		asked = append(asked, o.askEndpoint(e.Called(o.PodNames)+"."+full, e)...)
	}
	if o.Zonal {
		asked = append(asked, o.askZones(s)...)
	}
	return asked
}

// askZones asks for the zones that the endpoints of a Service are in.
func (o *options) askZones(s *differences.Service) (asked []differences.Question) {
	for _, e := range s.Endpoints[:min(len(s.Endpoints), o.endpoints)] {
		if _, ok := dns.IsDomainName(e.Zone); ok && e.Zone != "" {
			asked = append(asked, o.Question(strings.ToLower(e.Zone)+".pin._zone."+s.FullName(o.Zone), typeOf(e.Address)))
		}
	}
	return asked
}

// askEndpoint asks for the name of an endpoint, and for its address.
func (o *options) askEndpoint(name string, e differences.Endpoint) []differences.Question {
	return []differences.Question{o.Question(name, typeOf(e.Address)), o.Question(differences.ReverseName(e.Address), dns.TypePTR)}
}

// typeOf is the type of the record that has the address.
func typeOf(address string) uint16 {
	if strings.Contains(address, ".") {
		return dns.TypeA
	}
	return dns.TypeAAAA
}

// askHostnames asks for the Pods of a StatefulSet behind a Service with a cluster IP: nobody else has a hostname there.
func (o *options) askHostnames(s *differences.Service) []differences.Question {
	var asked []differences.Question
	for _, e := range s.Endpoints[:min(len(s.Endpoints), o.endpoints)] {
		asked = append(asked, o.askEndpoint(e.Hostname+"."+s.FullName(o.Zone), e)...)
	}
	return asked
}

// askZonal finds out whether kubernetes has the option zonal: it then answers so for any headless Service.
func (o *options) askZonal(c *differences.Cluster) []differences.Question {
	for _, s := range c.Services {
		at := slices.IndexFunc(s.Endpoints, func(e differences.Endpoint) bool { return e.Standing == differences.Ready })
		if s.Kind == differences.Headless && at >= 0 {
			return []differences.Question{o.Question(differences.ZonalLabels+s.FullName(o.Zone), typeOf(s.Endpoints[at].Address))}
		}
	}
	return nil
}

func (o *options) askExternalName(s *differences.Service) []differences.Question {
	full := s.FullName(o.Zone)
	asked := []differences.Question{o.Question(full, dns.TypeA), o.Question(full, dns.TypeAAAA), o.Question(full, dns.TypeCNAME)}
	for _, p := range s.Ports {
		asked = append(asked, o.askPort(full, p)...)
	}
	return asked
}

func (o *options) askPort(full string, p differences.Port) []differences.Question {
	if p.Name == "" {
		return nil
	}
	return []differences.Question{o.Question("_"+p.Name+"._"+p.Protocol+"."+full, dns.TypeSRV)}
}

// readQuestions reads the file of questions, where one is given.
func (o *options) readQuestions() ([]differences.Question, error) {
	if o.questions == "" {
		return nil, nil
	}
	file, err := os.Open(o.questions)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var asked []differences.Question
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		q, err := o.parseQuestion(text)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", o.questions, n, err)
		}
		asked = append(asked, q)
	}
	return asked, lines.Err()
}

func (o *options) parseQuestion(text string) (differences.Question, error) {
	fields := strings.Fields(text)
	if len(fields) != 2 {
		return differences.Question{}, fmt.Errorf("%q is not a name and a type, such as \"db.default.svc.%s A\"", text, o.Zone)
	}
	if _, ok := dns.IsDomainName(fields[0]); !ok {
		return differences.Question{}, fmt.Errorf("%q is not a domain name", fields[0])
	}
	typ, ok := dns.StringToType[strings.ToUpper(fields[1])]
	if !ok {
		return differences.Question{}, fmt.Errorf("%q is not a type of records", fields[1])
	}
	return o.Question(dns.Fqdn(fields[0]), typ), nil
}
