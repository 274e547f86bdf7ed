package drivers

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const unboundProgram = "/usr/sbin/unbound"

var unbound = System{
	Key:      "unbound",
	Name:     "Unbound in between, strict QNAME minimisation",
	Proof:    Real,
	Members:  3,
	Starts:   1,
	Needs:    []string{unboundProgram, "echo"},
	Workload: "StatefulSet/web",
	Version: func(ctx context.Context, _ Place, p Pods) (string, error) {
		return versionOf(ctx, p, "resolver", unboundProgram, "-V")
	},
	Objects: func(at Place) (string, error) { return manifest("unbound.yaml", at) },
	Whole:   unboundWhole,
	Lives: map[string]Bounds{
		Cold:      {Formed: 10 * time.Second},
		Staggered: {Formed: 12 * time.Second, Long: true},
		Ordered:   {Formed: 15 * time.Second, Long: true},
		Rolling:   {Formed: 20 * time.Second},
		Scale:     {Formed: 15 * time.Second, Long: true},
		Drain:     {Formed: 10 * time.Second, Long: true},
		Reuse:     {Formed: 10 * time.Second, Long: true},
		Reload:    {Formed: 25 * time.Second, Long: true},
		Away:      {Formed: 10 * time.Second, Long: true, Restarts: 1},
		Together:  {Formed: 15 * time.Second, Long: true},
		Exchange:  {Formed: 25 * time.Second, Long: true},
		Outage:    {Formed: 12 * time.Second, Long: true, Restarts: 1, Answered: answered},
	},
	Needed: "A at each label on the way to a name, forward and reverse, each answered with NODATA (RFC 8020): `_tcp.S` and `244.10.in-addr.arpa` as well.",
	Stanza: "The default, with the reverse zones in the stanza.",
	Beware: "The stock plugin denies `_tcp.S`, so that SRV is not found through a strict resolver. A resolver keeps answers for their TTL, 5 s here, and denials for `negative_ttl`.",
}

// unboundWhole asks the resolver for all that there is, as a client of it.
func unboundWhole(ctx context.Context, p Pods, want int) error {
	pods, err := members(p, "web-", want)
	if err != nil {
		return err
	}
	at := netip.AddrPortFrom(p.Address("resolver"), 53).String()
	namespace, err := p.Exec(ctx, "resolver", "printenv", "NAMESPACE")
	if err != nil {
		return err
	}
	service := "web." + strings.TrimSpace(namespace) + ".svc.cluster.local."
	var addresses, names []string
	for _, each := range pods {
		address, name := p.Address(each).String(), each+"."+service
		addresses, names = append(addresses, address), append(names, name)
		reverse, err := dns.ReverseAddr(address)
		if err != nil {
			return err
		}
		if err := wantRecords(ctx, at, reverse, dns.TypePTR, name); err != nil {
			return err
		}
		if err := wantRecords(ctx, at, name, dns.TypeA, address); err != nil {
			return err
		}
	}
	if err := wantRecords(ctx, at, "_http._tcp."+service, dns.TypeSRV, names...); err != nil {
		return err
	}
	return wantRecords(ctx, at, service, dns.TypeA, addresses...)
}

// wantRecords compares the last fields of an answer, in order.
func wantRecords(ctx context.Context, at, name string, qtype uint16, want ...string) error {
	question := new(dns.Msg).SetQuestion(name, qtype)
	answer, _, err := new(dns.Client).ExchangeContext(ctx, question, at)
	if err != nil {
		return err
	}
	var got []string
	for _, record := range answer.Answer {
		fields := strings.Fields(record.String())
		got = append(got, fields[len(fields)-1])
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return fmt.Errorf("%s %s: got %s %q, want %q", name, dns.TypeToString[qtype], dns.RcodeToString[answer.Rcode], got, want)
	}
	return nil
}
