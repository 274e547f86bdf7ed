package targets

import (
	"fmt"
	"testing"
)

// Postgres starts PostgreSQL, with TLS: it then has most to log. All else is its default.
func Postgres(t testing.TB) *Target {
	t.Helper()
	program, initdb := find(t, "postgres"), find(t, "initdb")
	s := newTarget(t)
	do(t, s.dir, without(initdb, "--pgdata="+s.path("data"), "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"))
	certificate, key := certified(t)
	s.write(t, "certificate.pem", certificate, 0o600)
	s.write(t, "key.pem", key, 0o600)
	s.command = without(program, "-D", s.path("data"), "-p", fmt.Sprint(s.At.Port()), "-k", s.dir, "-F",
		"-c", "listen_addresses="+s.At.Addr().String(), "-c", "ssl=on", "-c", "max_connections=10",
		"-c", "ssl_cert_file="+s.path("certificate.pem"), "-c", "ssl_key_file="+s.path("key.pem"))
	s.ready = says("database system is ready to accept connections")
	return s.launch(t)
}
