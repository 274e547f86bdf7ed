package e2e

import (
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/loopback"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// A gate stands between a CoreDNS and the API server. It notes what is asked
// for, and can be closed while the API server serves others.
type gate struct {
	t       *testing.T
	address string
	proxy   *httputil.ReverseProxy
	// authority is the certificate of the gate, the same each time.
	authority []byte
	// certified has a token for all who come with a client certificate.
	certified string

	mu       sync.Mutex
	server   *httptest.Server
	requests []request
	// expired has the streams that are still to be told to list anew.
	expired map[string]bool
}

// request is one that passed the gate, and the status of its answer.
type request struct {
	method, stream string
	watch          bool
	status         int
}

func (r request) verb() string {
	if r.watch {
		return "watch"
	}
	return "list"
}

// openGate returns a gate that is open.
func openGate(t *testing.T, c *cluster.Cluster) *gate {
	t.Helper()
	port, err := loopback.Port()
	must(t, err)
	target, err := url.Parse(c.URL())
	must(t, err)
	// The requests carry the token of the user who makes them.
	anonymous := &rest.Config{Host: c.URL(), TLSClientConfig: rest.TLSClientConfig{CAFile: c.Admin().CAFile}}
	transport, err := rest.TransportFor(anonymous)
	must(t, err)
	g := &gate{t: t, address: fmt.Sprintf("%s:%d", loopback.Address, port)}
	g.proxy = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			if token := g.tokenOfCertified(); token != "" && len(r.In.TLS.PeerCertificates) > 0 {
				r.Out.Header.Set("Authorization", "Bearer "+token)
			}
		},
		Transport:      transport,
		FlushInterval:  -1,
		ModifyResponse: g.note,
		// The API server or the client went away: that is what tests do.
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	t.Cleanup(g.close)
	g.open()
	return g
}

// kubeconfig writes a kubeconfig file for a user who comes through the gate.
func (g *gate) kubeconfig(token string) string {
	g.t.Helper()
	path := filepath.Join(g.t.TempDir(), "kubeconfig")
	must(g.t, clientcmd.WriteToFile(api.Config{
		// Without TLS client-go would keep the token to itself.
		Clusters: map[string]*api.Cluster{"test": {
			Server: "https://" + g.address, CertificateAuthorityData: g.authority,
		}},
		AuthInfos:      map[string]*api.AuthInfo{"test": {Token: token}},
		Contexts:       map[string]*api.Context{"test": {Cluster: "test", AuthInfo: "test"}},
		CurrentContext: "test",
	}, path))
	return path
}

func (g *gate) note(r *http.Response) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.requests = append(g.requests, request{
		method: r.Request.Method,
		stream: stream(r.Request.URL),
		watch:  r.Request.URL.Query().Get("watch") == "true",
		status: r.StatusCode,
	})
	return nil
}

// serve lets a request pass, unless its resource version is said to be too old.
func (g *gate) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("resourceVersion") == "" || !g.expire(stream(r.URL)) {
		g.proxy.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusGone)
	fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410}`)
}

// expireAll breaks the connections, and makes each stream list anew.
func (g *gate) expireAll() {
	g.t.Helper()
	g.close()
	g.mu.Lock()
	g.expired = make(map[string]bool)
	for _, r := range g.requests {
		g.expired[r.stream] = true
	}
	g.mu.Unlock()
	g.open()
}

func (g *gate) expire(stream string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.expired[stream] {
		return false
	}
	delete(g.expired, stream)
	return true
}

// stream returns what a stream asks for, without what differs from one request
// of it to the next.
func stream(u *url.URL) string {
	query := u.Query()
	return strings.Join([]string{u.Path, query.Get("fieldSelector"), query.Get("labelSelector")}, " ")
}

// passed returns the requests so far.
func (g *gate) passed() []request {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.requests)
}

// certify gives all who come with a client certificate a token.
func (g *gate) certify(token string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.certified = token
}

func (g *gate) tokenOfCertified() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.certified
}

// open lets connections through.
func (g *gate) open() {
	g.t.Helper()
	listener, err := net.Listen("tcp", g.address)
	must(g.t, err)
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(g.serve), ErrorLog: log.New(io.Discard, "", 0)}}
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.server = server
	g.authority = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}

// close breaks the connections, and refuses new ones.
func (g *gate) close() {
	g.mu.Lock()
	server := g.server
	g.server = nil
	g.mu.Unlock()
	if server != nil {
		server.Config.Close()
		server.Close()
	}
}
