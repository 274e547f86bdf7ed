package apiserver

import (
	"bytes"
	golog "log"
	"os"
	"strings"
	"sync"
	"testing"

	clog "github.com/coredns/coredns/plugin/pkg/log"
)

func TestMain(m *testing.M) {
	clog.Discard()
	os.Exit(m.Run())
}

// capture collects what is logged until the test ends. Such a test must not
// run in parallel.
type capture struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func captureLog(t *testing.T) *capture {
	c := &capture{}
	golog.SetOutput(c)
	t.Cleanup(clog.Discard)
	return c
}

func (c *capture) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.Write(p)
}

// lines returns the lines that have a part in them.
func (c *capture) lines(part string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var lines []string
	for line := range strings.Lines(c.text.String()) {
		if strings.Contains(line, part) {
			lines = append(lines, line)
		}
	}
	return lines
}
