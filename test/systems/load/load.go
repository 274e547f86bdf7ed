// Package load is a client that asks a system all the time, and counts what it met.
package load

import (
	"bytes"
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Client is what a client does from within a Pod of a system.
type Client struct {
	// Pod is the Pod whose namespaces it runs in.
	Pod string
	// URL is what it gets, with a name that it looks up anew each time. An answer other than
	// of status 200 to 299 is an error. Its first word is the name of the Pod that answers.
	URL string
	// Every is the pause between two requests, at least 5 ms.
	Every time.Duration
	// Patience is how long one request may take, with its look-up.
	Patience time.Duration
	// Command, where it is not empty, is a program that asks instead of URL, until it is
	// killed. It writes a line for each request: "ok", the seconds that it took, and the name
	// of the Pod that answered, or "error", the seconds, and why.
	Command []string
}

// Args are the command that it runs, where get is the program of that name below.
func (c *Client) Args(get string) []string {
	if len(c.Command) > 0 {
		return c.Command
	}
	return []string{get, c.URL, c.Every.String(), c.Patience.String()}
}

// Met is what a client has met.
type Met struct {
	Requests, Errors int
	Slowest          time.Duration
	// Who has answered, and how often.
	Who map[string]int
	// Why is the first error.
	Why string
}

// Run is a client that runs.
type Run struct {
	cmd  *exec.Cmd
	stop func()

	mu      sync.Mutex
	met     Met
	begun   []byte
	stopped bool
}

// Start starts a client by its command, which stop kills.
func Start(cmd *exec.Cmd, stop func()) (*Run, error) {
	r := &Run{cmd: cmd, stop: stop, met: Met{Who: make(map[string]int)}}
	cmd.Stdout, cmd.Stderr = r, r
	return r, cmd.Start()
}

// Write takes what the client writes. It never fails.
func (r *Run) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun = append(r.begun, b...)
	for {
		line, rest, whole := bytes.Cut(r.begun, []byte("\n"))
		if !whole {
			return len(b), nil
		}
		r.begun = rest
		if !r.stopped {
			r.met.add(string(line))
		}
	}
}

// add counts a line. One that is none of the client's protocol is an error, too: something
// is wrong with the client.
func (m *Met) add(line string) {
	words := strings.SplitN(line, " ", 3)
	m.Requests++
	if len(words) < 3 || words[0] != "ok" {
		m.Errors++
		if m.Why == "" {
			m.Why = line
		}
	} else {
		m.Who[words[2]]++
	}
	if len(words) < 2 {
		return
	}
	if seconds, err := strconv.ParseFloat(words[1], 64); err == nil {
		m.Slowest = max(m.Slowest, time.Duration(seconds*float64(time.Second)))
	}
}

// Stop kills the client, and returns what it met. An error says that it asked nothing.
func (r *Run) Stop() (Met, error) {
	r.mu.Lock()
	r.stopped = true
	met := r.met
	r.mu.Unlock()
	r.stop()
	// It was killed: its status says nothing.
	_ = r.cmd.Wait()
	if met.Requests == 0 {
		return met, errors.New("the client has asked nothing")
	}
	return met, nil
}
