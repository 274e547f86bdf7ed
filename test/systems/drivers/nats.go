package drivers

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"
)

const (
	natsGossip = "servers tell each other of addresses, and ask there once more"
	natsEarly  = "between the end of a server and the new slice each of the two others may dial it"
	// natsDials is how often they do that.
	natsDials = 2
)

var nats = System{
	Key:      "nats",
	Name:     "NATS, routes by Pod name",
	Proof:    Real,
	Members:  3,
	Needs:    []string{"nats"},
	Workload: "StatefulSet/nats",
	Version: func(ctx context.Context, at Place, p Pods) (string, error) {
		return versionOf(ctx, p, "nats-0", filepath.Join(at.Apps, "nats"), "-v")
	},
	Objects: func(at Place) (string, error) { return manifest("nats.yaml", at) },
	Whole:   natsWhole,
	Lives: map[string]Bounds{
		Cold:      {Formed: 4 * time.Second},
		Staggered: {Formed: 5 * time.Second, Long: true},
		Ordered:   {Formed: 8 * time.Second, Long: true},
		Rolling:   {Formed: 8 * time.Second, Dead: 5, Known: natsEarly},
		Drain:     {Formed: 5 * time.Second, Long: true, Dead: 4, Known: natsEarly + ", and once more by what gossip said"},
		Reuse:     {Formed: 5 * time.Second, Long: true, Dead: 5, Wrong: 2, Known: natsGossip + ", whoever has them by then"},
		Scale:     {Formed: 10 * time.Second, Long: true, Dead: 40, Known: natsGossip},
		Reload:    {Formed: 12 * time.Second, Long: true, Dialled: 3 * natsDials, Known: natsEarly},
		Together:  {Formed: 6 * time.Second, Long: true},
		Exchange:  {Formed: 12 * time.Second, Long: true, Dead: 5, Wrong: 5, Known: natsGossip},
		Outage:    {Formed: 7 * time.Second, Restarts: 1, Long: true, Answered: answered},
		Away:      {Formed: 5 * time.Second, Restarts: 1, Long: true},
	},
	Needed: "A and AAAA of each Pod's name, before it is ready. A route that is denied is tried again each second.",
	Stanza: "The default.",
	Beware: "Behind the stock plugin a route that was denied stays so for the time of its `cache`: 21 contacts with addresses of nobody in one rolling restart here.",
}

// natsWhole asks each server to whom it has routes: to each other one, by its name.
func natsWhole(ctx context.Context, p Pods, want int) error {
	all, err := members(p, "nats-", want)
	if err != nil {
		return err
	}
	for _, each := range all {
		var answer struct {
			Routes []struct {
				Name string `json:"remote_name"`
			} `json:"routes"`
		}
		if err := getJSON(ctx, p, each, 8222, "/routez", &answer); err != nil {
			return err
		}
		// There are several routes between two servers.
		known := []string{each}
		for _, route := range answer.Routes {
			known = append(known, route.Name)
		}
		slices.Sort(known)
		if known = slices.Compact(known); !slices.Equal(known, all) {
			return fmt.Errorf("%s has routes with %q, want %q", each, known, all)
		}
	}
	return nil
}
