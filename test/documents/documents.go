// Package documents reads from README.md and docs what tests hold them to.
package documents

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/gobuild"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// The documents, by their paths in the folder of the module.
const (
	Readme     = "README.md"
	Operations = "docs/operations.md"
)

// Fenced returns the first fenced block with the info string, such as yaml, that
// follows the words in a document. An error says that there is none.
func Fenced(ctx context.Context, document, words, info string) (string, error) {
	root, err := gobuild.ModuleRoot(ctx)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(document)))
	if err != nil {
		return "", err
	}
	block, err := fenced(string(text), words, info)
	if err != nil {
		return "", fmt.Errorf("%s: %w", document, err)
	}
	return block, nil
}

func fenced(text, words, info string) (string, error) {
	_, rest, found := strings.Cut(text, words)
	if !found {
		return "", fmt.Errorf("there is no %q", words)
	}
	_, rest, _ = strings.Cut(rest, "\n~~~ "+info+"\n")
	block, _, found := strings.Cut(rest, "~~~\n")
	if !found {
		return "", fmt.Errorf("there is no fenced block of %s after %q", info, words)
	}
	return block, nil
}

// Rights returns the rules of the ClusterRole that docs/operations.md names.
func Rights(ctx context.Context) ([]rbacv1.PolicyRule, error) {
	block, err := Fenced(ctx, Operations, "\n## Rights\n", "yaml")
	if err != nil {
		return nil, err
	}
	var role rbacv1.ClusterRole
	if err := yaml.UnmarshalStrict([]byte(block), &role); err != nil {
		return nil, fmt.Errorf("the ClusterRole of %s: %w", Operations, err)
	}
	return role.Rules, nil
}
