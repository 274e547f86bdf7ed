package drivers

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"strings"
	"time"
)

const (
	zookeeperJar = "/usr/share/java/zookeeper.jar"
	jvmKeeps     = "the JVM keeps an address for a second, and no less"
	jvmLong      = "the JVM keeps an address for 30 s, and refuses a peer by the one that it keeps: what comes of it is written down rather than judged"
	jvmMinutes   = "Its rolling restart takes minutes by what the JVM keeps, so that nothing else would be seen in it."
	zkEarly      = jvmKeeps + "; " + startsEarly
)

var zookeeperFresh = zookeeper("zookeeper", "ZooKeeper, quorum TLS, JVM that keeps no answer",
	"-Djava.security.properties=$WORK/java.security",
	map[string]Bounds{
		Cold:      {Formed: 12 * time.Second},
		Staggered: {Formed: 12 * time.Second, Long: true},
		Drain:     {Formed: 15 * time.Second, Long: true, Dead: 5, Known: jvmKeeps},
		Absent:    {Formed: 30 * time.Second, Long: true, Dead: 5, Known: jvmKeeps},
		Rolling:   {Formed: 25 * time.Second, Dead: 5, Refused: 4, Known: zkEarly},
		Reuse:     {Formed: 15 * time.Second, Long: true, Dead: 5, Wrong: 5, Known: jvmKeeps + ", whoever has it by then"},
		Reload:    {Formed: 30 * time.Second, Long: true, Dead: 5, Refused: 4, Known: zkEarly},
		Away:      {Formed: 15 * time.Second, Long: true, Restarts: 1},
		Together:  {Formed: 15 * time.Second, Long: true},
		Exchange:  {Formed: 40 * time.Second, Long: true, Dead: 5, Wrong: 5, Refused: 5, Known: zkEarly},
		Outage:    {Formed: 17 * time.Second, Long: true, Restarts: 1, Answered: answered},
	}, nil)

var zookeeperDefault = zookeeper("zookeeper-jvm", "ZooKeeper, quorum TLS, JVM as it comes", "",
	map[string]Bounds{
		Cold:      {Formed: 15 * time.Second, Long: true},
		Staggered: {Formed: 15 * time.Second, Long: true},
		Rolling:   {Formed: 180 * time.Second, Dead: 30, Refused: 100, Long: true, Known: jvmLong},
		Drain:     {Formed: 90 * time.Second, Dead: 30, Refused: 100, Long: true, Known: jvmLong},
		Reuse:     {Formed: 90 * time.Second, Dead: 30, Wrong: 100, Refused: 100, Long: true, Known: jvmLong},
		Away:      {Formed: 20 * time.Second, Restarts: 1, Long: true},
		Together:  {Formed: 30 * time.Second, Long: true},
		Outage:    {Formed: 30 * time.Second, Restarts: 1, Long: true, Answered: answered},
	}, map[string]string{
		Reload:   jvmMinutes,
		Exchange: jvmMinutes,
	})

// jvmSecurity are security properties: one of the system for denials loses against them.
const jvmSecurity = "networkaddress.cache.ttl=1\nnetworkaddress.cache.negative.ttl=0\n"

// zookeeper is ZooKeeper with options for its JVM. What it is spared besides what each is has
// its reason in spared, which may be nil.
func zookeeper(key, name, jvm string, lives map[string]Bounds, spared map[string]string) System {
	all := map[string]string{
		Ordered: "Its first member is ready only with a second one, which would wait for it.",
		Scale:   "All members stand in the configuration of each, which nothing here changes.",
	}
	maps.Copy(all, spared)
	return System{
		Key:      key,
		Name:     name,
		Proof:    Real,
		Members:  3,
		Starts:   5,
		Needs:    []string{zookeeperJar},
		Workload: "StatefulSet/zk",
		Version: func(ctx context.Context, _ Place, p Pods) (string, error) {
			return versionOf(ctx, p, "zk-0", "java", "-cp", zookeeperJar, "org.apache.zookeeper.version.VersionInfoMain")
		},
		Objects: func(at Place) (string, error) {
			ca, err := newAuthority(at.Work)
			if err != nil {
				return "", err
			}
			for i := range at.Replicas {
				pod := fmt.Sprintf("zk-%d", i)
				if err := ca.issue(pod, pod+".zk."+at.Namespace+".svc.cluster.local"); err != nil {
					return "", err
				}
			}
			if err := ca.write("java.security", []byte(jvmSecurity)); err != nil {
				return "", err
			}
			return manifest("zookeeper.yaml", struct {
				Place
				JVM string
			}{at, jvm})
		},
		Whole:   zookeeperWhole,
		Refusal: regexp.MustCompile(`Failed to verify host`),
		// A JVM as it comes keeps a denial for 10 s.
		Patient: jvm == "",
		Lives:   lives,
		Spared:  all,
		Needed:  "A of each member's name, before it is ready. PTR of the peer at each handshake of the quorum and of the election, with the name that its certificate has: that of the Service with the hostnames.",
		Stanza:  "The default: reverse names are those of the governing Service first. `patience 2s` where the JVM keeps denials.",
		Beware:  "A JVM keeps an address for 30 s and a denial for 10 s, whatever the TTL says: `networkaddress.cache.ttl=1` and `networkaddress.cache.negative.ttl=0` in a file for `-Djava.security.properties`; the old `-Dsun.net.inetaddr.negative.ttl` loses against what a JDK has there. After a denial a peer is refused for as long, since its name is looked up for its certificate. Without that a rolling restart takes minutes behind any server.",
	}
}

// zookeeperWhole asks each member for its state: one leads, all others follow it in step.
func zookeeperWhole(ctx context.Context, p Pods, want int) error {
	all, err := members(p, "zk-", want)
	if err != nil {
		return err
	}
	leaders, followers := 0, 0
	for _, each := range all {
		text, err := talk(ctx, netip.AddrPortFrom(p.Address(each), 2181), "mntr")
		if err != nil {
			return fmt.Errorf("%s: %w", each, err)
		}
		state := make(map[string]string)
		for line := range strings.Lines(text) {
			if key, value, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
				state[key] = value
			}
		}
		switch state["zk_server_state"] {
		case "leader":
			leaders++
			if got := state["zk_synced_followers"]; got != fmt.Sprint(want-1) {
				return fmt.Errorf("%s leads %s followers in step, want %d", each, got, want-1)
			}
		case "follower":
			followers++
		default:
			return fmt.Errorf("%s: %.80q", each, text)
		}
	}
	if leaders != 1 || followers != want-1 {
		return fmt.Errorf("%d lead and %d follow, want 1 and %d", leaders, followers, want-1)
	}
	return nil
}
