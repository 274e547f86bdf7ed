// Package readme reads from README.md what tests hold it to.
package readme

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

// Fenced returns the first fenced block with the info string, such as yaml, that
// follows the words. An error says that there is none.
func Fenced(ctx context.Context, words, info string) (string, error) {
	root, err := gobuild.ModuleRoot(ctx)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		return "", err
	}
	return fenced(string(text), words, info)
}

func fenced(text, words, info string) (string, error) {
	_, rest, found := strings.Cut(text, words)
	if !found {
		return "", fmt.Errorf("README.md does not have %q", words)
	}
	_, rest, _ = strings.Cut(rest, "\n~~~ "+info+"\n")
	block, _, found := strings.Cut(rest, "~~~\n")
	if !found {
		return "", fmt.Errorf("README.md has no fenced block of %s after %q", info, words)
	}
	return block, nil
}

// Rights returns the rules of the ClusterRole under Rights.
func Rights(ctx context.Context) ([]rbacv1.PolicyRule, error) {
	block, err := Fenced(ctx, "\n### Rights\n", "yaml")
	if err != nil {
		return nil, err
	}
	var role rbacv1.ClusterRole
	if err := yaml.UnmarshalStrict([]byte(block), &role); err != nil {
		return nil, fmt.Errorf("the ClusterRole of README.md: %w", err)
	}
	return role.Rules, nil
}
