package targets

import (
	"context"
	"sync"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/gobuild"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"
)

// healthProgram returns the path of the program of the folder health, which is built once.
var healthProgram = sync.OnceValues(func() (string, error) {
	ctx := context.Background()
	root, err := gobuild.ModuleRoot(ctx)
	if err != nil {
		return "", err
	}
	dir, err := gobuild.CacheOf(root, "targets")
	if err != nil {
		return "", err
	}
	path := dir + "/health"
	return path, gobuild.Build(ctx, root, nil, "-o", path, "./test/targets/health")
})

// BuildHealth builds that program, for those who cannot fetch a module later.
func BuildHealth(context.Context) error {
	_, err := healthProgram()
	return err
}

// Health starts a health service of gRPC, which serves; of its services "well" does, and
// "ill" does not.
func Health(t testing.TB) *Target {
	t.Helper()
	program, err := healthProgram()
	polltest.Must(t, err)
	s := newTarget(t)
	s.command = []string{program, s.At.String()}
	s.ready = says("serves")
	return s.launch(t)
}
