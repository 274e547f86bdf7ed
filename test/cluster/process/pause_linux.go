package process

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// Pause stops the program until Resume or its end, and returns when none of its
// threads runs any more: a signal alone may leave some of them time for one
// more answer.
func (p *Process) Pause() error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	for {
		// This takes only the report of the stop. That of the end, if it comes
		// first, is left to the goroutine that waits for it.
		err := unix.Waitid(unix.P_PID, p.PID(), nil, unix.WSTOPPED, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%s (pid %d) did not stop: %w", p.name, p.PID(), err)
		}
		return nil
	}
}
