package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/test/systems/pod"

	"golang.org/x/sys/unix"
)

// tops are the folders in which Debian packages have files.
var tops = []string{"usr", "etc", "var", "opt"}

// furnish makes the mounts of a Pod.
func furnish(b pod.Box) error {
	m := mounts{scratch: b.Scratch}
	m.do("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	m.do("proc", "/proc", "proc", 0, "")
	m.do("tmpfs", b.Scratch, "tmpfs", 0, "mode=755")
	// What is to be seen may lie below what is covered next.
	seen := append([]string{b.Volume}, b.Shared...)
	kept := make([]string, len(seen))
	for i, each := range seen {
		kept[i] = m.keep(each)
	}
	for _, each := range tops {
		if isFolder("/" + each) {
			m.overlay(each, layers(b, each))
		}
	}
	for _, each := range []string{"/run", "/tmp", "/dev/shm"} {
		m.do("tmpfs", each, "tmpfs", 0, "mode=1777")
	}
	m.bind(kept[0], "/mnt")
	for i, each := range seen[1:] {
		m.bind(kept[i+1], each)
	}
	return m.failed
}

// layers are the folders that make up one of tops, the one that covers the others first.
func layers(b pod.Box, top string) []string {
	all := []string{filepath.Join(b.Software, top), filepath.Join("/", top)}
	if b.Software == "" {
		all = all[1:]
	}
	if top == "etc" {
		all = append([]string{b.Etc}, all...)
	}
	var there []string
	for _, each := range all {
		if isFolder(each) {
			there = append(there, each)
		}
	}
	return there
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// mounts are made one after the other until one fails.
type mounts struct {
	scratch string
	failed  error
}

func (m *mounts) do(source, target, kind string, flags uintptr, data string) {
	if m.failed != nil {
		return
	}
	if err := unix.Mount(source, target, kind, flags, data); err != nil {
		m.failed = fmt.Errorf("mount %s at %s (%s): %w", source, target, data, err)
	}
}

func (m *mounts) make(folder string) {
	if m.failed == nil {
		m.failed = os.MkdirAll(folder, 0o755)
	}
}

func (m *mounts) bind(source, target string) {
	m.make(target)
	m.do(source, target, "", unix.MS_BIND, "")
}

// keep opens a folder, and returns a path by which it is found when another covers it.
func (m *mounts) keep(folder string) string {
	if m.failed != nil {
		return ""
	}
	file, err := unix.Open(folder, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		m.failed = &os.PathError{Op: "open", Path: folder, Err: err}
	}
	return fmt.Sprintf("/proc/self/fd/%d", file)
}

// overlay puts layers over one of tops, on which the Pod writes for itself alone.
func (m *mounts) overlay(top string, layers []string) {
	upper, work := filepath.Join(m.scratch, "upper", top), filepath.Join(m.scratch, "work", top)
	m.make(upper)
	m.make(work)
	m.do("overlay", "/"+top, "overlay", 0, "lowerdir="+strings.Join(layers, ":")+",upperdir="+upper+",workdir="+work)
	if errors.Is(m.failed, unix.ENODEV) {
		m.failed = fmt.Errorf("this kernel has no overlayfs: %w", m.failed)
	}
}
