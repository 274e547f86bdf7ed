// Package load is a client that asks a system all the time, and counts what it met.
package load

import (
	"time"
)

// Client is what a client does from within a Pod of a system.
type Client struct {
	// Pod is the Pod whose namespaces it runs in.
	Pod string
	// URL is what it gets, with a name that it looks up anew each time. An answer other than
	// of status 200 to 299 is an error.
	URL string
	// Every is the pause between two requests, at least 5 ms.
	Every time.Duration
	// Patience is how long one request may take, with its look-up.
	Patience time.Duration
	// Command, where it is not empty, is a program that asks instead of URL, until it is
	// killed. It writes a line for each request: "ok", the seconds that it took, and what was
	// answered in one word, or "error", the seconds, and why.
	Command []string
}
