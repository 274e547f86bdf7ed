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
	Topology   = "docs/topology.md"
)

// Fenced returns the first fenced block with the info string, such as yaml, that
// follows the words in a document. An error says that there is none.
func Fenced(ctx context.Context, document, words, info string) (string, error) {
	text, err := contents(ctx, document)
	if err != nil {
		return "", err
	}
	block, err := fenced(text, words, info)
	if err != nil {
		return "", fmt.Errorf("%s: %w", document, err)
	}
	return block, nil
}

// Table returns the cells of the first table that follows the words in a document, a
// slice for each row, without its head. An error says that there is none.
func Table(ctx context.Context, document, words string) ([][]string, error) {
	text, err := contents(ctx, document)
	if err != nil {
		return nil, err
	}
	rows, err := table(text, words)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", document, err)
	}
	return rows, nil
}

func contents(ctx context.Context, document string) (string, error) {
	root, err := gobuild.ModuleRoot(ctx)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(document)))
	return string(text), err
}

func table(text, words string) (rows [][]string, err error) {
	_, rest, found := strings.Cut(text, words)
	if !found {
		return nil, fmt.Errorf("there is no %q", words)
	}
	_, rest, _ = strings.Cut(rest, "\n|")
	for line := range strings.Lines("|" + rest) {
		line, isRow := strings.CutPrefix(strings.TrimSpace(line), "|")
		if !isRow {
			break
		}
		cells := strings.Split(strings.TrimSuffix(line, "|"), "|")
		for i, cell := range cells {
			cells[i] = strings.TrimSpace(cell)
		}
		rows = append(rows, cells)
	}
	if len(rows) < 3 {
		return nil, fmt.Errorf("there is no table after %q", words)
	}
	return rows[2:], nil
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
	var role rbacv1.ClusterRole
	err := rights(ctx, Operations, &role)
	return role.Rules, err
}

// NodeRights returns the rules beside those that docs/topology.md names for `clients nodes`.
func NodeRights(ctx context.Context) (rules []rbacv1.PolicyRule, err error) {
	err = rights(ctx, Topology, &rules)
	return rules, err
}

// rights reads what stands in a document's section about rights.
func rights(ctx context.Context, document string, into any) error {
	block, err := Fenced(ctx, document, "# Rights\n", "yaml")
	if err != nil {
		return err
	}
	if err := yaml.UnmarshalStrict([]byte(block), into); err != nil {
		return fmt.Errorf("the rights of %s: %w", document, err)
	}
	return nil
}
