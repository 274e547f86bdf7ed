package endpoints

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coredns/caddy"
)

// controller returns a controller of a server block for cluster.local and two
// reverse zones.
func controller(stanza string) *caddy.Controller {
	c := caddy.NewTestController("dns", stanza)
	c.ServerBlockKeys = []string{"cluster.local.:53", "in-addr.arpa.:53", "ip6.arpa.:53"}
	return c
}

func TestSetupRefusesASourceThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.yaml")
	if err := os.WriteFile(broken, []byte("kind: Service\nspec: [\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := setup(controller("k8s_endpoints {\nmanifests " + dir + "\n}"))
	if err == nil || !strings.Contains(err.Error(), broken) || !strings.Contains(err.Error(), "plugin/k8s_endpoints") {
		t.Errorf("got %v", err)
	}
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	err = setup(controller("k8s_endpoints"))
	if err == nil || !strings.Contains(err.Error(), "manifests") {
		t.Errorf("outside of a cluster, which options there are is not said: %v", err)
	}
}
