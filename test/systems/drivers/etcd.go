package drivers

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"time"
)

// etcdProgram is how test/cluster's build of it is called.
const etcdProgram = "server"

var etcd = System{
	Key:      "etcd",
	Name:     "etcd, SRV discovery and peer TLS",
	Proof:    Real,
	Members:  3,
	Starts:   20,
	Needs:    []string{"control/" + etcdProgram},
	Workload: "StatefulSet/etcd",
	Version: func(ctx context.Context, at Place, p Pods) (string, error) {
		return versionOf(ctx, p, "etcd-0", filepath.Join(at.Control, etcdProgram), "--version")
	},
	Objects: etcdObjects,
	Whole:   etcdWhole,
	Refusal: regexp.MustCompile("does not match any of DNSNames"),
	Lives: map[string]Bounds{
		Cold:      {Formed: 8 * time.Second, Restarts: etcdEarly},
		Staggered: {Formed: 10 * time.Second, Restarts: etcdEarly},
		Rolling:   {Formed: 15 * time.Second, Dialled: 3 * etcdDials, Refused: 5, Known: etcdEnds + "; " + startsEarly},
		Drain:     {Formed: 10 * time.Second, Dialled: etcdDials, Refused: 1, Known: etcdEnds},
		Reuse:     {Formed: 10 * time.Second, Long: true, Dialled: etcdDials, Wrong: 4, Refused: 1, Known: etcdEnds + ", whoever has its address by then"},
		Reload:    {Formed: 20 * time.Second, Long: true, Dialled: 3 * etcdDials, Refused: 5, Known: etcdEnds + "; " + startsEarly},
		Away:      {Formed: 10 * time.Second, Long: true, Restarts: 1},
		Together:  {Formed: 12 * time.Second, Long: true, Restarts: etcdEarly},
		Exchange:  {Formed: 20 * time.Second, Long: true, Dialled: 3 * etcdDials, Wrong: 5, Refused: 5, Known: etcdEnds + ", whoever has its address by then; " + startsEarly},
		Outage:    {Formed: 12 * time.Second, Long: true, Restarts: 1, Answered: answered},
	},
	Spared: map[string]string{
		Ordered: "Its first member is ready only with a second one, which would wait for it.",
		Scale:   "Who is new joins a cluster that runs only after somebody has added it there by hand.",
	},
	Needed: "SRV of the port at the Service, before anybody is ready, and what it names is final. A and AAAA of each Pod's name, and a PTR for the peer at each handshake, since the certificates have names.",
	Stanza: "`k8s-endpoints.coredns.io/min-endpoints: \"3\"` at the Service: else a member that comes early takes a part for the whole, and stays out for good.",
	Beware: "Only the first start needs the annotation: members that have data never ask for SRV again.",
}

const (
	// etcdEarly is how often members may start that come before all are known: each ends where
	// it finds nobody, and is started again after 1, 2 and 4 s.
	etcdEarly = 9
	// etcdDials is how often the two others dial a member that has ended: each has two streams
	// to it, which try ten times a second, and its name stays for a quarter of one. In that time
	// the kubelet says that the Pod has ended, a controller takes it out of its slice, and the
	// servers learn of it.
	etcdDials = 2 * 2 * 10 / 4
	etcdEnds  = "a member that ends asks for no PTR any more, and refuses who comes then; the others dial it until its name is gone, ten times a second"
)

// etcdObjects gives all members one certificate, for all their names.
func etcdObjects(at Place) (string, error) {
	a, err := newAuthority(at.Work)
	if err != nil {
		return "", err
	}
	service := "etcd." + at.Namespace + ".svc.cluster.local"
	if err := a.issue("peer", service, "*."+service); err != nil {
		return "", err
	}
	return manifest("etcd.yaml", struct {
		Place
		Program string
	}{at, filepath.Join(at.Control, etcdProgram)})
}

// etcdWhole asks each member for the cluster that it is in, which all must be, and for its
// members.
func etcdWhole(ctx context.Context, p Pods, want int) error {
	all, err := members(p, "etcd-", want)
	if err != nil {
		return err
	}
	var cluster string
	for _, each := range all {
		text, err := post(ctx, p, each, 2379, "/v3/cluster/member/list", "{}")
		if err != nil {
			return err
		}
		var answer struct {
			Header struct {
				Cluster string `json:"cluster_id"`
			}
			Members []struct {
				Name string
				// URLs are told by a member that has started.
				URLs []string `json:"clientURLs"`
			}
		}
		if err := json.Unmarshal(text, &answer); err != nil {
			return fmt.Errorf("%s: %w", each, err)
		}
		started := 0
		for _, member := range answer.Members {
			if len(member.URLs) > 0 {
				started++
			}
		}
		if started != want || len(answer.Members) != want {
			return fmt.Errorf("%s knows %d members, and %d of them have started; want %d", each, len(answer.Members), started, want)
		}
		if cluster == "" {
			cluster = answer.Header.Cluster
		}
		if answer.Header.Cluster != cluster {
			return fmt.Errorf("%s is in another cluster than %s", each, all[0])
		}
	}
	return nil
}
