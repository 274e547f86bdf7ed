// Package drivers has the systems that test/systems runs: for each one a file with its
// manifests and with the question whether it is whole. A driver knows nothing of the lives
// that a system goes through, nor of the servers that it asks.
//
// Start with System; All is every one of them.
package drivers

import (
	"context"
	"net/netip"
	"regexp"
	"slices"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/systems/load"
)

// The lives by name, of which Common has those that are for all.
const (
	// Cold is a start of all members at once, none of them ready.
	Cold = "cold"
	// Staggered is the same with members that come 50 ms to a second apart.
	Staggered = "staggered"
	// Rolling is a rolling restart, in which each Pod gets the address of the one before.
	Rolling = "rolling"
	// Ordered is a start in which each member waits until the one before is ready.
	Ordered = "ordered"
	// Drain is one member that is deleted, and comes again.
	Drain = "drain"
	// Reuse is the same, and a stranger gets its address at once.
	Reuse = "reuse"
	// Scale is to 4 members more, and back.
	Scale = "scale"
	// Absent is one member less for a time, without an address.
	Absent = "absent"
	// Away is a time without the API server, in which a member is killed and starts again.
	Away = "away"
	// Reload is CoreDNS that reloads its Corefile while members roll.
	Reload = "reload"
	// Exchange is two of the system that roll at the same time, each of which gets addresses
	// of the other.
	Exchange = "exchange"
	// Together is Cold, and CoreDNS starts in the same second.
	Together = "together"
	// Outage is Away, and CoreDNS starts again meanwhile, with a snapshot.
	Outage = "outage"
	// Own is that of the System's Turn.
	Own = "own"
)

// Names are those of all lives, in the order in which a system goes through them.
var Names = []string{Cold, Staggered, Ordered, Together, Rolling, Drain, Absent, Reuse, Exchange, Scale, Reload, Own, Away, Outage}

// Common are the lives that each system goes through, or else says why not.
var Common = slices.DeleteFunc(slices.Clone(Names), func(life string) bool { return life == Absent || life == Own })

// Proof says what stands behind a row of docs/systems.md.
type Proof string

const (
	// Real is the software itself.
	Real Proof = "real"
	// StandIn is the software's own client, with a server that only speaks its protocol.
	StandIn Proof = "stand-in"
	// Replay is the sequence of queries that the software makes, made by a program of ours.
	Replay Proof = "replay"
)

// Place is where a system is to live.
type Place struct {
	// Namespace is a label of DNS, and exists. Replicas is at least 1.
	Namespace string
	Replicas  int
	// DNS is the address of the server that Pods of this place ask. The kubelet sees to it;
	// a manifest needs it only for what has a resolver of its own.
	DNS string
	// Work is a folder of this place alone, for certificates and data. Each Pod sees it at
	// the same path; it goes with the place.
	Work string
	// Apps is the folder with the programs of test/systems/apps, and Control the one with
	// those of the control plane, such as etcd. Each Pod sees them at the same path.
	Apps, Control string
	// Parallel asks for members that start together, as podManagementPolicy has it; else
	// each waits until the one before is ready, if the system can live so.
	Parallel bool
}

