//go:build !unix

package inprocess

import "time"

// CPUTime is not known here.
func CPUTime() time.Duration { return 0 }
