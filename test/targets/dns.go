package targets

import (
	"context"
	"fmt"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"
)

// DNS starts a CoreDNS that serves example.org, and refuses all else. It logs each question.
func DNS(t testing.TB) *Target {
	t.Helper()
	program, err := server.Binary(context.Background())
	polltest.Must(t, err)
	s := newTarget(t)
	s.write(t, "zone", "@ 3600 IN SOA ns.example.org. hostmaster.example.org. 1 7200 3600 1209600 3600\n", 0o600)
	s.write(t, "Corefile", fmt.Sprintf("example.org:%d {\n    bind %s\n    file %s\n    log\n}\n", s.At.Port(), s.At.Addr(), s.path("zone")), 0o600)
	s.command = []string{program, "-conf", s.path("Corefile")}
	// It prints its version when its ports are open.
	s.ready = says("CoreDNS-")
	return s.launch(t)
}
