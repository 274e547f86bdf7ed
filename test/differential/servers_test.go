package differential

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	"k8s.io/client-go/rest"
)

// zone is the forward zone of all servers.
const zone = "cluster.local."

// The plugins under test. There is no cache, so each answer is a plugin's own.
const (
	ours = `
    k8s_endpoints cluster.local in-addr.arpa ip6.arpa {
        kubeconfig %[1]s
        fallthrough
    }
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig %[1]s
        noendpoints
        ttl 5
    }`
	oursWithPodNames = `
    k8s_endpoints cluster.local in-addr.arpa ip6.arpa {
        kubeconfig %[1]s
        endpoint_pod_names
        fallthrough
    }
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig %[1]s
        noendpoints
        ttl 5
    }`
	oursWithZonal = `
    k8s_endpoints cluster.local in-addr.arpa ip6.arpa {
        kubeconfig %[1]s
        zonal
        fallthrough
    }
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig %[1]s
        noendpoints
        ttl 5
    }`
	oursAlone = `
    k8s_endpoints cluster.local in-addr.arpa ip6.arpa {
        kubeconfig %[1]s
    }`
	oursKept = `
    k8s_endpoints cluster.local in-addr.arpa ip6.arpa {
        kubeconfig %[1]s
        fallthrough
    }
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig %[1]s
        zonal
        ttl 5
    }`
	stock = `
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig %[1]s
        zonal
        ttl 5
    }`
	stockWithPodNames = `
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig %[1]s
        endpoint_pod_names
        zonal
        ttl 5
    }`
)

// corefile adds to the plugins under test the targets of ExternalName Services:
// names that hosts has, a name with records of other types, one without an IPv6
// address, one that does not exist, and one that cannot be resolved. There is
// no server block for example.net.
const corefile = `cluster.local:{{.DNS}} in-addr.arpa:{{.DNS}} ip6.arpa:{{.DNS}} {
    bind 127.0.0.1
    ready 127.0.0.1:{{.Ready}}
    errors
%s
}
example.org:{{.DNS}} {
    bind 127.0.0.1
    template IN A rich.example.org {
        answer "{{ .Name }} 60 IN A 192.0.2.81"
    }
    template IN MX rich.example.org {
        answer "{{ .Name }} 60 IN MX 10 mail.example.org."
        additional "mail.example.org. 60 IN A 192.0.2.82"
    }
    template IN TXT rich.example.org {
        answer "{{ .Name }} 60 IN TXT \"two  spaces\""
    }
    template IN A v4.example.org {
        answer "{{ .Name }} 60 IN A 192.0.2.83"
    }
    template ANY ANY rich.example.org v4.example.org {
        authority "example.org. 60 IN SOA ns.example.org. hostmaster.example.org. 1 7200 1800 86400 30"
    }
    template ANY ANY missing.example.org {
        rcode NXDOMAIN
        authority "example.org. 60 IN SOA ns.example.org. hostmaster.example.org. 1 7200 1800 86400 30"
    }
    template ANY ANY failing.example.org {
        rcode SERVFAIL
    }
    hosts {
        192.0.2.80 www.example.org
        2001:db8::80 www.example.org
        ttl 30
        no_reverse
    }
    errors
}
`

// world has the control plane and the servers that all tests here share.
var world struct {
	*differences.Cluster
	cluster *cluster.Cluster
	servers map[string]*server.Server
}

// A pairing is a server of ours, and the stock one that it is compared with.
type pairing struct {
	setup       differences.Setup
	ours, stock string
	// endpointsKept says that kubernetes behind ours has its endpoints.
	endpointsKept bool
}

var pairings = []pairing{
	{setup: differences.InFront, ours: ours, stock: stock},
	{setup: differences.InFront, ours: oursKept, stock: stock, endpointsKept: true},
	{setup: differences.Alone, ours: oursAlone, stock: stock},
	{setup: differences.WithZonal, ours: oursWithZonal, stock: stock},
	{setup: differences.WithPodNames, ours: oursWithPodNames, stock: stockWithPodNames},
}

// startLimit bounds the time before the first question: some 10 seconds on two
// idle cores, and the first build of the programs.
const startLimit = 20 * time.Minute

func TestMain(m *testing.M) {
	flag.Parse()
	// Some objects here make the API server warn.
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	os.Exit(run(m))
}

func run(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	stop, err := start(ctx)
	code := 1
	if err == nil {
		code = m.Run()
	}
	if err = errors.Join(err, stop()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// start makes the world. The caller calls stop in any case.
func start(ctx context.Context) (stop func() error, err error) {
	var stops []func() error
	stop = func() error {
		var err error
		for i := range stops {
			err = errors.Join(err, stops[len(stops)-1-i]())
		}
		return err
	}
	c, err := cluster.Start(ctx)
	if err != nil {
		return stop, err
	}
	stops = append(stops, c.Stop)
	world.cluster = c
	services, err := build(ctx, c)
	if err != nil {
		return stop, err
	}
	world.Cluster = differences.NewCluster(zone, services)
	kubeconfig, err := c.Kubeconfig(cluster.AdminUser)
	if err != nil {
		return stop, err
	}
	world.servers = make(map[string]*server.Server)
	for _, plugins := range []string{ours, oursKept, oursAlone, oursWithPodNames, oursWithZonal, stock, stockWithPodNames} {
		s, err := server.Start(ctx, fmt.Sprintf(corefile, fmt.Sprintf(plugins, kubeconfig)))
		if err != nil {
			return stop, err
		}
		stops = append(stops, s.Stop)
		world.servers[plugins] = s
	}
	return stop, nil
}
