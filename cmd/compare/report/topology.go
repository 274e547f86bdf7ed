package report

import (
	"fmt"
	"strings"
)

// A jsonWish is a headless Service that says something of topology already.
type jsonWish struct {
	Service string   `json:"service"`
	Says    []string `json:"says"`
	// Peers is true where its endpoints are for each other: it then gives all of them, until
	// its annotation asks for less.
	Peers bool `json:"peers"`
}

// wishes are the Services that `topology on` would be about.
func (r *Report) wishes() []jsonWish {
	all := []jsonWish{}
	for _, s := range r.Cluster.Services {
		if len(s.Wishes) > 0 {
			all = append(all, jsonWish{s.Namespace + "/" + s.Name, s.Wishes, s.ForPeers})
		}
	}
	return all
}

// maxWishes is how many of these Services the text shows. The form json has all.
const maxWishes = 50

func writeWishes(b *strings.Builder, r *Report) {
	all := r.wishes()
	if len(all) == 0 {
		return
	}
	fmt.Fprint(b, "\nWith `topology on`, clients of these headless Services would get the endpoints near them alone. Ask the owners whether\n"+
		"clients, or the Pods themselves, need all of them. docs/topology.md says how to go on:\n\n")
	for _, w := range all[:min(len(all), maxWishes)] {
		fmt.Fprintf(b, "  %s (%s)", w.Service, strings.Join(w.Says, ", "))
		if w.Peers {
			fmt.Fprint(b, ", peers: publishNotReadyAddresses, so all endpoints until its annotation asks for less")
		}
		fmt.Fprintln(b)
	}
	if more := len(all) - maxWishes; more > 0 {
		fmt.Fprintf(b, "\n  and %d more: -o json has all\n", more)
	}
}
