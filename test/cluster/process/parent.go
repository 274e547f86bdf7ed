package process

import (
	"os/exec"
	"runtime"
	"sync"
)

// parentThread runs functions on one OS thread that lives as long as the
// process. The death signal of a program is sent when the thread that started
// it ends, and the Go runtime ends threads: that of a goroutine that returns
// while it is locked to its thread. So no thread that the runtime might end
// may start a program.
var parentThread = sync.OnceValue(func() chan<- func() {
	calls := make(chan func())
	go func() {
		runtime.LockOSThread()
		for call := range calls {
			call()
		}
	}()
	return calls
})

func startOnParentThread(cmd *exec.Cmd) error {
	result := make(chan error)
	parentThread() <- func() { result <- cmd.Start() }
	return <-result
}
