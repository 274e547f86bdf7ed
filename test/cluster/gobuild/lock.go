package gobuild

import (
	"context"
	"errors"
	"os"
	"syscall"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"
)

// Lock waits until this is the only process that holds the lock file, and
// holds it until unlock is called or the process ends.
func Lock(ctx context.Context, file string) (unlock func(), err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	// Asking again and again, where flock could wait, is what lets ctx end
	// the wait.
	var refused error
	err = poll.Until(ctx, func(context.Context) error {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
			return err
		}
		refused = err
		return nil
	})
	if err = errors.Join(err, refused); err != nil {
		f.Close()
		return nil, &os.PathError{Op: "lock", Path: file, Err: err}
	}
	return func() { f.Close() }, nil
}
