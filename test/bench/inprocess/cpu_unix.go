//go:build unix

package inprocess

import (
	"syscall"
	"time"
)

// CPUTime returns what the process has used so far, of all cores.
func CPUTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
