package server

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/gobuild"
)

// raceVariable asks for a CoreDNS with the race detector in it, when it is 1.
const raceVariable = "RACE"

var built struct {
	sync.Mutex
	path string
}

// Binary returns the path of CoreDNS, built from the sources as they are at the
// first call.
func Binary(ctx context.Context) (string, error) {
	built.Lock()
	defer built.Unlock()
	if built.path != "" {
		return built.path, nil
	}
	root, err := gobuild.ModuleRoot(ctx)
	if err != nil {
		return "", err
	}
	variant := "plain"
	if os.Getenv(raceVariable) == "1" {
		variant = "race"
	}
	dir, err := gobuild.CacheOf(root, "coredns", variant)
	if err != nil {
		return "", err
	}
	built.path, err = build(ctx, root, dir, variant == "race")
	return built.path, err
}

// build leaves two names of one file: the one that the go command compares
// with the sources, and so may replace at any time, and the one that is
// replaced only in whole, while other processes start it.
func build(ctx context.Context, root, dir string, race bool) (string, error) {
	unlock, err := gobuild.Lock(ctx, filepath.Join(dir, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	target, link, program := filepath.Join(dir, "target"), filepath.Join(dir, "link"), filepath.Join(dir, "coredns")
	args := []string{"-o", target, "./cmd/coredns"}
	if race {
		args = append([]string{"-race"}, args...)
	}
	if err := gobuild.Build(ctx, root, nil, args...); err != nil {
		return "", err
	}
	if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err := os.Link(target, link); err != nil {
		return "", err
	}
	return program, os.Rename(link, program)
}
