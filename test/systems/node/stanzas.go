package node

import (
	"fmt"
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

// addresses are of the range of Services.
var addresses = map[string]string{Ours: "10.96.0.10", Patient: "10.96.0.13", Serving: "10.96.0.11", Stock: "10.96.0.12", upstream: "10.96.0.16"}

// stanzas are the ways to answer; FILE is a kubeconfig, and OPTIONS what a reload puts in.
var stanzas = map[string]string{
	Ours: `
    k8s_endpoints cluster.local in-addr.arpa ip6.arpa {
        kubeconfig FILE
        fallthrough
        OPTIONS
    }
` + noEndpoints,
	Patient: `
    k8s_endpoints cluster.local in-addr.arpa ip6.arpa {
        kubeconfig FILE
        patience 2s
        fallthrough
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
        OPTIONS
    }
` + noEndpoints,
	Stock: `
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig FILE
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        OPTIONS
    }
    cache 30
`,
}

const noEndpoints = `    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig FILE
        noendpoints
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
    }
`

// corefile is that of a server. Each turn has other options.
func corefile(name, kubeconfig string, turn int) string {
	if name == upstream {
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
	if name != Stock {
		options = []string{"", "ttl 4", "negative_ttl 2", "explain"}
	}
	stanza := strings.NewReplacer("FILE", kubeconfig, "OPTIONS", options[turn%len(options)]).Replace(stanzas[name])
	return fmt.Sprintf(`.:53 {
    bind %[1]s
    errors
    log . %[2]s
    ready %[1]s:8181
%[3]s
    forward . %[4]s
}
`, addresses[name], queries.Format, stanza, addresses[upstream])
}