// System is what is known of one system.
type System struct {
	// Key names the system in tests and files, as in "etcd": lower-case letters, digits and
	// hyphens, at most 20.
	Key string
	// Name is for people, as in "etcd, SRV discovery and peer TLS".
	Name  string
	Proof Proof
	// Members is how many there are when nothing says otherwise, at least 1.
	Members int
	// Patient says that ours has `patience 2s`, as its Stanza advises.
	Patient bool
	// Starts is how many cold starts of each kind make systems makes on ours; 0 is 8.
	Starts int
	// Version asks the program itself, in a Pod that runs.
	Version func(context.Context, Place, Pods) (string, error)
	// Needs are programs by their path in a Debian system, which may be a pattern of
	// filepath.Match and begins with a slash, names of programs of Apps, or
	// "control/NAME" for one of the control plane. Where one is absent, the system is left
	// out, which fails in make systems.
	Needs []string
	// Objects are the manifests, as documents of YAML: Services, StatefulSets, Deployments and
	// Pods, without a namespace of their own. It also writes what they need into Work. The
	// workload that is named by Workload has Replicas Pods.
	//
	// A Pod has one container, of any image, with command, args, env (values only),
	// readinessProbe (exec, httpGet, tcpSocket), lifecycle.preStop (sleep, exec),
	// terminationGracePeriodSeconds and securityContext.runAsUser; what else a manifest asks
	// for is refused. It runs in the machine's own file system, among which what is unpacked
	// in build/systems lies where Debian would have it. What it writes outside of /mnt is gone
	// with it; /mnt is its volume, its HOME and where it starts, and belongs to its name, as
	// that of a StatefulSet does. In the environment are POD_NAME, POD_IP, NAMESPACE, WORK,
	// APPS and CONTROL.
	Objects func(Place) (string, error)
	// Workload is the kind and the name of what is scaled and rolled, as in
	// "StatefulSet/etcd".
	Workload string
	// Whole says whether there is one cluster of that many members, and whether each agrees:
	// nil where that is so now, else what is missing. It asks the members, not Kubernetes. It
	// is asked again and again, each time with a deadline of some seconds.
	Whole func(ctx context.Context, p Pods, want int) error
	// Refusal matches a line of a container's log that says that a member has refused the
	// certificate of another; nil is where none is asked for.
	Refusal *regexp.Regexp
	// Load is what a client does all the time meanwhile; nil is none.
	Load *load.Client
	// Lives are the lives by name that the system goes through, with what must hold on ours.
	// Names are those above.
	Lives map[string]Bounds
	// Spared are the lives of Common that would say nothing of the system, or that it cannot
	// go through whatever DNS answers: for each the reason, in one sentence, which stands in
	// docs/systems.md.
	Spared map[string]string
	// Prepare does what somebody does by hand with a system that is whole, before each life
	// that begins with one; nil is nothing.
	Prepare func(context.Context, Stage) error
	// Turn is what happens to this system and to no other, as when its primary moves; nil is
	// nothing.
	Turn *Turn
	// Needed is what the system needs of DNS, Stanza the annotation, option or stanza that
	// fits it, and Beware what nobody can answer away: each a line of docs/systems.md, the
	// last two in Markdown and possibly empty.
	Needed, Stanza, Beware string
}

// Life returns what must hold for a life by its name, and whether the system has that life.
func (s *System) Life(name string) (Bounds, bool) {
	if name == Own && s.Turn != nil {
		return s.Turn.Bounds, true
	}
	bounds, has := s.Lives[name]
	return bounds, has
}

// Pods are those of a place.
type Pods interface {
	// Exec runs a command in the namespaces of a Pod that runs, and returns what it writes,
	// standard output only; an error has what it wrote to standard error.
	Exec(ctx context.Context, pod string, command ...string) (string, error)
	// Address is that of a Pod, or the zero Addr where it has none now.
	Address(pod string) netip.Addr
	// Names are those of the Pods that have an address and are not ending, sorted.
	Names() []string
}

// Turn is a life that only one system has. It begins when the system is whole.
type Turn struct {
	// Name is for people, as in "the label of the primary moves".
	Name string
	// Make makes it happen, and returns the question whether the system has followed, which is
	// asked as Whole is: Bounds.Formed is the time until it says so.
	Make   func(context.Context, Stage) (followed func(context.Context, Pods) error, err error)
	Bounds Bounds
}

// Stage is where a Turn is made.
type Stage interface {
	Pods
	// Label sets a label of a Pod; an empty value takes it away.
	Label(ctx context.Context, pod, key, value string) error
	// Remove deletes a Pod, and keeps the one that takes its name from starting until Return.
	Remove(ctx context.Context, pod string) error
	Return(pod string)
}

// Bounds are what must hold for a life of a system on ours. A number is a maximum.
type Bounds struct {
	// Formed is the time until the system is whole, from the life's first step. 0 is no bound.
	Formed time.Duration
	// Restarts are those of containers, per trial.
	Restarts int
	// Dead are contacts with addresses of no Pod, Wrong those with Pods of another system.
	Dead, Wrong int
	// Dialled are the contacts with addresses of no Pod that Dead does not count: a member that
	// has ended is dialled at the others' own pace, for as long as its name may stay. So it
	// follows from their source, and not from what was seen, which differs by chance.
	Dialled int
	// Failed are look-ups that got SERVFAIL, or were denied a Pod that has an address.
	Failed int
	// Refused are the lines that Refusal matches.
	Refused int
	// Errors are those that the load's client met.
	Errors int
	// Answered is the time from the start of a CoreDNS until its first answer, where one
	// starts again. 0 is no bound.
	Answered time.Duration
	// Unformed are the trials that may end without a system that is whole.
	Unformed int
	// Long keeps the life out of make test.
	Long bool
	// Known says why a bound is not what one would wish, as in "the JVM keeps answers 30 s".
	Known string
}

// startsEarly is of systems whose members look for each other's certificates by reverse names.
const startsEarly = "a member that starts may dial others before its address is in a slice, which then have no name for it"

// answered is the time until the first answer of a CoreDNS with a snapshot, whoever asks.
const answered = time.Second
