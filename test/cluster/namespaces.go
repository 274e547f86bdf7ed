package cluster

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// CreateNamespace creates the namespace.
func (c *Cluster) CreateNamespace(ctx context.Context, name string) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err := c.clients.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{})
	return err
}

// DeleteNamespace deletes the namespace. What is in it goes, and then the
// namespace itself; DeleteNamespace does not wait for that.
func (c *Cluster) DeleteNamespace(ctx context.Context, name string) error {
	return c.clients.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{})
}

// cleanUpLimit bounds the clean-up of a test whose API server does not answer.
const cleanUpLimit = 10 * time.Second

// Namespace creates a namespace for the test and deletes it when the test
// ends. Its name is made of that of the test.
func (c *Cluster) Namespace(t testing.TB) string {
	t.Helper()
	name := namespaceName(t.Name())
	if err := c.CreateNamespace(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), cleanUpLimit)
		defer cancel()
		if err := c.DeleteNamespace(ctx, name); err != nil {
			t.Errorf("namespace %s stays: %v", name, err)
		}
	})
	return name
}

var (
	// namespaces makes names unique within a process: a namespace that was
	// deleted keeps its name for a while.
	namespaces atomic.Int64
	noLabel    = regexp.MustCompile(`[^a-z0-9]+`)
)

// maxStem leaves room for the number in a label of 63 bytes.
const maxStem = 40

func namespaceName(test string) string {
	stem := strings.Trim(noLabel.ReplaceAllString(strings.ToLower(test), "-"), "-")
	stem = strings.TrimRight(stem[:min(len(stem), maxStem)], "-")
	return fmt.Sprintf("%s-%d", stem, namespaces.Add(1))
}
