package main

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/test/bench/figures"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/gobuild"
)

// image is a program as `make image` has it, with all plugins or with few.
type image struct {
	plugins, program string
	// size is that of the program, and layer that of its compressed layer, in bytes.
	size, layer int64
	idle, full  tried
}

// tried is what starts of an image have shown: the largest size in memory until the
// first right answer, in MiB, and the seconds until then.
type tried struct{ rss, seconds []float64 }

func buildImages(ctx context.Context) ([]*image, error) {
	root, err := gobuild.ModuleRoot(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := gobuild.CacheOf(root, "bench")
	if err != nil {
		return nil, err
	}
	var all []*image
	for _, plugins := range []string{figures.Whole, figures.Slim} {
		i := &image{plugins: plugins, program: filepath.Join(dir, "image-"+plugins)}
		if err := i.build(ctx, root); err != nil {
			return nil, err
		}
		all = append(all, i)
	}
	return all, nil
}

func (i *image) build(ctx context.Context, root string) error {
	made := filepath.Join("build", "image", "linux-"+runtime.GOARCH, "coredns")
	cmd := exec.CommandContext(ctx, "make", made, "PLUGINS="+i.plugins)
	cmd.Dir = root
	// The flags of a `make bench` around this are not for the one in it.
	cmd.Env = append(os.Environ(), "MAKEFLAGS=", "MAKEOVERRIDES=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return i.keep(filepath.Join(root, made))
}

// keep copies the program, since the next one is built in its place, and compresses it
// as builders of images do with a layer.
func (i *image) keep(made string) error {
	program, err := os.Open(made)
	if err != nil {
		return err
	}
	defer program.Close()
	kept, err := os.OpenFile(i.program, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	var layer counter
	compressed := gzip.NewWriter(&layer)
	i.size, err = io.Copy(io.MultiWriter(kept, compressed), program)
	if err := errors.Join(err, compressed.Close(), kept.Close()); err != nil {
		return err
	}
	i.layer = int64(layer)
	return nil
}

// counter counts what is written.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// startImages starts the images in turn.
func (b *bench) startImages(ctx context.Context, sc *scene, images []*image, of func(*image) *tried) error {
	for range b.starts {
		for _, i := range images {
			if err := b.startImage(ctx, sc, i.program, of(i)); err != nil {
				return fmt.Errorf("the build with %s plugins: %w", i.plugins, err)
			}
		}
	}
	return nil
}

func (b *bench) startImage(ctx context.Context, sc *scene, program string, t *tried) (err error) {
	s, err := b.start(sc, figures.Ours, settings{program: program})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	took, err := s.firstAnswer(ctx, witness)
	if err != nil {
		return err
	}
	rss, err := s.PeakRSS()
	t.rss, t.seconds = append(t.rss, mib(rss)), append(t.seconds, took.Seconds())
	return err
}

func (b *bench) noteImages(p population, images []*image) {
	for _, i := range images {
		found := figures.Build{
			Plugins: i.plugins, ImageBytes: i.layer, ProgramBytes: i.size, Services: p.services, Endpoints: p.endpoints(),
			IdleRSS: figures.NewSeries(i.idle.rss), IdleSeconds: figures.NewSeries(i.idle.seconds),
			RSS: figures.NewSeries(i.full.rss), Seconds: figures.NewSeries(i.full.seconds),
		}
		b.report.Builds = append(b.report.Builds, found)
		b.say("with %-4s plugins: %.1f MiB of image, resident %.0f MiB (idle %.0f), first right answer after %.2f s (idle %.2f)",
			i.plugins, mib(uint64(i.layer)), found.RSS.Median, found.IdleRSS.Median, found.Seconds.Median, found.IdleSeconds.Median)
	}
}
