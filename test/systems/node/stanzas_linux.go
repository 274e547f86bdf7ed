package node

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/test/systems/queries"
)

// The servers that are compared.
const (
	// Ours has the stanza that README.md shows, without the plugin cache.
	Ours = "ours"
	// Patient is Ours for systems with `patience`.
	Patient = "patient"
	// Serving has the one that docs/health.md has for StatefulSets.
	Serving = "serving"
	// Stock has no k8s_endpoints, but cache as kubeadm has it.
	Stock = "stock"
)

// Names are those that are compared: Patient goes for Ours.
var Names = []string{Ours, Serving, Stock}

// Zone is the cluster's.
const Zone = "cluster.local"

// upstream answers what no other one owns: nothing exists.
const upstream = "upstream"

// ownAddress is that of the server with a number which a place has for itself, from 1 on.
func ownAddress(number int) netip.Addr {
	const each = 250
	return netip.AddrFrom4([4]byte{10, 96, byte(1 + number/each), byte(1 + number%each)})
}

// addresses are of the range of Services.
var addresses = map[string]string{Ours: "10.96.0.10", Patient: "10.96.0.13", Serving: "10.96.0.11", Stock: "10.96.0.12", upstream: "10.96.0.16"}

// stanzas are the ways to answer; FILE is a kubeconfig, OPTIONS what a reload puts in, and KEEP
// and BESIDE what a server has that is to start without an API server.
var stanzas = map[string]string{
	Ours: `
    k8s_endpoints cluster.local in-addr.arpa ip6.arpa {
        kubeconfig FILE
        fallthrough
        KEEP
        OPTIONS
    }
` + noEndpoints,
	Patient: `
    k8s_endpoints cluster.local in-addr.arpa ip6.arpa {
        kubeconfig FILE
        patience 2s
        fallthrough
        KEEP
        OPTIONS
    }
` + noEndpoints,
	Serving: `
    k8s_endpoints cluster.local in-addr.arpa ip6.arpa {
        kubeconfig FILE
        publish serving
        pod_names all
        damping observe
        fallthrough
        KEEP
        OPTIONS
    }
` + noEndpoints,
	Stock: `
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig FILE
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        OPTIONS
        BESIDE
    }
    cache 30
`,
}

const noEndpoints = `    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig FILE
        noendpoints
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        BESIDE
    }
`

// corefile is that of the server. Each turn has other options.
func (s *Server) corefile() string {
	if s.Name == upstream {
		return fmt.Sprintf(`.:53 {
    bind %s
    template ANY ANY . {
        rcode NXDOMAIN
        authority ". 60 IN SOA a. b. 1 7200 1800 86400 30"
    }
}
`, addresses[upstream])
	}
	options := []string{"", "ttl 4"}
	if s.Name != Stock {
		options = []string{"", "ttl 4", "negative_ttl 2", "explain"}
	}
	keep, beside := "", ""
	if s.snapshot != "" {
		// As docs/operations.md says.
		keep, beside = "snapshot "+s.snapshot, "startup_timeout 500ms"
	}
	stanza := strings.NewReplacer("FILE", s.kubeconfig, "OPTIONS", options[s.turn%len(options)], "KEEP", keep, "BESIDE", beside).
		Replace(stanzas[s.Name])
	return fmt.Sprintf(`.:53 {
    bind %[1]s
    errors
    log . %[2]s
    ready %[1]s:8181
%[3]s
    forward . %[4]s
}
`, s.Address, queries.Format, stanza, addresses[upstream])
}
