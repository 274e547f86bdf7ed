package hostile

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// good are the objects that every answer of the load is about.
const good = `
apiVersion: v1
kind: Service
metadata: {name: good, namespace: default}
spec: {clusterIP: None}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: good-1, namespace: default, labels: {kubernetes.io/service-name: good}}
addressType: IPv4
ports: [{name: sql, port: 5432}]
endpoints:
- {hostname: good-0, addresses: [192.0.2.1]}
- {hostname: good-1, addresses: [192.0.2.2]}
---
apiVersion: v1
kind: Service
metadata: {name: address, namespace: default}
spec: {type: ExternalName, externalName: 192.0.2.3}
`

// folder is a directory of manifests.
type folder string

func (f folder) path(name string) string { return filepath.Join(string(f), name) }

// put replaces a file in one step, so that nobody reads half of it.
func (f folder) put(t *testing.T, name, content string) {
	t.Helper()
	must(t, os.WriteFile(f.path("."+name), []byte(content), 0o600))
	must(t, os.Rename(f.path("."+name), f.path(name)))
}

func (f folder) remove(t *testing.T, name string) {
	t.Helper()
	must(t, os.Remove(f.path(name)))
}

// manifest writes objects as JSON, one after the other.
type manifest struct{ strings.Builder }

type fields map[string]any

func (m *manifest) add(apiVersion, kind string, meta, rest fields) {
	object := fields{"apiVersion": apiVersion, "kind": kind, "metadata": meta}
	for name, value := range rest {
		object[name] = value
	}
	text, err := json.Marshal(object)
	if err != nil {
		panic(err) // There is nothing in it that JSON cannot say.
	}
	m.Write(text)
	m.WriteByte('\n')
}

func (m *manifest) headless(name string) {
	m.add("v1", "Service", fields{"name": name}, fields{"spec": fields{"clusterIP": "None"}})
}

func (m *manifest) external(name, target string) {
	m.add("v1", "Service", fields{"name": name}, fields{"spec": fields{"type": "ExternalName", "externalName": target}})
}

// slice takes ports and endpoints as the API has them.
func (m *manifest) slice(name, service, family string, ports, endpoints []fields) {
	m.add("discovery.k8s.io/v1", "EndpointSlice", fields{"name": name, "labels": fields{"kubernetes.io/service-name": service}},
		fields{"addressType": family, "ports": ports, "endpoints": endpoints})
}

func endpoint(address string) fields { return fields{"addresses": []string{address}} }

func port(name string, number int) fields { return fields{"name": name, "port": number} }

func address(i int) string { return fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255) }

