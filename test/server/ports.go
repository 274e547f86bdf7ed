package server

import (
	"fmt"
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

type ports struct{ dns, ready, metrics int }

func findPorts() (ports, error) {
	found, err := loopback.Ports(3)
	if err != nil {
		return ports{}, err
	}
	return ports{dns: found[0], ready: found[1], metrics: found[2]}, nil
}

func (p ports) fill(corefile string) string {
	return strings.NewReplacer(
		dnsPort, strconv.Itoa(p.dns),
		readyPort, strconv.Itoa(p.ready),
		metricsPort, strconv.Itoa(p.metrics),
	).Replace(corefile)
}

func at(port int) string { return fmt.Sprintf("%s:%d", loopback.Address, port) }
