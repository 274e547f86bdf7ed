package manifests

import (
	"fmt"
	"strings"
	"testing"
)

// endpointsDump is what kubectl prints of a Service, in YAML: slices of 100
// endpoints in block style.
func endpointsDump(endpoints int) string {
	var text strings.Builder
	text.WriteString("apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n  metadata: {name: a, namespace: b}\n  spec: {clusterIP: None}\n")
	for i := range endpoints {
		if i%100 == 0 {
			fmt.Fprintf(&text, "- addressType: IPv4\n  apiVersion: discovery.k8s.io/v1\n  kind: EndpointSlice\n  metadata:\n    name: a-%d\n    namespace: b\n"+
				"    labels:\n      kubernetes.io/service-name: a\n  ports:\n  - name: sql\n    port: 5432\n    protocol: TCP\n  endpoints:\n", i)
		}
		fmt.Fprintf(&text, "  - addresses:\n    - 10.%d.%d.%d\n    conditions:\n      ready: true\n      serving: true\n      terminating: false\n    hostname: a-%d\n"+
			"    nodeName: node-%d\n    targetRef:\n      kind: Pod\n      name: a-%d\n      namespace: b\n      uid: 00000000-0000-4000-8000-%012d\n    zone: zone-a\n",
			i>>16&255, i>>8&255, i&255, i, i%100, i, i)
	}
	return text.String()
}

// BenchmarkStart reads 20,000 endpoints of one file.
func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	write(b, dir, map[string]string{"dump.yaml": endpointsDump(20_000)})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := New(dir, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
