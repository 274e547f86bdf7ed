package coredns

import (
	"context"
	"path/filepath"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/gobuild"
)

// Build builds a command of this repository, such as ./cmd/coredns, and returns
// the path of the program. The working folder must be in the repository.
func Build(ctx context.Context, command string) (string, error) {
	root, err := gobuild.ModuleRoot(ctx)
	if err != nil {
		return "", err
	}
	dir, err := gobuild.CacheOf(root, "bench")
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, filepath.Base(command))
	return program, gobuild.Build(ctx, root, nil, "-o", program, command)
}
