package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// CheckPath refuses a path that Save could not write to. It makes a file in the
// directory and removes it.
func CheckPath(path string) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", path)
	}
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a directory", dir)
	}
	probe, err := os.CreateTemp(dir, temporary(path))
	if err != nil {
		return fmt.Errorf("cannot write to the directory %s: %w", dir, err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// temporary is the pattern of the names of files that are to become path.
func temporary(path string) string { return "." + filepath.Base(path) + ".*.tmp" }

// Save writes a file that only its owner can read, and puts it at path in one
// step: there is the old content or the new one, also after a crash. Where it
// fails, the old file stays.
func Save(path string, h Header, objects iter.Seq[model.Change]) (err error) {
	dir := filepath.Dir(path)
	removeLeft(path)
	f, err := os.CreateTemp(dir, temporary(path))
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if err := Encode(f, h, objects); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes the new name in the directory outlive a crash of the machine.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// leftFor is how old a file must be that nobody finishes any more. Another
// process may write to the same path for a while.
const leftFor = time.Hour

// removeLeft removes what processes left that ended while they wrote.
func removeLeft(path string) {
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), temporary(path)))
	for _, name := range left {
		if info, err := os.Lstat(name); err == nil && time.Since(info.ModTime()) > leftFor {
			_ = os.Remove(name)
		}
	}
}

// Load reads a file that Save wrote. See Decode. The error wraps fs.ErrNotExist
// where there is none.
func Load(path string, accept func(Header) error) ([]model.Change, error) {
	// Opening a pipe would wait for somebody to write to it.
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file: %w", path, fs.ErrInvalid)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return Decode(f, accept)
}
