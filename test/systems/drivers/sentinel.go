package drivers

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

const (
	redisProgram = "/usr/bin/redis-server"

	redisPort    = 6379
	sentinelPort = 26379
	sentinels    = 3
)

var sentinel = System{
	Key:      "sentinel",
	Name:     "Redis Sentinel, resolve-hostnames",
	Proof:    Real,
	Members:  3,
	Needs:    []string{redisProgram, "/usr/bin/redis-cli"},
	Workload: "StatefulSet/red",
	Version: func(ctx context.Context, _ Place, p Pods) (string, error) {
		return versionOf(ctx, p, "red-0", redisProgram, "--version")
	},
	Objects: func(at Place) (string, error) { return manifest("sentinel.yaml", at) },
	Whole:   sentinelWhole,
	Lives:   map[string]Bounds{Cold: {Formed: 20 * time.Second}},
	Turn: &Turn{
		Name:   "the Pod of the master is gone, and its name with it",
		Make:   removeMaster,
		Bounds: Bounds{Formed: 8 * time.Second},
	},
	Needed: "A and AAAA of the names of all servers and sentinels, each second, also of those that are down.",
	Stanza: "The default.",
	Beware: "Host names have at most 45 characters. It asks some 30 times a second for 6 Pods, without a cache. A master whose name is denied is failed over all the same, in 4 s here.",
}

// sentinelWhole asks the sentinels who leads, and that server who follows.
func sentinelWhole(ctx context.Context, p Pods, want int) error {
	if _, err := members(p, "red-", want); err != nil {
		return err
	}
	leader, err := master(ctx, p)
	if err != nil {
		return err
	}
	return leads(ctx, p, leader, want-1)
}

// master is the Pod that all sentinels take for the master, and that is there.
func master(ctx context.Context, p Pods) (string, error) {
	all, err := members(p, "sen-", sentinels)
	if err != nil {
		return "", err
	}
	var leader string
	for _, each := range all {
		// An array of two: the length and the text of the host, and those of the port.
		lines, err := redis(ctx, p, each, sentinelPort, "SENTINEL get-master-addr-by-name m")
		if err != nil {
			return "", err
		}
		if len(lines) < 3 {
			return "", fmt.Errorf("%s says %q", each, lines)
		}
		name, _, _ := strings.Cut(lines[2], ".")
		if leader != "" && name != leader {
			return "", fmt.Errorf("%s takes %s for the master, others %s", each, name, leader)
		}
		leader = name
	}
	if !p.Address(leader).IsValid() {
		return "", fmt.Errorf("the sentinels take %s for the master, which is away", leader)
	}
	return leader, nil
}

// leads says whether a server is a master with so many replicas that are in step.
func leads(ctx context.Context, p Pods, pod string, replicas int) error {
	lines, err := redis(ctx, p, pod, redisPort, "INFO replication")
	if err != nil {
		return err
	}
	isMaster, online := false, 0
	for _, line := range lines {
		switch {
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

// redis returns the lines that a server answers a command with.
func redis(ctx context.Context, p Pods, pod string, port uint16, command string) ([]string, error) {
	text, err := talk(ctx, netip.AddrPortFrom(p.Address(pod), port), command+"\r\nQUIT\r\n")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", pod, err)
	}
	return strings.Split(text, "\r\n"), nil
}

// removeMaster lets the master go, and keeps its name away until the others have followed.
func removeMaster(ctx context.Context, s Stage) (func(context.Context, Pods) error, error) {
	old, err := master(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := s.Remove(ctx, old); err != nil {
		return nil, err
	}
	return func(ctx context.Context, p Pods) error {
		leader, err := master(ctx, p)
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
