// Package gobuild builds the programs that tests run, and keeps them between
// runs.
package gobuild

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ModuleRoot returns the folder of the module that the working folder belongs
// to.
func ModuleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	file := strings.TrimSpace(string(out))
	if file == "" || file == os.DevNull {
		return "", errors.New("the working folder belongs to no Go module; run from within the repository")
	}
	return filepath.Dir(file), nil
}

// Cache returns a folder, made where it is missing, for programs that are
// kept between runs.
func Cache(path ...string) (string, error) {
	root, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, "k8s_endpoints", filepath.Join(path...))
	return dir, os.MkdirAll(dir, 0o755)
}

// CacheOf is the same for the programs of one copy of the repository, by its
// root: another copy has programs of its own.
func CacheOf(root string, path ...string) (string, error) {
	sum := sha256.Sum256([]byte(root))
	return Cache(append(path, hex.EncodeToString(sum[:8]))...)
}

// Build runs `go build` in the folder dir, with env added to the environment.
// An error carries the messages of the compiler.
func Build(ctx context.Context, dir string, env []string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"build"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s, in %s: %w\n%s", strings.Join(args, " "), dir, err, out)
	}
	return nil
}
