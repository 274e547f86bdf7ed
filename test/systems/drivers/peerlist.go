package drivers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

var peerList = System{
	Key:      "peer-list",
	Name:     "Percona peer-list and peer-finder, SRV of a port without a name",
	Proof:    Replay,
	Members:  3,
	Needs:    []string{"peerlist"},
	Workload: "StatefulSet/pxc",
	// What is replayed has no version.
	Version: func(context.Context, Place, Pods) (string, error) { return "", nil },
	Objects: func(at Place) (string, error) { return manifest("peerlist.yaml", at) },
	Whole:   peerListWhole,
	Lives: map[string]Bounds{
		Cold:      {Formed: 3 * time.Second},
		Staggered: {Formed: 5 * time.Second, Long: true},
		Ordered:   {Formed: 10 * time.Second, Long: true},
		Rolling:   {Formed: 8 * time.Second},
		Scale:     {Formed: 10 * time.Second, Long: true},
		Absent:    {Formed: 15 * time.Second, Long: true},
		Drain:     {Formed: 6 * time.Second, Long: true},
		Reuse:     {Formed: 6 * time.Second, Long: true},
		Reload:    {Formed: 12 * time.Second, Long: true},
		Away:      {Formed: 6 * time.Second, Long: true, Restarts: 1},
		Together:  {Formed: 8 * time.Second, Long: true},
		Exchange:  {Formed: 10 * time.Second, Long: true},
		Outage:    {Formed: 8 * time.Second, Long: true, Restarts: 1, Answered: answered},
	},
	Needed: "SRV at the bare name of the Service, by the search path, each second, until the Pod's own name is among the targets: before it is ready.",
	Stanza: "The default.",
	Beware: "Its first list is the one that its script gets: where it starts a cluster of it, `min-endpoints` makes it the whole one. With `publish serving` a Pod finds itself only as one that starts.",
}

// peerListWhole asks each member for the targets that it has seen last: all Pods by name.
func peerListWhole(ctx context.Context, p Pods, want int) error {
	all, err := members(p, "pxc-", want)
	if err != nil {
		return err
	}
	for _, each := range all {
		text, err := get(ctx, p, each, 8080, "/peers")
		if err != nil {
			return err
		}
		var known []string
		for line := range strings.Lines(string(text)) {
			name, _, _ := strings.Cut(line, ".")
			known = append(known, name)
		}
		if !slices.Equal(known, all) {
			return fmt.Errorf("%s sees %q, want %q", each, known, all)
		}
	}
	return nil
}
