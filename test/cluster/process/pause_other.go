//go:build unix && !linux

package process

import "syscall"

// Pause stops the program until Resume or its end. Some of its threads may run
// on for a moment.
func (p *Process) Pause() error { return p.Signal(syscall.SIGSTOP) }
