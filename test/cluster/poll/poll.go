// Package poll waits for conditions.
package poll

import (
	"context"
	"fmt"
	"time"
)

// interval is short beside the time until a condition holds, and long beside
// the time to ask for it.
const interval = 20 * time.Millisecond

// Until asks for the condition until it returns nil. When ctx is done first, it
// returns the condition's last error, and that of ctx.
func Until(ctx context.Context, condition func(context.Context) error) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	var last error
	for {
		err := condition(ctx)
		if err == nil {
			return nil
		}
		// A condition that was cut short cannot say why it did not hold before.
		if ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (%w)", last, context.Cause(ctx))
		case <-ticker.C:
		}
	}
}
