package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// A container is what Kubernetes makes of an image, as far as CoreDNS can tell:
// another root, read only, with volumes in it, another user, and of the
// capabilities at most the one to bind port 53.
type container struct {
	Root    string
	Volumes []volume
	User    int
	Args    []string
	// OwnNetwork has a loopback interface where port 53 is free.
	OwnNetwork bool
	// NoNewPrivileges is what `allowPrivilegeEscalation: false` sets.
	NoNewPrivileges bool
}

// A volume is a folder of the machine at a path of the container.
type volume struct {
	Source, Target string
	Writable       bool
}

// containArgument makes this program become a container.
const containArgument = "contain"

// contain turns this process into the container, and does not return unless
// that fails.
func contain(text string) error {
	var c container
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	// Namespaces and capabilities belong to a thread, and it is the thread that
	// goes on as the program.
	runtime.LockOSThread()
	steps := []func() error{c.unshare, c.mount, c.chroot, c.drop}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return fmt.Errorf("exec %s: %w", c.Args[0], unix.Exec(c.Args[0], c.Args, nil))
}

func (c *container) unshare() error {
	flags := unix.CLONE_NEWNS
	if c.OwnNetwork {
		flags |= unix.CLONE_NEWNET
	}
	if err := unix.Unshare(flags); err != nil {
		return fmt.Errorf("namespaces of its own: %w", err)
	}
	if c.OwnNetwork {
		return loopbackUp()
	}
	return nil
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP)
	return os.NewSyscallError("SIOCSIFFLAGS lo", unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request))
}

// mount binds the root to itself, so that it can be read only here, and the
// volumes into it.
func (c *container) mount() error {
	// No mount is to show on the machine.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return os.NewSyscallError("mount private", err)
	}
	if err := bind(c.Root, c.Root); err != nil {
		return err
	}
	for _, v := range c.Volumes {
		target := filepath.Join(c.Root, v.Target)
		err := errors.Join(os.MkdirAll(target, 0o755), bind(v.Source, target))
		if err == nil && !v.Writable {
			err = readOnly(target)
		}
		if err != nil {
			return err
		}
	}
	return readOnly(c.Root)
}

func bind(source, target string) error {
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return &os.PathError{Op: "bind " + source, Path: target, Err: err}
	}
	return nil
}

func readOnly(target string) error {
	if err := unix.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		return &os.PathError{Op: "remount read only", Path: target, Err: err}
	}
	return nil
}

func (c *container) chroot() error {
	if err := unix.Chroot(c.Root); err != nil {
		return &os.PathError{Op: "chroot", Path: c.Root, Err: err}
	}
	return os.Chdir("/")
}

// drop does as the runtimes of Kubernetes do: the bounding set has the
// capabilities that the container may have at most; the user has them until the
// program is executed, and then only those that the file of the program gives.
func (c *container) drop() error {
	for capability := uintptr(0); capability <= unix.CAP_LAST_CAP; capability++ {
		if capability == unix.CAP_NET_BIND_SERVICE {
			continue
		}
		// An older kernel does not know the last ones.
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) {
			return os.NewSyscallError("prctl PR_CAPBSET_DROP", err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl PR_SET_KEEPCAPS", err)
	}
	if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(c.User), syscall.Setuid(c.User)); err != nil {
		return os.NewSyscallError("setuid", err)
	}
	const kept = 1 << unix.CAP_NET_BIND_SERVICE
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	capabilities := [2]unix.CapUserData{{Effective: kept, Permitted: kept}}
	if err := unix.Capset(&header, &capabilities[0]); err != nil {
		return os.NewSyscallError("capset", err)
	}
	if !c.NoNewPrivileges {
		return nil
	}
	return os.NewSyscallError("prctl PR_SET_NO_NEW_PRIVS", unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
}
