package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/test/bench/figures"
	"github.com/k8s-endpoints/k8s_endpoints/test/bench/render"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/gobuild"
)

// Where figures are kept: those that the documents show, and others.
const (
	published   = "docs/performance.json"
	unpublished = "build/performance.json"
)

// The documents with figures, in the folder of the module.
var (
	readme   = "README.md"
	complete = filepath.Join("docs", "performance.md")
)

// show draws the figures of the file, beside it. It writes their tables into the
// documents where they are the published ones, and else prints them.
func show(ctx context.Context, file string) error {
	report, err := figures.Load(file)
	if err != nil {
		return err
	}
	plot := strings.TrimSuffix(file, filepath.Ext(file)) + ".svg"
	if len(report.Queries) > 0 {
		if err := draw(ctx, file, plot); err != nil {
			return err
		}
	}
	if file != published {
		fmt.Println(render.Markdown(report, plot))
		return nil
	}
	if err := fill(complete, render.Markdown(report, filepath.Base(plot))); err != nil {
		return err
	}
	return fill(readme, render.Summary(report))
}

// fill replaces what an earlier run has written into a document.
func fill(document, text string) error {
	old, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	filled, err := render.Into(string(old), text)
	if err != nil {
		return fmt.Errorf("%s: %w", document, err)
	}
	return os.WriteFile(document, []byte(filled), 0o644)
}

// draw runs the command performance, which is in a module of its own.
func draw(ctx context.Context, file, plot string) error {
	root, err := gobuild.ModuleRoot(ctx)
	if err != nil {
		return err
	}
	for _, path := range []*string{&file, &plot} {
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, "go", "run", "./performance", file, plot)
	cmd.Dir = filepath.Join(root, "test", "plot")
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s, in %s: %w\n%s", strings.Join(cmd.Args, " "), cmd.Dir, err, out)
	}
	return nil
}
