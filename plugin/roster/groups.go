package roster

import (
	"encoding/binary"
	"slices"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// grouping puts slices with the same ports together. Nearly always all slices of
// a Service have the same.
type grouping struct {
	// ports has the list of each group.
	ports [][]model.Port
	// of has the group of each slice.
	of      []int32
	indexes map[string]int32
	text    []byte
}

// group finds the group of each slice.
func (g *grouping) group(all []*model.Slice) {
	g.ports, g.of = g.ports[:0], g.of[:0]
	clear(g.indexes)
	for _, s := range all {
		g.of = append(g.of, g.groupOf(s.Ports))
	}
}

// groupOf returns the index of the group of some ports.
func (g *grouping) groupOf(ports []model.Port) int32 {
	last := int32(len(g.ports)) - 1
	if last >= 0 && slices.Equal(g.ports[last], ports) {
		return last
	}
	g.text = g.text[:0]
	for _, port := range ports {
		g.text = append(append(g.text, port.Name...), '/', byte(port.Protocol))
		g.text = binary.BigEndian.AppendUint16(g.text, port.Number)
	}
	if at, ok := g.indexes[string(g.text)]; ok {
		return at
	}
	if g.indexes == nil {
		g.indexes = make(map[string]int32)
	}
	g.indexes[string(g.text)] = last + 1
	g.ports = append(g.ports, ports)
	return last + 1
}

// groups returns who offers which ports, each group once and none of nobody. An
// endpoint that stands in several slices is in the groups of all of them.
func (g *grouping) groups(holders []holder) []Group {
	groups, counts := make([]Group, len(g.ports)), make([]int, len(g.ports))
	for i := range holders {
		for group := range holders[i].groups {
			counts[group]++
		}
	}
	for i, ports := range g.ports {
		groups[i].Ports = ports
		if counts[i] < len(holders) {
			groups[i].Members = make([]At, 0, counts[i])
		}
	}
	for i := range holders {
		h := &holders[i]
		for group := range h.groups {
			if of := &groups[group]; of.Members != nil {
				of.Members = append(of.Members, At(i))
			}
		}
		for _, s := range h.several {
			if s.conditions != h.conditions {
				groups[s.group].differ(At(i), s.conditions)
			}
		}
	}
	return slices.DeleteFunc(groups, func(g Group) bool { return g.Members != nil && len(g.Members) == 0 })
}

// differ notes that a member has other conditions for these ports.
func (g *Group) differ(at At, is model.Conditions) {
	if g.Others == nil {
		g.Others = make(map[At]model.Conditions)
	}
	g.Others[at] = is
}
