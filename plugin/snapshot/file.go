package snapshot

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
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
	probe, err := createTemporary(path)
	if err != nil {
		return fmt.Errorf("cannot write to the directory %s: %w", dir, err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// temporarySuffix ends the names of files that are to become a snapshot.
const temporarySuffix = ".tmp"

// temporaryPrefix begins the names of files that are to become path.
func temporaryPrefix(path string) string { return "." + filepath.Base(path) + "." }

// createTemporary makes a file that is to become path. The last star is the one
// that counts, so path may have some.
func createTemporary(path string) (*os.File, error) {
	return os.CreateTemp(filepath.Dir(path), temporaryPrefix(path)+"*"+temporarySuffix)
}

// isTemporary reports whether createTemporary gives such a name for path. With a
// dot in place of the star, the file is to become another one, such as path.old.
func isTemporary(name, path string) bool {
	rest, ours := strings.CutPrefix(name, temporaryPrefix(path))
	random, temporary := strings.CutSuffix(rest, temporarySuffix)
	return ours && temporary && random != "" && !strings.Contains(random, ".")
}

// Save writes a file that only its owner can read, and puts it at path in one
// step: there is the old content or the new one, also after a crash. Where it
// fails, the old file stays.
func Save(path string, h Header, objects iter.Seq[model.Change], m Memory) error {
	return replace(path, func(to io.Writer) error { return Encode(to, h, objects, m) })
}

// replace puts a file with what is written at path.
func replace(path string, write func(io.Writer) error) (err error) {
	removeLeft(path)
	f, err := createTemporary(path)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if err := write(f); err != nil {
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
	return syncDir(filepath.Dir(path))
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
	dir := filepath.Dir(path)
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		if !isTemporary(entry.Name(), path) {
			continue
		}
		if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) > leftFor {
			_ = os.Remove(filepath.Join(dir, entry.Name()))
		}
	}
}

// Load reads a file that Save wrote. See Decode. The error wraps fs.ErrNotExist
// where there is none.
func Load(path string, accept func(Header) error) (Content, error) {
	f, err := open(path)
	if err != nil {
		return Content{}, err
	}
	defer f.Close()
	return Decode(f, accept)
}

func open(path string) (*os.File, error) {
	// Opening a pipe would wait for somebody to write to it.
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file: %w", path, fs.ErrInvalid)
	}
	return os.Open(path)
}
