package server

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/loopback"
)

// The words that stand for ports in a Corefile. All else in double braces stays
// as it is, for the plugin template.
const (
	dnsPort     = "{{.DNS}}"
	readyPort   = "{{.Ready}}"
	metricsPort = "{{.Metrics}}"
)

// furtherPort is such a word too, with a name, for as many ports as a Corefile needs.
var furtherPort = regexp.MustCompile(`\{\{\.Port\.(\w+)\}\}`)

type ports struct {
	dns, ready, metrics int
	// further has those with names.
	further map[string]int
}

// findPorts finds ports for a Corefile.
func findPorts(corefile string) (ports, error) {
	p := ports{further: make(map[string]int)}
	for _, each := range []*int{&p.dns, &p.ready, &p.metrics} {
		var err error
		if *each, err = loopback.Port(); err != nil {
			return p, err
		}
	}
	for _, match := range furtherPort.FindAllStringSubmatch(corefile, -1) {
		if p.further[match[1]] != 0 {
			continue
		}
		port, err := loopback.Port()
		if err != nil {
			return p, err
		}
		p.further[match[1]] = port
	}
	return p, nil
}

// fill puts ports in the place of the words. A name that is not among them stays.
func (p ports) fill(corefile string) string {
	corefile = strings.NewReplacer(
		dnsPort, strconv.Itoa(p.dns),
		readyPort, strconv.Itoa(p.ready),
		metricsPort, strconv.Itoa(p.metrics),
	).Replace(corefile)
	return furtherPort.ReplaceAllStringFunc(corefile, func(word string) string {
		port, ok := p.further[furtherPort.FindStringSubmatch(word)[1]]
		if !ok {
			return word
		}
		return strconv.Itoa(port)
	})
}

func at(port int) string { return fmt.Sprintf("%s:%d", loopback.Address, port) }