// badObjects returns objects that no API server lets through or that cannot be
// served, by their fault, and how many of each kind there are.
func badObjects() (all map[string]string, kinds map[string]int) {
	all, kinds = make(map[string]string), make(map[string]int)
	bad := func(kind, reason string, add func(m *manifest)) {
		var m manifest
		add(&m)
		all[reason] = m.String()
		kinds[kind]++
	}
	host := func(name, hostname string) func(*manifest) {
		return func(m *manifest) {
			m.slice(name, "good", "IPv4", nil, []fields{{"hostname": hostname, "addresses": []string{"192.0.2.66"}}})
		}
	}
	slice := func(name, service, family string, p fields, text string) func(*manifest) {
		return func(m *manifest) { m.slice(name, service, family, []fields{p}, []fields{endpoint(text)}) }
	}
	external := func(name, target string) func(*manifest) { return func(m *manifest) { m.external(name, target) } }
	sql := port("sql", 5432)
	long := strings.Repeat("l", 1<<20)

	bad("Service", "has 1048576 bytes; a domain name has at most 253", external("ext-long", long))
	bad("Service", `the label "" is not 1 to 63`, external("ext-empty", "a..b"))
	bad("Service", `the label "a\\000b" is not 1 to 63`, external("ext-escape", `a\000b`))
	bad("Service", `metadata.name "under_score" is not 1 to 253`, func(m *manifest) { m.headless("under_score") })
	bad("Service", `metadata.name "line\nbreak" is not 1 to 253`, func(m *manifest) { m.headless("line\nbreak") })
	bad("Service", "the annotations have 1048596 bytes; they may have at most 262144", func(m *manifest) {
		m.add("v1", "Service", fields{"name": "annotated", "annotations": fields{"example.org/an-essay": long}}, fields{"spec": fields{"clusterIP": "None"}})
	})
	bad("Service annotation", "want a whole number in range [0, 3600], not", func(m *manifest) {
		m.add("v1", "Service", fields{"name": "ttl", "annotations": fields{"k8s-endpoints.coredns.io/ttl": long[:200_000]}}, fields{"spec": fields{"clusterIP": "None"}})
	})
	bad("EndpointSlice", `hostname "a.b" is not a DNS label`, host("host-dot", "a.b"))
	bad("EndpointSlice", `hostname "zero\x00byte" is not a DNS label`, host("host-zero", "zero\x00byte"))
	bad("EndpointSlice", `hostname "bücher" is not a DNS label`, host("host-idn", "bücher"))
	bad("EndpointSlice", `llll" is not a DNS label`, host("host-long", long))
	bad("EndpointSlice", `port name "_sql" is not a DNS label`, slice("port-name", "good", "IPv4", port("_sql", 1), "192.0.2.66"))
	bad("EndpointSlice", "port number 0 is not in 1 to 65535", slice("port-zero", "good", "IPv4", port("sql", 0), "192.0.2.66"))
	bad("EndpointSlice", "port number 65536 is not in 1 to 65535", slice("port-high", "good", "IPv4", port("sql", 65536), "192.0.2.66"))
	bad("EndpointSlice", `port protocol "QUIC" is not TCP, UDP or SCTP`, slice("protocol", "good", "IPv4", fields{"name": "sql", "port": 1, "protocol": "QUIC"}, "192.0.2.66"))
	bad("EndpointSlice", `address type "FQDN" is not IPv4 or IPv6`, slice("fqdn", "good", "FQDN", sql, "example.org"))
	bad("EndpointSlice", `"fe80::1%eth0" is not an address`, slice("zone", "good", "IPv6", sql, "fe80::1%eth0"))
	bad("EndpointSlice", `"::ffff:192.0.2.66" is not an address`, slice("disguised", "good", "IPv6", sql, "::ffff:192.0.2.66"))
	bad("EndpointSlice", "the label kubernetes.io/service-name is missing", slice("orphan", "", "IPv4", sql, "192.0.2.66"))
	bad("EndpointSlice", `the Service name "a.b" is not a DNS label`, slice("dotted", "a.b", "IPv4", sql, "192.0.2.66"))
	bad("Endpoints", "pairs of an address and a port; they may have at most 1000000", func(m *manifest) {
		subset := fields{"addresses": repeat(fields{"ip": "192.0.2.66"}, 2000), "ports": repeat(fields{"port": 1}, 2000)}
		m.add("v1", "Endpoints", fields{"name": "address"}, fields{"subsets": []fields{subset}})
	})
	return all, kinds
}

func repeat(f fields, n int) []fields {
	all := make([]fields, n)
	for i := range all {
		all[i] = f
	}
	return all
}

// randomObjects returns objects with random bytes in the place of names,
// addresses and numbers. None is of the namespace of the good ones.
func randomObjects(r *rand.Rand, n int) string {
	// Names are seldom the same: an object that is there twice counts once.
	text := func() string {
		if r.IntN(2) == 0 {
			return fmt.Sprintf("r%d", r.IntN(50))
		}
		b := make([]byte, r.IntN(300))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return string(b)
	}
	var m manifest
	for i := range n {
		meta := fields{"name": fmt.Sprintf("random-%d", i), "namespace": "random"}
		if r.IntN(4) == 0 {
			meta["name"] = text()
		}
		switch r.IntN(3) {
		case 0:
			meta["annotations"] = fields{"k8s-endpoints.coredns.io/" + text(): text()}
			m.add("v1", "Service", meta, fields{"spec": fields{"clusterIP": "None"}})
		case 1:
			m.add("v1", "Service", meta, fields{"spec": fields{"type": "ExternalName", "externalName": text()}})
		default:
			meta["labels"] = fields{"kubernetes.io/service-name": text()}
			m.add("discovery.k8s.io/v1", "EndpointSlice", meta, fields{
				"addressType": []string{"IPv4", "IPv6", "FQDN"}[r.IntN(3)],
				"ports":       []fields{port(text(), r.IntN(70000))},
				"endpoints":   []fields{{"hostname": text(), "addresses": []string{address(r.IntN(1 << 24)), text()}[:1+r.IntN(2)]}},
			})
		}
	}
	return m.String()
}
