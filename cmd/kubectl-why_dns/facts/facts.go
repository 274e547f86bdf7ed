// Package facts has what the command gathers before it judges. Whatever is not known is the zero value, and Skipped says
// why.
//
// Read facts.go first, then cluster.go, servers.go and client.go.
package facts

import (
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/question"
)

// Facts are all that is known when it is judged.
type Facts struct {
	Now      time.Time
	Question question.Question
	Cluster  Cluster
	Servers  Servers
	Client   Client
	// Direct is what the target of an ExternalName Service is to a resolver that is not the cluster's.
	Direct *Answer
	// DirectAt is who that is.
	DirectAt string
	// Paths are connections that were tried. Nobody asked for them where it is nil.
	Paths []Path
	// Skipped is what nobody looked at.
	Skipped []Skipped
}

// Skipped is something that was not looked at, and why.
type Skipped struct{ What, Why string }

// Path is a connection that was tried.
type Path struct {
	// Address is with its port, and Node where its endpoint is.
	Address, Node string
	// Took is how long it took, or Err why it failed.
	Took time.Duration
	Err  string
}

// Skip notes what was not looked at.
func (f *Facts) Skip(what, why string) { f.Skipped = append(f.Skipped, Skipped{what, why}) }
