package drivers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/systems/load"
)

const (
	pgbouncerProgram = "/usr/sbin/pgbouncer"
	postgresProgram  = "/usr/lib/postgresql/*/bin/postgres"

	// oldPrimary and newPrimary are the Pods between which the label of the primary moves.
	oldPrimary = "pg-0"
	newPrimary = "pg-1"

	labelled = "The label of the primary goes with its Pod, and nobody here labels another one, as Patroni or an operator does."

	// asking asks PgBouncer's server for its name all the time.
	asking = `while :; do
		begin=$(date +%s%N)
		if name=$(PGCONNECT_TIMEOUT=2 $(ls /usr/lib/postgresql/*/bin/psql | tail -1) -h 127.0.0.1 -p 6432 -U app -Atc 'show cluster_name' postgres 2>&1)
		then result=ok
		else result=error
		fi
		took=$(( ($(date +%s%N) - begin) / 1000000 ))
		printf '%s %d.%03d %s\n' $result $((took / 1000)) $((took % 1000)) "$(echo $name)"
		sleep 0.1
	done`
)

var pgbouncer = System{
	Key:      "pgbouncer",
	Name:     "PgBouncer in front of PostgreSQL, primary by label",
	Proof:    Real,
	Members:  2,
	Starts:   2,
	Needs:    []string{pgbouncerProgram, postgresProgram},
	Workload: "StatefulSet/pg",
	Version: func(ctx context.Context, _ Place, p Pods) (string, error) {
		return versionOf(ctx, p, "pool", pgbouncerProgram, "--version")
	},
	Objects: func(at Place) (string, error) { return manifest("pgbouncer.yaml", at) },
	Whole:   postgresWhole,
	Load:    &load.Client{Pod: "pool", Command: []string{"sh", "-c", asking}},
	Prepare: labelPrimary,
	Lives: map[string]Bounds{
		Cold:      {Formed: 15 * time.Second},
		Staggered: {Formed: 15 * time.Second, Long: true},
		Ordered:   {Formed: 20 * time.Second, Long: true},
		Drain:     {Formed: 15 * time.Second, Long: true},
		Reuse:     {Formed: 15 * time.Second, Long: true},
		Scale:     {Formed: 30 * time.Second, Long: true},
		Away:      {Formed: 15 * time.Second, Long: true, Restarts: 1},
		Outage:    {Formed: 17 * time.Second, Long: true, Restarts: 1, Answered: answered},
	},
	Spared: map[string]string{
		Rolling:  labelled,
		Exchange: labelled,
		Reload:   labelled,
		Together: "Nobody of it asks for a name while it starts.",
	},
	Turn: &Turn{
		Name:   "the label of the primary moves",
		Make:   movePrimary,
		Bounds: Bounds{Formed: 2 * time.Second},
	},
	Needed: "A and AAAA of the Service that selects the primary, and SOA of all that follows its first dot, which is the namespace, each `dns_zone_check_period`: an answer, with a serial that grows when the primary changes.",
	Stanza: "`k8s-endpoints.coredns.io/soa: \"true\"` at that Service, and `dns_zone_check_period = 1` in PgBouncer.",
	Beware: "Without the SOA record it keeps connections to the old primary for `server_lifetime`, an hour, and the address for `dns_max_ttl`, 15 s. A primary that was only demoted does not close them. It compares with the serial of its first check: what changes before that it does not see.",
}

// postgresWhole is about the servers; who is the primary, and what PgBouncer makes of it, is for
// the Turn.
func postgresWhole(ctx context.Context, p Pods, want int) error {
	all, err := members(p, "pg-", want)
	if err != nil {
		return err
	}
	for _, each := range all {
		if name, err := psql(ctx, p, each, "/mnt", "5432"); err != nil || name != each {
			return fmt.Errorf("%s says that it is %q: %v", each, name, err)
		}
	}
	return nil
}

// pooled asks PgBouncer's server for its name.
func pooled(ctx context.Context, p Pods) (string, error) {
	return psql(ctx, p, "pool", "127.0.0.1", "6432")
}

func psql(ctx context.Context, p Pods, pod, host, port string) (string, error) {
	out, err := p.Exec(ctx, pod, "sh", "-c", "PGCONNECT_TIMEOUT=2 $(ls /usr/lib/postgresql/*/bin/psql | tail -1) -h "+host+" -p "+port+
		" -U app -Atc 'show cluster_name' postgres")
	return strings.TrimSpace(out), err
}

const (
	// inARow is how many answers have to come from the new primary, one after the other.
	inARow = 10
	// settled bounds the wait for the old primary: PgBouncer keeps a denial for 15 s.
	settled = 60 * time.Second
	// looked is how long PgBouncer gets to learn the serial that it compares with.
	looked = 3 * time.Second
)

// labelPrimary lets PgBouncer have sessions with one server: another may have been the primary
// before.
func labelPrimary(ctx context.Context, s Stage) error {
	if err := errors.Join(s.Label(ctx, oldPrimary, "role", "primary"), s.Label(ctx, newPrimary, "role", "")); err != nil {
		return err
	}
	return awaitPooled(ctx, s, oldPrimary)
}

// movePrimary labels the other server.
func movePrimary(ctx context.Context, s Stage) (func(context.Context, Pods) error, error) {
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-time.After(looked):
	}
	if err := s.Label(ctx, newPrimary, "role", "primary"); err != nil {
		return nil, err
	}
	return followed(), s.Label(ctx, oldPrimary, "role", "")
}

func awaitPooled(ctx context.Context, p Pods, want string) error {
	ctx, cancel := context.WithTimeout(ctx, settled)
	defer cancel()
	for {
		name, err := pooled(ctx, p)
		if name == want {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("PgBouncer answers as %q, want %q: %v", name, want, err)
		}
	}
}

// followed returns the question whether the new primary answers, so many times in a row: once it
// does, an answer of the old one is wrong for good.
func followed() func(context.Context, Pods) error {
	var stale error
	return func(ctx context.Context, p Pods) error {
		for i := range inARow {
			name, err := pooled(ctx, p)
			if i > 0 && name == oldPrimary {
				stale = fmt.Errorf("the old primary answers after %d answers of the new one", i)
			}
			if err != nil || name != newPrimary {
				return errors.Join(fmt.Errorf("PgBouncer answers as %q: %v", name, err), stale)
			}
		}
		return stale
	}
}
