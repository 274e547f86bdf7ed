// Package gate puts a proxy between a CoreDNS and the API server of a test's
// control plane.
package gate

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/loopback"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd/api"
)

// A Gate notes the requests of a CoreDNS, and can be closed while the API
// server serves others. It speaks TLS: without it, client-go would not send its
// token.
type Gate struct {
	address string
	handler http.Handler

	mu     sync.Mutex
	server *httptest.Server
	// authority signs the server's certificate. shown is the certificate that
	// Present gave, or nil: then the server has one that is its own authority.
	authority []byte
	shown     *tls.Certificate
	// certified is the token of all who come with a client certificate.
	certified string
	requests  []Request
	// expired has the streams whose next watch is refused, so that they list
	// anew.
	expired map[string]bool
}

// Request is one that passed the gate, and the status of its answer.
type Request struct {
	Method string
	// Stream is the path and the label selector: the parts that all requests of
	// one stream have in common.
	Stream string
	Watch  bool
	Status int
}

// Verb is watch or list.
func (r Request) Verb() string {
	if r.Watch {
		return "watch"
	}
	return "list"
}

// New returns a gate to the API server that is open. Each wrap sees the requests
// before the proxy, the first of them first. The caller calls Close.
func New(c *cluster.Cluster, wraps ...func(http.Handler) http.Handler) (*Gate, error) {
	port, err := loopback.Port()
	if err != nil {
		return nil, err
	}
	target, err := url.Parse(c.URL())
	if err != nil {
		return nil, err
	}
	// The requests carry the token of the user who makes them.
	anonymous := &rest.Config{Host: c.URL(), TLSClientConfig: rest.TLSClientConfig{CAFile: c.Admin().CAFile}}
	transport, err := rest.TransportFor(anonymous)
	if err != nil {
		return nil, err
	}
	g := &Gate{address: fmt.Sprintf("%s:%d", loopback.Address, port)}
	g.handler = g.proxy(target, transport)
	for _, wrap := range slices.Backward(wraps) {
		g.handler = wrap(g.handler)
	}
	return g, g.Open()
}

func (g *Gate) proxy(target *url.URL, transport http.RoundTripper) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
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
}

// Address is where the gate stands, as host:port.
func (g *Gate) Address() string { return g.address }

// Authority is the certificate, in PEM, by which the gate is known.
func (g *Gate) Authority() []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.authority
}

// WriteKubeconfig writes a kubeconfig file for a user who comes through the gate.
func (g *Gate) WriteKubeconfig(file, token string) error {
	at := api.Cluster{Server: "https://" + g.address, CertificateAuthorityData: g.Authority()}
	return cluster.WriteKubeconfig(file, "test", at, api.AuthInfo{Token: token})
}

func (g *Gate) note(r *http.Response) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.requests = append(g.requests, Request{
		Method: r.Request.Method,
		Stream: stream(r.Request.URL),
		Watch:  r.Request.URL.Query().Get("watch") == "true",
		Status: r.StatusCode,
	})
	return nil
}

// serve lets a request pass, unless its resource version is said to be too old.
func (g *Gate) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("resourceVersion") == "" || !g.expire(stream(r.URL)) {
		g.handler.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusGone)
	fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410}`)
}

// ExpireAll breaks the connections, and makes each stream list anew.
func (g *Gate) ExpireAll() error {
	g.Close()
	g.mu.Lock()
	g.expired = make(map[string]bool)
	for _, r := range g.requests {
		g.expired[r.Stream] = true
	}
	g.mu.Unlock()
	return g.Open()
}

func (g *Gate) expire(stream string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.expired[stream] {
		return false
	}
	delete(g.expired, stream)
	return true
}

func stream(u *url.URL) string {
	return u.Path + " " + u.Query().Get("labelSelector")
}

// Passed returns the requests so far.
func (g *Gate) Passed() []Request {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.requests)
}

// Certify gives all who come with a client certificate a token.
func (g *Gate) Certify(token string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.certified = token
}

func (g *Gate) tokenOfCertified() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.certified
}

// Present makes the gate show a certificate from the next Open on. The
// authority, in PEM, has signed it.
func (g *Gate) Present(certificate tls.Certificate, authority []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shown, g.authority = &certificate, authority
}

// Open lets connections through, after Close.
func (g *Gate) Open() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.server != nil {
		return errors.New("the gate is open already")
	}
	listener, err := net.Listen("tcp", g.address)
	if err != nil {
		return err
	}
	g.server = &httptest.Server{
		Listener: listener,
		// As an API server does.
		EnableHTTP2: true,
		Config:      &http.Server{Handler: http.HandlerFunc(g.serve), ErrorLog: log.New(io.Discard, "", 0)},
		TLS:         &tls.Config{ClientAuth: tls.RequestClientCert},
	}
	if g.shown != nil {
		g.server.TLS.Certificates = []tls.Certificate{*g.shown}
	}
	g.server.StartTLS()
	if g.shown != nil {
		return nil
	}
	g.authority = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: g.server.Certificate().Raw})
	return nil
}

// Close breaks the connections, and refuses new ones. A second Close does
// nothing.
func (g *Gate) Close() {
	g.mu.Lock()
	server := g.server
	g.server = nil
	g.mu.Unlock()
	if server != nil {
		server.Config.Close()
		server.Close()
	}
}
