package targets

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// A Web is nginx. It answers /healthz with 200, /ill with 503, and /moved with a redirect to
// the address of cloud metadata; /large has a body of 1 MiB.
type Web struct {
	*Target
	// Secure is where it speaks TLS, and Proxy where it passes calls of gRPC on.
	Secure, Proxy netip.AddrPort
	// CA is the PEM text of its certificate, for 127.0.0.1 and db.example.org.
	CA string
}

// Nginx starts nginx, as one process. Calls of gRPC go on to where a health service is.
func Nginx(t testing.TB, health netip.AddrPort) *Web {
	t.Helper()
	program := find(t, "nginx")
	w := &Web{Target: newTarget(t), Secure: port(t), Proxy: port(t)}
	certificate, key := certified(t)
	w.CA = certificate
	w.write(t, "certificate.pem", certificate, 0o600)
	w.write(t, "key.pem", key, 0o600)
	w.write(t, "large", strings.Repeat("x", 1<<20), 0o600)
	config := fmt.Sprintf(`daemon off;
master_process off;
pid DIR/pid;
error_log DIR/errors;
events { }
http {
    access_log DIR/access;
    client_body_temp_path DIR/client;
    proxy_temp_path DIR/proxy;
    fastcgi_temp_path DIR/fastcgi;
    uwsgi_temp_path DIR/uwsgi;
    scgi_temp_path DIR/scgi;
    ssl_certificate DIR/certificate.pem;
    ssl_certificate_key DIR/key.pem;
    root DIR;
    server {
        listen %s;
        listen %s ssl;
        location = /healthz { return 200 "ok\n"; }
        location = /ill { return 503; }
        location = /moved { return 302 http://169.254.169.254/latest/meta-data/; }
        location = /large { }
    }
    server {
        listen %s http2;
        location / { grpc_pass grpc://%s; }
    }
}
`, w.At, w.Secure, w.Proxy, health)
	w.write(t, "nginx.conf", strings.ReplaceAll(config, "DIR", w.dir), 0o600)
	w.logs = []string{"errors", "access"}
	w.command = without(program, "-e", w.path("errors"), "-p", w.dir, "-c", w.path("nginx.conf"))
	w.ready = accepts
	w.launch(t)
	return w
}
