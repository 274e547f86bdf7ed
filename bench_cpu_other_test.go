//go:build !unix

package endpoints

import "time"

// cpuTime is not known here.
func cpuTime() time.Duration { return 0 }
