package loopback

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// reservations is a file, shared by the tests of one user, in which a process
// locks the byte at the offset of each port that it was given. A lock ends with
// its process. Without it two tests could be given one port at the same time,
// and would not notice: CoreDNS lets several processes of a user listen on one
// port (SO_REUSEPORT), and the kernel then deals the queries out among them.
var reservations = sync.OnceValues(func() (*os.File, error) {
	name := fmt.Sprintf("k8s_endpoints-ports-%d", os.Getuid())
	return os.OpenFile(filepath.Join(os.TempDir(), name), os.O_CREATE|os.O_RDWR, 0o600)
})

// reserve returns an error where another process has reserved the port.
func reserve(port int) error {
	file, err := reservations()
	if err != nil {
		return err
	}
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Start: int64(port), Len: 1}
	if err := syscall.FcntlFlock(file.Fd(), syscall.F_SETLK, &lock); err != nil {
		return fmt.Errorf("another test has reserved port %d: %w", port, err)
	}
	return nil
}
