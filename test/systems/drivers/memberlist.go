package drivers

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

var memberlist = System{
	Key:      "memberlist",
	Name:     "memberlist (Serf, Loki, Mimir), joined by Service name",
	Proof:    Real,
	Members:  5,
	Needs:    []string{"memberlist"},
	Workload: "StatefulSet/ml",
	Version: func(ctx context.Context, at Place, p Pods) (string, error) {
		return versionOf(ctx, p, "ml-0", filepath.Join(at.Apps, "memberlist"), "-version")
	},
	Objects: func(at Place) (string, error) { return manifest("memberlist.yaml", at) },
	Whole:   memberlistWhole,
	Lives: map[string]Bounds{
		Cold:      {Formed: 4 * time.Second},
		Staggered: {Formed: 8 * time.Second},
		Ordered:   {Formed: 15 * time.Second, Long: true},
		Rolling:   {Formed: 45 * time.Second, Dead: 5, Known: memberlistFast},
		Drain:     {Formed: 8 * time.Second, Dead: 5, Known: memberlistGossip},
		Reuse:     {Formed: 8 * time.Second, Dead: 5, Known: memberlistGossip},
		Scale:     {Formed: 20 * time.Second, Long: true, Dead: 5, Known: memberlistGossip},
		Reload:    {Formed: 45 * time.Second, Dead: 5, Known: memberlistFast},
		Away:      {Formed: 8 * time.Second, Restarts: 1},
		Together:  {Formed: 8 * time.Second},
		Exchange:  {Formed: 60 * time.Second, Long: true, Dead: 5, Wrong: 5, Known: memberlistFast},
		Outage:    {Formed: 10 * time.Second, Long: true, Restarts: 1, Answered: answered},
	},
	Needed: "ANY over TCP, then A and AAAA of the Service, before anybody is ready. It asks once, at its start, until it has met somebody.",
	Stanza: "The default, with `publishNotReadyAddresses`.",
	Beware: "Names that stay, as those of a StatefulSet do, need a `DeadNodeReclaimTime`. Clusters that may get each other's addresses need a `Label` each, or become one. With `publish serving` and no fallback nobody would ever meet anybody: members are ready only once they have.",
}

// What no answer can help: members tell each other of addresses.
const (
	memberlistGossip = "members dial addresses that other members told them"
	memberlistFast   = memberlistGossip + ", and one that is back with another address before all have heard that it left is taken for dead first, which takes half a minute"
)

// memberlistWhole asks each member for those that it knows.
func memberlistWhole(ctx context.Context, p Pods, want int) error {
	all, err := members(p, "ml-", want)
	if err != nil {
		return err
	}
	for _, each := range all {
		text, err := get(ctx, p, each, 8080, "/members")
		if err != nil {
			return err
		}
		var known []string
		for line := range strings.Lines(string(text)) {
			name, address, _ := strings.Cut(strings.TrimSpace(line), " ")
			if address != p.Address(name).String() {
				return fmt.Errorf("%s takes %s for %s", each, address, name)
			}
			known = append(known, name)
		}
		slices.Sort(known)
		if !slices.Equal(known, all) {
			return fmt.Errorf("%s knows %q, want %q", each, known, all)
		}
	}
	return nil
}
