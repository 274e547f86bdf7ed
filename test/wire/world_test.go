// Package wire asks the built CoreDNS with each stock plugin in front of this one, over
// each transport, and through other plugins that look names up. Each answer is that of a
// server block with nothing in front, and goes as bytes or as a message, as it should.
// Objects come from manifests: there is no control plane.
//
// With ANSWERS=messages in the environment no answer goes as bytes, and all of them are
// the same.
//
// Read world_test.go first (what is served), then questions_test.go (what is asked, and
// how answers are compared). plugins_test.go, transports_test.go (with clients_test.go)
// and lookups_test.go are a topic each.
package wire

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"
)

var must = polltest.Must

// many is how many endpoints the Service many has: so many that UDP carries a part.
const many = 300

// manifests writes the objects into a folder.
func manifests(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	text, err := os.ReadFile("testdata/services.yaml")
	must(t, err, os.WriteFile(filepath.Join(dir, "services.yaml"), text, 0o600))
	var slice strings.Builder
	slice.WriteString(`apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: many-1
  namespace: default
  labels: {kubernetes.io/service-name: many}
addressType: IPv4
ports:
- {name: sql, port: 5432, protocol: TCP}
endpoints:
`)
	for i := range many {
		fmt.Fprintf(&slice, "- {addresses: [10.245.%d.%d]}\n", i/250, i%250+1)
	}
	must(t, os.WriteFile(filepath.Join(dir, "many.yaml"), []byte(slice.String()), 0o600))
	return dir
}

// block is a server block of these keys, in which other plugins stand beside the one under
// test. Their lines may be in any order.
func block(keys, plugins, dir string) string {
	return fmt.Sprintf(`%s {
    bind 127.0.0.1
    %s
    k8s_endpoints cluster.local {
        manifests %s
    }
}
`, keys, strings.ReplaceAll(plugins, "\n", "\n    "), dir)
}

// plainBlock is the one that others are compared with. It exports the metrics of all.
func plainBlock(dir string) string {
	return block(".:{{.DNS}}", "ready 127.0.0.1:{{.Ready}}\nprometheus 127.0.0.1:{{.Metrics}}", dir)
}

// sentAsBytes returns how many answers a server has sent as bytes. A server is a transport
// and an address, such as dns://127.0.0.1:1053.
func sentAsBytes(t *testing.T, s *server.Server, of string) int {
	t.Helper()
	samples, err := s.Samples(t.Context())
	must(t, err)
	return int(samples[fmt.Sprintf("coredns_k8s_endpoints_wire_answers_total{server=%q}", of)])
}

// wantAsBytes fails the test where a server has not sent so many answers as bytes, or any
// where the environment asks for messages.
func wantAsBytes(t *testing.T, s *server.Server, of string, want int) {
	t.Helper()
	if server.AsMessages() {
		want = 0
	}
	if got := sentAsBytes(t, s, of); got != want {
		t.Errorf("%d answers went as bytes, want %d", got, want)
	}
}
