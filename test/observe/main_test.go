// Package observe checks the alerts and the dashboard of the folder deploy by
// the metrics that the built CoreDNS exports.
//
// Read exported_test.go first (a server that exports everything), then
// promql_test.go (the metrics that an expression needs); alerts_test.go and
// dashboard_test.go are the two topics.
package observe

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"

	"k8s.io/apimachinery/pkg/util/yaml"
)

var (
	must   = polltest.Must
	within = polltest.Within
	until  = polltest.Until
)

const (
	alertsFile      = "../../deploy/prometheus/alerts.yaml"
	alertsTestFile  = "../../deploy/prometheus/alerts_test.yaml"
	dashboardFile   = "../../deploy/grafana/dashboard.json"
	prefix          = "coredns_k8s_endpoints_"
	prometheusBuilt = "../../build/prometheus/usr/bin"
)

// read decodes a file of YAML or JSON.
func read(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(file))
	must(t, err)
	must(t, yaml.Unmarshal(text, into))
}
