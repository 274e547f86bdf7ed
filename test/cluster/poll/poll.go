// Package poll waits for conditions.
package poll

import (
	"context"
	"fmt"
	"time"
)

// interval is short against what tests wait for, and long against what asking
// costs.
const interval = 20 * time.Millisecond

// Until asks for the condition until it returns nil. When ctx is done first,
// it returns what the condition said last, and the error of ctx.
func Until(ctx context.Context, condition func(context.Context) error) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	var last error
	for {
		err := condition(ctx)
		if err == nil {
			return nil
		}
		// A condition that was cut short has nothing to say about why it
		// did not hold before.
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
