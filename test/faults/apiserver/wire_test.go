package apiserver

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"

	"k8s.io/client-go/tools/clientcmd/api"
)

// A wire carries the bytes of connections to the API server, both ways, and
// does not look into them.
type wire struct {
	t        *testing.T
	at, to   string
	listener net.Listener

	mu sync.Mutex
	// swallows is set where no connection carries anything, an old one or a new
	// one.
	swallows    bool
	connections map[net.Conn]*link
	accepted    int
	done        sync.WaitGroup
}

// link is one connection, from the proxy on.
type link struct {
	server    net.Conn
	swallowed bool
}

func newWire(t *testing.T, c *cluster.Cluster) *wire {
	t.Helper()
	w := &wire{t: t, at: "127.0.0.1:0", to: strings.TrimPrefix(c.URL(), "https://"), connections: make(map[net.Conn]*link)}
	must(t, w.open(t.Context()))
	w.at = w.listener.Addr().String()
	t.Cleanup(func() { _ = w.close(context.Background()); w.done.Wait() })
	return w
}

// kubeconfig writes a kubeconfig file for a user who comes through the wire.
func (w *wire) kubeconfig(c *cluster.Cluster, user cluster.User) string {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "kubeconfig")
	config := c.Config(user)
	at := api.Cluster{Server: "https://" + w.at, CertificateAuthority: config.CAFile}
	must(w.t, cluster.WriteKubeconfig(path, user, at, api.AuthInfo{Token: config.BearerToken}))
	return path
}

// open takes connections, after close.
func (w *wire) open(context.Context) (err error) {
	if w.listener, err = net.Listen("tcp", w.at); err != nil {
		return err
	}
	listener := w.listener
	w.done.Go(func() { w.accept(listener) })
	return nil
}

// close breaks all connections and refuses new ones.
func (w *wire) close(context.Context) error {
	err := w.listener.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	for client, l := range w.connections {
		client.Close()
		l.server.Close()
	}
	return err
}

// swallow makes all connections carry nothing any more. Nobody is told.
func (w *wire) swallow(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.swallows = true
	for _, l := range w.connections {
		l.swallowed = true
	}
	return nil
}

// carry makes new connections carry again. The old ones stay dead.
func (w *wire) carry(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.swallows = false
	return nil
}

// dialled counts the connections that were made.
func (w *wire) dialled() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.accepted
}

func (w *wire) accept(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		w.done.Go(func() { w.connect(client) })
	}
}

func (w *wire) connect(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", w.to)
	if err != nil {
		w.mu.Lock()
		w.accepted++
		w.mu.Unlock()
		return
	}
	defer server.Close()
	w.mu.Lock()
	l := &link{server: server, swallowed: w.swallows}
	w.accepted++
	w.connections[client] = l
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.connections, client)
	}()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		both.Go(func() {
			_, _ = io.Copy(w.through(l, way[0]), way[1])
			if !w.dead(l) {
				way[0].Close()
			}
		})
	}
	both.Wait()
}

func (w *wire) dead(l *link) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return l.swallowed
}

// through writes to a connection for as long as it is alive.
func (w *wire) through(l *link, to io.Writer) io.Writer { return &way{w, l, to} }

type way struct {
	wire *wire
	link *link
	to   io.Writer
}

func (w *way) Write(p []byte) (int, error) {
	if w.wire.dead(w.link) {
		return len(p), nil
	}
	return w.to.Write(p)
}

func TestConnectionIsLost(t *testing.T) {
	t.Parallel()
	c := shared.Get(t)
	w := newWire(t, c)
	s := newSite(t, c, c.Namespace(t), w.kubeconfig(c, cluster.CoreDNSUser))
	s.sufferAll(
		fault{name: "packets are swallowed", begin: w.swallow, end: w.carry, tried: w.dialled, most: outageMost, losses: 1},
		fault{name: "connections break and are refused", begin: w.close, end: w.open, losses: 1},
	)
}
