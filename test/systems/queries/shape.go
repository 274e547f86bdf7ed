package queries

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A Shape is what queries of one kind have in common.
type Shape struct {
	Type string
	// Name has what differs between Pods and places replaced: N is the namespace,
	// # an ordinal, A an address, and Z the cluster's zone.
	Name string
}

func (s Shape) String() string { return s.Type + " " + s.Name }

var (
	reverse = regexp.MustCompile(`^(\d+\.){4}in-addr\.arpa\.$`)
	dashed  = regexp.MustCompile(`^(\d+-){3}\d+\.`)
	ordinal = regexp.MustCompile(`-\d+\.`)
	pod     = regexp.MustCompile(`^([a-z0-9-]+?)-[a-f0-9]{6,10}-[a-z0-9]{5}\.`)
)

// ShapeOf returns the shape of a query from a Pod of the namespace.
func ShapeOf(q Query, namespace string) Shape {
	name := q.Name
	if reverse.MatchString(name) {
		return Shape{q.Type, "A.in-addr.arpa"}
	}
	// One that ends in the zone twice went through a search path.
	name = strings.ReplaceAll(name, ".cluster.local.", ".Z.")
	name = strings.ReplaceAll(name, ".cluster.local", ".Z")
	labels := strings.Split(name, ".")
	for i, each := range labels {
		if each == namespace {
			labels[i] = "N"
		}
	}
	name = strings.Join(labels, ".")
	name = dashed.ReplaceAllString(name, "A.")
	name = pod.ReplaceAllString(name, "$1-#.")
	name = ordinal.ReplaceAllString(name, "-#.")
	return Shape{q.Type, strings.TrimSuffix(name, ".")}
}

// Count is how often a shape was asked, and how that was answered.
type Count struct {
	Shape  Shape
	Rcodes map[string]int
}

// Total is how often it was asked.
func (c Count) Total() int {
	sum := 0
	for _, each := range c.Rcodes {
		sum += each
	}
	return sum
}

// String is as in "SRV _db._tcp.db.N.svc.Z: 3 NOERROR, 1 NXDOMAIN".
func (c Count) String() string {
	var parts []string
	for rcode, n := range c.Rcodes {
		parts = append(parts, fmt.Sprintf("%d %s", n, rcode))
	}
	slices.Sort(parts)
	return fmt.Sprintf("%s: %s", c.Shape, strings.Join(parts, ", "))
}

// Counts counts queries of Pods of the namespace by their shape, the most frequent first.
func Counts(of []Query, namespace string) []Count {
	byShape := make(map[Shape]map[string]int)
	for _, q := range of {
		s := ShapeOf(q, namespace)
		if byShape[s] == nil {
			byShape[s] = make(map[string]int)
		}
		byShape[s][q.Rcode]++
	}
	var all []Count
	for shape, rcodes := range byShape {
		all = append(all, Count{shape, rcodes})
	}
	slices.SortFunc(all, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Total(), a.Total()), cmp.Compare(a.Shape.String(), b.Shape.String()))
	})
	return all
}
