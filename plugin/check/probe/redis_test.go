package probe

import (
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
)

func TestRedis(t *testing.T) {
	for _, c := range []struct {
		what, reply string
		want        check.Cause
	}{
		{"it answers", "+PONG\r\n", check.Passed},
		{"it wants a password", "-NOAUTH Authentication required.\r\n", check.Passed},
		{"it does not let strangers in", "-DENIED Redis is running in protected mode because\r\n", check.Passed},
		{"it does not let this user ask", "-NOPERM User default has no permissions to run the 'ping' command\r\n", check.Passed},
		{"it loads its data", "-LOADING Redis is loading the dataset in memory\r\n", check.BadStatus},
		{"it has lost its primary", "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n", check.BadStatus},
		{"it cannot write to its disk", "-MISCONF Redis is configured to save RDB snapshots\r\n", check.BadStatus},
		{"it has no place left", "-ERR max number of clients reached\r\n", check.BadStatus},
		{"it says something else", "+OK\r\n", check.BadReply},
		{"it says nothing", "\r\n", check.BadReply},
		{"its error has no name", "-\r\n", check.BadReply},
		{"it speaks HTTP", "HTTP/1.1 400 Bad Request\r\n", check.BadReply},
	} {
		t.Run(c.what, func(t *testing.T) {
			expect(t, serve(t, send(c.reply)), check.Spec{Kind: check.Redis}, c.want)
		})
	}
	t.Run("it closes in the middle of its answer", func(t *testing.T) {
		expect(t, serve(t, sendAndClose("+PONG")), check.Spec{Kind: check.Redis}, check.BadReply)
	})
}
