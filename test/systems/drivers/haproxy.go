package drivers

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/systems/load"
)

const (
	haproxyProgram = "/usr/sbin/haproxy"

	haproxyBlind = "while the API server is away nobody says that a server is down, and HAProxy has no checks here"
)

var haproxySRV = haproxy("haproxy-srv", "HAProxy, server-template by SRV", "_http._tcp.web.$NAMESPACE.svc.cluster.local")

var haproxyA = haproxy("haproxy-a", "HAProxy, server-template by A", "web.$NAMESPACE.svc.cluster.local:8080")

// haproxy is HAProxy with a target of server-template, in which the shell fills the namespace in.
func haproxy(key, name, target string) System {
	return System{
		Key:      key,
		Name:     name,
		Proof:    Real,
		Members:  3,
		Starts:   3,
		Needs:    []string{haproxyProgram, "echo"},
		Workload: "Deployment/web",
		Version: func(ctx context.Context, _ Place, p Pods) (string, error) {
			return versionOf(ctx, p, "lb", haproxyProgram, "-v")
		},
		Objects: func(at Place) (string, error) {
			return manifest("haproxy.yaml", struct {
				Place
				Target string
			}{at, target})
		},
		Whole: haproxyWhole,
		Load:  &load.Client{Pod: "lb", URL: "http://127.0.0.1/", Every: 20 * time.Millisecond, Patience: 3 * time.Second},
		Lives: map[string]Bounds{
			Cold:      {Formed: 5 * time.Second},
			Staggered: {Formed: 8 * time.Second, Long: true},
			Rolling:   {Formed: 15 * time.Second},
			Drain:     {Formed: 10 * time.Second, Long: true},
			Reuse:     {Formed: 10 * time.Second, Long: true},
			Scale:     {Formed: 20 * time.Second, Long: true},
			Reload:    {Formed: 20 * time.Second, Long: true},
			Away:      {Formed: 10 * time.Second, Restarts: 1, Errors: 60, Long: true, Known: haproxyBlind},
			Together:  {Formed: 8 * time.Second, Long: true},
			Exchange:  {Formed: 25 * time.Second, Long: true},
			Outage:    {Formed: 12 * time.Second, Restarts: 1, Errors: 60, Long: true, Answered: answered, Known: haproxyBlind},
		},
		Spared: map[string]string{
			Ordered: "The Pods of a Deployment have no order.",
		},
		Needed: "SRV of the port, and A of each target that came without an address, or A and AAAA of the Service, each `timeout resolve`. Only those that are ready; one that drains goes at once.",
		Stanza: "The default, and in HAProxy `accepted_payload_size 8192`, `hold valid 1s`, `hold obsolete 0s`, `init-addr none`. A server serves on for 3 s after SIGTERM.",
		Beware: "It asks over UDP only: of more than some 117 SRV targets it gets a part, always the same one while the Service stays as it is. The others get no traffic of it.",
	}
}

// haproxyWhole compares the servers in use with the Pods.
func haproxyWhole(ctx context.Context, p Pods, want int) error {
	all, err := members(p, "web-", want)
	if err != nil {
		return err
	}
	var wanted []netip.Addr
	for _, each := range all {
		wanted = append(wanted, p.Address(each))
	}
	slices.SortFunc(wanted, netip.Addr.Compare)
	text, err := talk(ctx, netip.AddrPortFrom(p.Address("lb"), 9000), "show servers state web\n")
	if err != nil {
		return err
	}
	if used := serversIn(text); !slices.Equal(used, wanted) {
		return fmt.Errorf("HAProxy uses %v, want %v", used, wanted)
	}
	return nil
}

// serversIn are the addresses of the servers that HAProxy uses, in order, by what it says of the
// state of all.
func serversIn(text string) (all []netip.Addr) {
	for line := range strings.Lines(text) {
		// Backend id and name, server id and name, address, and a state that is 0 for one
		// that is stopped: without an address it is.
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[1] != "web" || fields[5] == "0" {
			continue
		}
		if address, err := netip.ParseAddr(fields[4]); err == nil {
			all = append(all, address)
		}
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return all
}
