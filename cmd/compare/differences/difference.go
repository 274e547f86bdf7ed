// Package differences is the list of the differences between the answers of k8s_endpoints and those of the stock
// plugin kubernetes. Each has its reason, an example, and the function that turns the one answer into the other.
// The test in test/differential shows that the list is complete.
//
// Read difference.go first, then list.go, which names the files with the differences themselves, by topic. What
// they know of the cluster is in service.go and cluster.go, and of a question in comparison.go; with the functions
// of answer.go they write to an answer. expect.go applies them all. byhand.go has what
// no question shows.
package differences

import "github.com/miekg/dns"

// A Difference says in which way some answers of k8s_endpoints differ from those of the stock plugin.
type Difference struct {
	// Name is a sentence that says what is different, and Reason why. Both may
	// have marks of Markdown.
	Name, Reason string
	// Example is a question at which the test in test/differential meets it.
	Example string
	// Only is the one setup in which answers differ so; empty, they do in all.
	Only Setup
	// Relied is set where clients may rely on records that only the stock plugin
	// has: somebody has to decide on an answer that loses all its records so.
	Relied bool

	// passing is set where the difference also holds for what a kubernetes with all
	// endpoints answers behind k8s_endpoints.
	passing bool
	// change turns the answer of the stock plugin into ours, and leaves an answer
	// alone that the reason does not hold for. The result has to equal our answer,
	// so a difference excuses nothing but itself.
	change func(x *Comparison, m *dns.Msg)
}

// nxdomain makes NXDOMAIN of the answers that a condition holds for.
func nxdomain(condition func(*Comparison, *dns.Msg) bool) func(*Comparison, *dns.Msg) {
	return func(x *Comparison, m *dns.Msg) {
		if condition(x, m) {
			x.negative(m, dns.RcodeNameError)
		}
	}
}

// nodata makes NODATA of them: the name exists, and has no records of the type.
func nodata(condition func(*Comparison, *dns.Msg) bool) func(*Comparison, *dns.Msg) {
	return func(x *Comparison, m *dns.Msg) {
		if condition(x, m) {
			x.negative(m, dns.RcodeSuccess)
		}
	}
}
