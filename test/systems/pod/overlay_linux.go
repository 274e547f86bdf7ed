package pod

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// TryOverlay returns an error where this kernel, or who runs it, lets no overlay be mounted:
// then no Pod could have its files. Mounts have to be this process's own.
func TryOverlay() (err error) {
	dir, err := os.MkdirTemp("", "overlay-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("no tmpfs can be mounted: %w", err)
	}
	defer func() { err = errors.Join(err, unix.Unmount(dir, 0)) }()
	var folders []any
	for _, each := range []string{"lower", "upper", "work", "merged"} {
		folder := filepath.Join(dir, each)
		if err := os.Mkdir(folder, 0o755); err != nil {
			return err
		}
		folders = append(folders, folder)
	}
	merged := filepath.Join(dir, "merged")
	if err := unix.Mount("overlay", merged, "overlay", 0, fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", folders[:3]...)); err != nil {
		return fmt.Errorf("no overlay can be mounted: %w", err)
	}
	return unix.Unmount(merged, 0)
}
