package main

import (
	"context"
	"os/exec"
	"runtime"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/test/bench/figures"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

func machine(ctx context.Context) (figures.Machine, error) {
	m := figures.Machine{Cores: runtime.NumCPU()}
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return m, err
	}
	cpus, err := fs.CPUInfo()
	if err != nil {
		return m, err
	}
	if len(cpus) > 0 {
		m.CPU = cpus[0].ModelName
	}
	memory, err := fs.Meminfo()
	if err != nil {
		return m, err
	}
	if memory.MemTotalBytes != nil {
		m.MemoryMiB = *memory.MemTotalBytes >> 20
	}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return m, err
	}
	m.Kernel = unix.ByteSliceToString(name.Sysname[:]) + " " + unix.ByteSliceToString(name.Release[:])
	// The programs are built by the go command in reach, which need not be the
	// one that built this.
	version, err := exec.CommandContext(ctx, "go", "env", "GOVERSION").Output()
	m.Go = strings.TrimSpace(string(version))
	return m, err
}
