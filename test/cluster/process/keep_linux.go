package process

import (
	"os/exec"
	"syscall"
)

// Keep starts a command that the kernel kills when this process ends. What else its
// SysProcAttr asks for stays.
func Keep(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.Pdeathsig = dieWithParent().Pdeathsig
	return startOnParentThread(cmd)
}
