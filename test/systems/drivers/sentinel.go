package drivers

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	redisProgram = "/usr/bin/redis-server"

	redisPort    = 6379
	sentinelPort = 26379
	sentinels    = 3
	// sentinelDials is how often a server that has ended is dialled: each sentinel has two
	// connections to it, and opens both anew.
	sentinelDials = 2 * sentinels
)

const (
	oldMaster  = "sentinels ask at the address of the old master until they have a new one"
	oldReplica = "sentinels ask at the last address of a replica while its name is denied"
	misledWhy  = "a connection that a sentinel has begun to the last address of a denied name is taken by whoever gets that address within 15 s, which may then be promoted in place of the other"
	// misled is how long it takes sentinels to find that out and to put it right: down-after and two
	// of the periods in which they ask each server for its role, and twice the time of a failover
	// until the next one.
	misled = (2 + 2*10 + 2*5) * time.Second
)

var sentinel = System{
	Key:     "sentinel",
	Name:    "Redis Sentinel, resolve-hostnames",
	Proof:   Real,
	Members: 3,
	// Sentinels look for each other each 10 s only.
	Starts:   3,
	Needs:    []string{redisProgram, "/usr/bin/redis-cli"},
	Workload: "StatefulSet/red",
	Version: func(ctx context.Context, _ Place, p Pods) (string, error) {
		return versionOf(ctx, p, "red-0", redisProgram, "--version")
	},
	Objects: func(at Place) (string, error) { return manifest("sentinel.yaml", at) },
	Whole:   sentinelWhole,
	Lives: map[string]Bounds{
		Cold:      {Formed: 15 * time.Second},
		Staggered: {Formed: 20 * time.Second, Long: true},
		Ordered:   {Formed: 25 * time.Second, Long: true},
		Rolling:   {Formed: 15*time.Second + 2*misled, Long: true, Dialled: 3 * sentinelDials, Dead: 12, Known: oldMaster + "; " + misledWhy},
		Drain:     {Formed: 20 * time.Second, Long: true, Dialled: sentinelDials, Dead: 4, Known: oldReplica},
		Reuse:     {Formed: 20 * time.Second, Long: true, Dialled: sentinelDials, Dead: 4, Wrong: 5, Known: oldReplica},
		Scale:     {Formed: 45 * time.Second, Long: true, Dead: 60, Known: "sentinels never forget a replica, and ask at its last address until somebody sends SENTINEL RESET"},
		Reload:    {Formed: 15*time.Second + 2*misled, Long: true, Dialled: 3 * sentinelDials, Dead: 12, Known: oldMaster + "; " + misledWhy},
		Away:      {Formed: 20 * time.Second, Long: true, Restarts: 1},
		Together:  {Formed: 30 * time.Second, Long: true, Restarts: 6},
		Outage:    {Formed: 22 * time.Second, Long: true, Restarts: 1, Answered: answered},
	},
	Spared: map[string]string{
		Exchange: "Without passwords, as here, a sentinel takes any server at an address that it knows for its own.",
	},
	Turn: &Turn{
		Name:   "the Pod of the master is gone, and its name with it",
		Make:   removeMaster,
		Bounds: Bounds{Formed: 8 * time.Second, Dead: 24, Known: oldMaster},
	},
	Needed: "A and AAAA of the names of all servers and sentinels, each second, also of those that are down.",
	Stanza: "The default.",
	Beware: "Host names have at most 45 characters. It asks some 30 times a second for 6 Pods, without a cache. A master whose name is denied is failed over all the same, in 4 s here. While a name is denied it goes on to dial the last address: a server that gets that address within 15 s may be promoted in place of the one that had it, which takes half a minute and more to put right. Two of them on one network need passwords, since an address may go from one to the other.",
}

// sentinelWhole asks the sentinels who leads, whether they know each other and all who follow,
// which they learn each 10 s, and asks that server who follows.
func sentinelWhole(ctx context.Context, p Pods, want int) error {
	if _, err := members(p, "red-", want); err != nil {
		return err
	}
	leader, err := master(ctx, p, want-1)
	if err != nil {
		return err
	}
	return leads(ctx, p, leader, want-1)
}

