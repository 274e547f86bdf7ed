// Package observe holds the alerts and the dashboard of the folder deploy against
// the metrics that the built CoreDNS exports.
package observe

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"

	"k8s.io/apimachinery/pkg/util/yaml"
)

const (
	alertsFile      = "../../deploy/prometheus/alerts.yaml"
	alertsTestFile  = "../../deploy/prometheus/alerts_test.yaml"
	dashboardFile   = "../../deploy/grafana/dashboard.json"
	prefix          = "coredns_k8s_endpoints_"
	prometheusBuilt = "../../build/prometheus/usr/bin"
)

// limit is what a busy machine may need for what usually takes seconds at most.
const limit = time.Minute

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

func until(t *testing.T, condition func(context.Context) error) {
	t.Helper()
	if err := poll.Until(within(t), condition); err != nil {
		t.Fatal(err)
	}
}

// must fails the test on the first error of steps that were all taken.
func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// read decodes a file of YAML or JSON.
func read(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(file))
	must(t, err)
	must(t, yaml.Unmarshal(text, into))
}
