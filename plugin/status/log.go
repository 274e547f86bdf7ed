package status

import (
	"io"
	stdlog "log"

	clog "github.com/coredns/coredns/plugin/pkg/log"
)

var log = clog.NewWithPlugin("k8s_endpoints")

// silent takes what net/http has to say of connections: nothing is logged per request.
var silent = stdlog.New(io.Discard, "", 0)
