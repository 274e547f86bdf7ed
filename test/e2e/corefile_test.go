package e2e

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/loopback"
)

// shared is the Corefile of most tests. The plugin stands in front of
// kubernetes, as README.md shows it; example.org lies outside of the cluster.
// KUBECONFIG and ADMIN are kubeconfig files: this plugin has the least rights,
// the stock one all.
const shared = `cluster.local:{{.DNS}} in-addr.arpa:{{.DNS}} ip6.arpa:{{.DNS}} {
    bind 127.0.0.1
    ready 127.0.0.1:{{.Ready}}
    errors
    k8s_endpoints {
        kubeconfig KUBECONFIG coredns
        fallthrough
    }
    kubernetes {
        kubeconfig ADMIN admin
        noendpoints
        pods insecure
        ttl 7
    }
}
alone.test:{{.DNS}} {
    bind 127.0.0.1
    errors
    k8s_endpoints {
        kubeconfig KUBECONFIG
        ttl 30
        negative_ttl 10
        max_answers 20
        endpoint_pod_names
    }
}
example.org:{{.DNS}} {
    bind 127.0.0.1
    errors
    template ANY ANY fails.example.org {
        rcode SERVFAIL
    }
    template ANY ANY refuses.example.org {
        rcode REFUSED
    }
    file ZONEFILE
}
closed.test:{{.DNS}} {
    bind 127.0.0.1
    forward . 127.0.0.1:CLOSED {
        max_connect_attempts 2
    }
}
`

func sharedCorefile(t *testing.T, c *cluster.Cluster) string {
	t.Helper()
	admin, err := c.Kubeconfig(cluster.AdminUser)
	must(t, err)
	coredns, err := c.Kubeconfig(cluster.CoreDNSUser)
	must(t, err)
	closed, err := loopback.Port()
	must(t, err)
	zonefile, err := filepath.Abs("testdata/example.org.zone")
	must(t, err)
	return strings.NewReplacer(
		"KUBECONFIG", coredns, "ADMIN", admin, "CLOSED", strconv.Itoa(closed), "ZONEFILE", zonefile,
	).Replace(shared)
}

// alone is a Corefile in which no other plugin answers. OPTIONS has a line for
// each further option.
const alone = `cluster.local:{{.DNS}} in-addr.arpa:{{.DNS}} ip6.arpa:{{.DNS}} {
    bind 127.0.0.1
    ready 127.0.0.1:{{.Ready}}
    prometheus 127.0.0.1:{{.Metrics}}
    errors
    k8s_endpoints {
        OPTIONS
    }
}
`

func aloneCorefile(options ...string) string {
	return strings.Replace(alone, "OPTIONS", strings.Join(options, "\n        "), 1)
}
