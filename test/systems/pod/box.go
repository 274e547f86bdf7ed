package pod

import (
	"net/netip"
)

// A Box is what the program of a Pod is put into. Paths are those of the machine.
type Box struct {
	Hostname string
	// Etc has files that stand in /etc, such as resolv.conf.
	Etc string
	// Software has Debian packages that are unpacked, and may be absent.
	Software string
	// Volume is /mnt.
	Volume string
	// Shared are folders that the Pod sees at their own path, with what is written there
	// later.
	Shared []string
	// Scratch is an empty folder, in which a file system of the Pod's own is mounted.
	Scratch string
	Env     []string
	Args    []string
	// User is the user that the program runs as.
	User int
}

// Range is the network of all Pods, and Gateway what they send all to.
var (
	Range   = netip.MustParsePrefix("10.244.0.0/16")
	Gateway = netip.MustParseAddr("10.244.0.1")
)

// Bridge is the interface that has Gateway.
const Bridge = "br0"
