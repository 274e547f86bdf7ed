package cluster

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
)

// A Shared is the Cluster of all tests of a package. It starts when a test first
// asks for it. The zero value is ready to use.
type Shared struct {
	// Rights are those that CoreDNSUser gets.
	Rights []rbacv1.PolicyRule

	once    sync.Once
	cluster *Cluster
	err     error
}

// Get returns the Cluster. The test ends where it could not be started.
func (s *Shared) Get(t testing.TB) *Cluster {
	t.Helper()
	s.once.Do(func() {
		// Not the context of this test: others follow.
		ctx := context.Background()
		if s.cluster, s.err = Start(ctx); s.err == nil && len(s.Rights) > 0 {
			s.err = s.cluster.Grant(ctx, CoreDNSUser, s.Rights...)
		}
	})
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.cluster
}

// Main runs the tests of the package, stops the Cluster, and returns the exit
// status.
func (s *Shared) Main(m *testing.M) int {
	code := m.Run()
	if s.cluster == nil {
		return code
	}
	if err := s.cluster.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}
