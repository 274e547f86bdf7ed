package kubelet

import (
	"context"
	"time"
)

// again is how long this kubelet waits after the API server has not answered.
const again = 200 * time.Millisecond

// pause waits, and reports false where ctx is done before.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
