package facts

import (
	"time"

	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"
)

// Servers are those that answer for the cluster.
type Servers struct {
	// Address is where clients ask: that of the Service kube-dns, or the one that was given. Empty is not known.
	Address string
	// Pods are those behind it. Empty is not known.
	Pods []ServerPod
	// Replicas are the servers that were asked.
	Replicas []Replica
}

// ServerPod is a Pod of CoreDNS.
type ServerPod struct {
	Name, Address string
	Ready         bool
}

// Replica is one server.
type Replica struct {
	// Name is that of its Pod, or its address.
	Name string
	// TCP is true where it was asked over TCP only, through a port-forward.
	TCP bool
	// Guess is true where nobody said that it can be reached from here.
	Guess bool
	// Err is why it could not be asked at all.
	Err string
	// Answers are those to the questions, and Again the same a while later where replicas differed.
	Answers, Again []Answer
	// Explained is what the name _explain has, nil where nobody asked.
	Explained *Answer
	// Service is what the page knows, AtThen what it was, and Overview of the server. Nil is not known.
	Service, AtThen *v1.Service
	Overview        *v1.Overview
	// NoPage is why there is no page.
	NoPage string
}

// Answer is one answer of DNS.
type Answer struct {
	Name string
	Type uint16
	// Rcode is that of the message. Err is why there is none.
	Rcode int
	Err   string
	// Records are the data of the records of the type that was asked for, and of aliases before them, in order.
	Records []string
	// Aliases are where the name leads, in order.
	Aliases []string
	// TTL is the least of the records', or how long the denial may be kept, in seconds.
	TTL uint32
	// Notes are the Extended DNS Errors.
	Notes []Note
	// Truncated is true where not all records came, and Cut where an answer over UDP has not all.
	Truncated, Cut bool
	Took           time.Duration
}

// Note is an Extended DNS Error (RFC 8914).
type Note struct {
	Code uint16
	Text string
}
