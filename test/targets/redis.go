package targets

import (
	"fmt"
	"testing"
)

// Redis starts Redis with its defaults, and lines of a configuration such as "requirepass x".
func Redis(t testing.TB, lines ...string) *Target {
	t.Helper()
	program := find(t, "redis-server")
	s := newTarget(t)
	config := fmt.Sprintf("bind %s\nport %d\ndir %s\nsave \"\"\n", s.At.Addr(), s.At.Port(), s.dir)
	for _, line := range lines {
		config += line + "\n"
	}
	s.write(t, "redis.conf", config, 0o600)
	s.command = without(program, s.path("redis.conf"))
	s.ready = says("Ready to accept connections")
	return s.launch(t)
}
