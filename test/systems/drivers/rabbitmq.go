package drivers

import (
	"context"
	"fmt"
	"strings"
	"time"
)

const rabbitmqFolder = "/usr/lib/rabbitmq/bin/"

var rabbitmq = System{
	Key:     "rabbitmq",
	Name:    "RabbitMQ, classic_config by Pod name",
	Proof:   Real,
	Members: 3,
	// Each takes the better part of a minute.
	Starts:   2,
	Needs:    []string{rabbitmqFolder + "rabbitmq-server", "/usr/bin/erl"},
	Workload: "StatefulSet/rmq",
	Version: func(ctx context.Context, _ Place, p Pods) (string, error) {
		return versionOf(ctx, p, "rmq-0", "ls", "/usr/lib/rabbitmq/lib")
	},
	Objects: func(at Place) (string, error) { return manifest("rabbitmq.yaml", at) },
	Whole:   rabbitmqWhole,
	Lives: map[string]Bounds{
		Cold:      {Formed: 60 * time.Second, Long: true},
		Staggered: {Formed: 60 * time.Second, Long: true},
		Ordered:   {Formed: 120 * time.Second, Long: true},
		Rolling:   {Formed: 60 * time.Second, Long: true},
		Drain:     {Formed: 45 * time.Second, Long: true},
		Reuse:     {Formed: 45 * time.Second, Long: true},
		Reload:    {Formed: 75 * time.Second, Long: true},
		Away:      {Formed: 45 * time.Second, Long: true, Restarts: 1},
		Together:  {Formed: 75 * time.Second, Long: true, Restarts: 3},
		Outage:    {Formed: 50 * time.Second, Long: true, Restarts: 1, Answered: answered},
	},
	Spared: map[string]string{
		Exchange: "Two of its clusters that start and roll at a time need minutes of this machine, of which nothing is DNS.",
		Scale:    "It takes members in by itself, but who goes stays a member until somebody has it forgotten by hand.",
	},
	Needed: "A of its own name and of those of its peers at once, before it is ready: NXDOMAIN stops the boot.",
	Stanza: "The default.",
	Beware: "Without `publishNotReadyAddresses` a member has no name before it is ready, and does not get ready. With the DNS backend of peer discovery and `podManagementPolicy: Parallel` it splits by a race of its own; with `classic_config` it does not.",
}

// rabbitmqWhole has one member ask all others, by their own names, who runs: one program of
// Erlang takes seconds to start.
func rabbitmqWhole(ctx context.Context, p Pods, want int) error {
	all, err := members(p, "rmq-", want)
	if err != nil {
		return err
	}
	const views = `{All, Bad} = rpc:multicall(mnesia, system_info, [running_db_nodes]),
		io:format("~p ~p~n", [Bad, [lists:sort([atom_to_list(N) || N <- V]) || V <- All]]).`
	out, err := p.Exec(ctx, all[0], "bash", "-c", `cd /mnt && . ./environment && exec `+rabbitmqFolder+`rabbitmqctl -q eval "$0"`, views)
	if err != nil {
		return err
	}
	for _, each := range all {
		// Each member is in the view of each other one.
		if got := strings.Count(out, "rabbit@"+each+"."); got != want {
			return fmt.Errorf("%s runs in the view of %d members, want %d:\n%s", each, got, want, out)
		}
	}
	return nil
}
