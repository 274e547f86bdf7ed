//go:build unix && !linux

package process

import "syscall"

// dieWithParent has no counterpart here: a test that is killed leaves its
// programs behind.
func dieWithParent() *syscall.SysProcAttr { return nil }
