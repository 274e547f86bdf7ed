package differential

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	"k8s.io/client-go/rest"
)

// A setup is a way to configure k8s_endpoints.
type setup string

const (
	// inFront is what the README recommends, and what takes the place of the
	// stock plugin: k8s_endpoints in front of kubernetes without endpoints. All
	// names of the zone are compared then, also those that pass on.
	inFront setup = "in front of *kubernetes*"
	// withPodNames is the same, with endpoint_pod_names on both sides.
	withPodNames setup = "with `endpoint_pod_names`"
	// alone has no fallthrough: here k8s_endpoints must answer for all names of
	// the zone, the zone's own included.
	alone setup = "without `fallthrough`"
)

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
	oursAlone = `
    k8s_endpoints cluster.local in-addr.arpa ip6.arpa {
        kubeconfig %[1]s
    }`
	stock = `
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig %[1]s
        ttl 5
    }`
	stockWithPodNames = `
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig %[1]s
        endpoint_pod_names
        ttl 5
    }`
)

// corefile adds to the plugins under test what ExternalName Services lead to:
// names that hosts has, a name with records of other types, one without an
// IPv6 address, one that does not exist, and one that cannot be resolved. No
// server block is there for example.net.
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

// world is what all tests here share.
var world struct {
	services []*service
	// byName has the Services by their full names.
	byName map[string]*service
	// publishers are the headless Services that publish the address of a reverse
	// name.
	publishers map[string][]*service
	servers    map[string]*server.Server
}

// A pairing says which server of ours is held against which stock one.
type pairing struct {
	setup       setup
	ours, stock string
}

var pairings = []pairing{
	{inFront, ours, stock},
	{alone, oursAlone, stock},
	{withPodNames, oursWithPodNames, stockWithPodNames},
}

// startLimit bounds all that goes before the first question, which takes some
// 10 seconds on two idle cores, plus the first build of the programs.
const startLimit = 20 * time.Minute

func TestMain(m *testing.M) {
	flag.Parse()
	// Some objects here are such as the API server warns of.
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
	if world.services, err = build(ctx, c); err != nil {
		return stop, err
	}
	remember(world.services)
	kubeconfig, err := c.Kubeconfig(cluster.AdminUser)
	if err != nil {
		return stop, err
	}
	world.servers = make(map[string]*server.Server)
	for _, plugins := range []string{ours, oursAlone, oursWithPodNames, stock, stockWithPodNames} {
		s, err := server.Start(ctx, fmt.Sprintf(corefile, fmt.Sprintf(plugins, kubeconfig)))
		if err != nil {
			return stop, err
		}
		stops = append(stops, s.Stop)
		world.servers[plugins] = s
	}
	return stop, nil
}

// remember makes the indexes of the world.
func remember(services []*service) {
	world.byName, world.publishers = make(map[string]*service), make(map[string][]*service)
	for _, s := range services {
		world.byName[s.fullName()] = s
		for _, e := range s.endpoints {
			if name := reverseOf(e.address); s.kind == headless && e.published() && !slices.Contains(world.publishers[name], s) {
				world.publishers[name] = append(world.publishers[name], s)
			}
		}
	}
}
