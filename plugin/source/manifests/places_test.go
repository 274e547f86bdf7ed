package manifests

import (
	"strings"
	"testing"
)

const (
	placedSlice = `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: a-1, labels: {kubernetes.io/service-name: a}}
addressType: IPv4
endpoints:
- {addresses: [10.0.0.1], zone: z1, nodeName: n1, hints: {forZones: [{name: z1}]}}
- {addresses: [10.0.0.2]}
`
	placedEndpoints = `apiVersion: v1
kind: Endpoints
metadata: {name: b}
subsets:
- addresses: [{ip: 10.0.0.3, nodeName: n1}]
`
	twoNodes = `apiVersion: v1
kind: Node
metadata: {name: n1, labels: {topology.kubernetes.io/zone: z1}}
spec: {podCIDRs: [10.1.0.0/24, "fd00:1::/64"]}
status: {addresses: [{type: InternalIP, address: 192.0.2.1}]}
---
apiVersion: v1
kind: Node
metadata: {name: n2, namespace: default}
`
)

func TestPlacesAndNodesAreReadWhereTheyAreWanted(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.yaml": strings.Join([]string{headless("a"), headless("b"), placedSlice, placedEndpoints, twoNodes}, "---\n")})
	const services = `
			Service default/a headless
			Service default/b headless`
	for _, row := range []struct {
		name string
		opts Options
		want string
	}{
		{"neither", Options{}, services + `
			Slice default/a-1 of a: 10.0.0.1 10.0.0.2
			Slice default/endpoints/b/ipv4/0 of b: 10.0.0.3`},
		{"places", Options{Places: true}, services + `
			Slice default/a-1 of a: 10.0.0.1 in z1 on n1 for its zone 10.0.0.2
			Slice default/endpoints/b/ipv4/0 of b: 10.0.0.3 on n1`},
		{"Nodes, whatever namespaces are selected", Options{Nodes: true, Namespaces: []string{"other"}}, `
			Node n1 in z1 [10.1.0.0/24 fd00:1::/64] [192.0.2.1]
			Node n2 [] []`},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got, want := loaded(t, dir, row.opts), unindent(row.want); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestAChangeOfANodeIsReportedAndAnotherManifestOfItCounts(t *testing.T) {
	t.Chdir(t.TempDir())
	log := captureLog(t)
	write(t, ".", map[string]string{"a.yaml": twoNodes})
	s := newStill(t, ".", Options{Nodes: true})
	s.want(t, "Node n1 in z1 [10.1.0.0/24 fd00:1::/64] [192.0.2.1]\nNode n2 [] []")
	if log.count("Nodes: 2") != 1 {
		t.Errorf("logged\n%s", log.text())
	}
	write(t, ".", map[string]string{"b.yaml": "apiVersion: v1\nkind: Node\nmetadata: {name: n2, labels: {topology.kubernetes.io/zone: z2}}\n"})
	s.settle(t)
	s.want(t, "Node n1 in z1 [10.1.0.0/24 fd00:1::/64] [192.0.2.1]\nNode n2 in z2 [] []")
	if log.count("Left out the Node n2 (a.yaml:") != 1 {
		t.Errorf("logged\n%s", log.text())
	}
	write(t, ".", map[string]string{"a.yaml": "apiVersion: v1\nkind: Node\nmetadata: {name: n3}\nspec: {podCIDRs: [bad, 10.3.0.0/24]}\n"})
	s.settle(t)
	s.want(t, "Node n2 in z2 [] []\nNode n3 [10.3.0.0/24] []")
	if log.count(`Left out of the Node n3: a.yaml:1: podCIDR "bad" is not a network`) != 1 {
		t.Errorf("logged\n%s", log.text())
	}
}
