package probe

import (
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
)

func TestPostgres(t *testing.T) {
	for _, c := range []struct {
		what, reply string
		want        check.Cause
	}{
		{"it would not encrypt", "N", check.Passed},
		{"it would encrypt", "G", check.Passed},
		{"it has an error, as one without a process left", "Ecould not fork new process for connection\n\x00", check.BadStatus},
		{"it speaks MySQL", "\x4a\x00\x00\x00\x0a8.0.36\x00", check.BadReply},
		{"it speaks SMTP", "220 mail.example.org ESMTP\r\n", check.BadReply},
	} {
		t.Run(c.what, func(t *testing.T) {
			expect(t, serve(t, send(c.reply)), check.Spec{Kind: check.Postgres}, c.want)
		})
	}
}
