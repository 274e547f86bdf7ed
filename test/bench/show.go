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

// show draws the figures of the file, beside it, and writes their tables into
// README.md where they are the published ones.
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
	text := render.Markdown(report, plot)
	if file != published {
		fmt.Println(text)
		return nil
	}
	const readme = "README.md"
	document, err := os.ReadFile(readme)
	if err != nil {
		return err
	}
	with, err := render.Into(string(document), text)
	if err != nil {
		return fmt.Errorf("%s: %w", readme, err)
	}
	return os.WriteFile(readme, []byte(with), 0o644)
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