// master is the Pod that all sentinels take for the master, with at least so many replicas, and
// that is there.
func master(ctx context.Context, p Pods, replicas int) (string, error) {
	all, err := members(p, "sen-", sentinels)
	if err != nil {
		return "", err
	}
	var leader string
	for _, each := range all {
		said, err := redis(ctx, p, each, sentinelPort, "SENTINEL MASTER m")
		if err != nil {
			return "", err
		}
		known := make(map[string]string)
		for pair := range slices.Chunk(said, 2) {
			known[pair[0]] = pair[len(pair)-1]
		}
		name, _, _ := strings.Cut(known["ip"], ".")
		if leader != "" && name != leader {
			return "", fmt.Errorf("%s takes %s for the master, others %s", each, name, leader)
		}
		leader = name
		slaves, _ := strconv.Atoi(known["num-slaves"])
		if known["flags"] != "master" || known["num-other-sentinels"] != strconv.Itoa(sentinels-1) || slaves < replicas {
			return "", fmt.Errorf("%s: %s is %s, with %d replicas of %d, and %s other sentinels", each, name, known["flags"], slaves, replicas,
				known["num-other-sentinels"])
		}
	}
	if !p.Address(leader).IsValid() {
		return "", fmt.Errorf("the sentinels take %s for the master, which is away", leader)
	}
	return leader, nil
}

// leads says whether a server is a master with so many replicas that are in step.
func leads(ctx context.Context, p Pods, pod string, replicas int) error {
	said, err := redis(ctx, p, pod, redisPort, "INFO replication")
	if err != nil {
		return err
	}
	isMaster, online := false, 0
	for line := range strings.Lines(strings.Join(said, "")) {
		switch line = strings.TrimSpace(line); {
		case line == "role:master":
			isMaster = true
		case strings.HasPrefix(line, "slave") && strings.Contains(line, "state=online"):
			online++
		}
	}
	if !isMaster || online < replicas {
		return fmt.Errorf("%s is a master: %t, with %d replicas in step of %d", pod, isMaster, online, replicas)
	}
	return nil
}

// redis returns the texts that a server answers a command with: one, or those of an array.
func redis(ctx context.Context, p Pods, pod string, port uint16, command string) ([]string, error) {
	conn, err := dial(ctx, netip.AddrPortFrom(p.Address(pod), port))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", pod, err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, command+"\r\n"); err != nil {
		return nil, err
	}
	all, err := readReply(bufio.NewReader(conn))
	if err != nil {
		return nil, fmt.Errorf("%s answers %q: %w", pod, command, err)
	}
	return all, nil
}

// readReply reads bulk strings of the Redis protocol: one, or those of an array.
func readReply(from *bufio.Reader) (all []string, err error) {
	for left := 1; left > 0; left-- {
		line, err := from.ReadString('\n')
		if err != nil {
			return nil, err
		}
		line = strings.TrimSpace(line)
		size, err := strconv.Atoi(line[min(1, len(line)):])
		switch {
		case err == nil && size >= 0 && line[0] == '*':
			left += size
		case err == nil && size >= 0 && size <= longestAnswer && line[0] == '$':
			text := make([]byte, size+len("\r\n"))
			if _, err := io.ReadFull(from, text); err != nil {
				return nil, err
			}
			all = append(all, string(text[:size]))
		default:
			return nil, fmt.Errorf("%q is no text", line)
		}
	}
	return all, nil
}

// removeMaster lets the master go, and keeps its name away until the others have followed.
func removeMaster(ctx context.Context, s Stage) (func(context.Context, Pods) error, error) {
	old, err := master(ctx, s, 0)
	if err != nil {
		return nil, err
	}
	if err := s.Remove(ctx, old); err != nil {
		return nil, err
	}
	return func(ctx context.Context, p Pods) error {
		leader, err := master(ctx, p, 0)
		if err != nil {
			return err
		}
		if leader == old {
			return fmt.Errorf("%s is still the master", old)
		}
		if err := leads(ctx, p, leader, 1); err != nil {
			return err
		}
		s.Return(old)
		return nil
	}, nil
}
