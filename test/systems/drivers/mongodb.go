package drivers

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"
)

const (
	// mongoPoll is how often the driver asks for SRV records again, whatever their TTL.
	mongoPoll = 60 * time.Second

	// mongoLooks is of a driver with its own default, heartbeatFrequencyMS, against a mongos
	// that does not stream what changes.
	mongoLooks = "the driver looks at each server each 10 s: at one look it sees that a member has ended, and at the next one that it is back"
)

var mongodb = System{
	Key:      "mongodb",
	Name:     "MongoDB's driver, mongodb+srv",
	Proof:    StandIn,
	Members:  3,
	Needs:    []string{"mongo"},
	Workload: "StatefulSet/db",
	Version: func(ctx context.Context, at Place, p Pods) (string, error) {
		return versionOf(ctx, p, "app", filepath.Join(at.Apps, "mongo"), "-version")
	},
	Objects: func(at Place) (string, error) { return manifest("mongodb.yaml", at) },
	Whole:   mongodbWhole,
	Lives: map[string]Bounds{
		Cold:      {Formed: 5 * time.Second},
		Staggered: {Formed: 8 * time.Second},
		Ordered:   {Formed: 12 * time.Second, Long: true},
		Rolling:   {Formed: 35 * time.Second, Long: true, Known: mongoLooks},
		Drain:     {Formed: 30 * time.Second, Long: true, Known: mongoLooks},
		Reuse:     {Formed: 30 * time.Second, Long: true, Known: mongoLooks},
		Reload:    {Formed: 35 * time.Second, Long: true, Known: mongoLooks},
		Away:      {Formed: 25 * time.Second, Long: true, Restarts: 1, Known: mongoLooks},
		Together:  {Formed: 12 * time.Second, Long: true},
		Exchange:  {Formed: 35 * time.Second, Long: true, Known: mongoLooks},
		Outage:    {Formed: 27 * time.Second, Long: true, Restarts: 1, Answered: answered, Known: mongoLooks},
		Scale:     {Long: true, Formed: 2*mongoPoll + 5*time.Second},
	},
	Needed: "SRV of the port with the name `mongodb`, TXT of the Service, which may be NODATA, and A and AAAA of each target. All that are to be used at the first answer.",
	Stanza: "`k8s-endpoints.coredns.io/min-endpoints: \"3\"` for a cold start, or `publish serving` at a Service for clients only. TXT records by `k8s-endpoints.coredns.io/txt`.",
	Beware: "It asks again after 60 s, and not before. It takes a part for the whole: hosts that an answer leaves out are removed, so `max_answers` must not cut. It ignores priority and weight, so `srv_tiers` makes backups equals.",
}

// mongodbWhole asks the driver which hosts it knows: all servers, each of a kind.
func mongodbWhole(ctx context.Context, p Pods, want int) error {
	all, err := members(p, "db-", want)
	if err != nil {
		return err
	}
	var view struct {
		Hosts map[string]string
		Last  string
	}
	if err := getJSON(ctx, p, "app", 8080, "/view", &view); err != nil {
		return err
	}
	if known := slices.Sorted(maps.Keys(view.Hosts)); !slices.Equal(known, all) {
		return fmt.Errorf("the driver knows %q, want %q: %s", known, all, view.Last)
	}
	for host, kind := range view.Hosts {
		if kind != "Mongos" {
			return fmt.Errorf("the driver takes %s for %s: %s", host, kind, view.Last)
		}
	}
	return nil
}
