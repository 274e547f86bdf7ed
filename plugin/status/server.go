package status

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/net/netutil"
)

// Bounds of the server: connections and bytes.
const (
	maxConnections = 16
	maxURL         = 2 << 10
	// net/http reads 4 KiB more than it is told: together these are 8 KiB.
	maxHeaders = 4 << 10
)

// patience is how long the server waits for a request, for its reply to be taken, and for the
// next request.
type patience struct{ read, write, idle time.Duration }

var defaultPatience = patience{read: 2 * time.Second, write: 10 * time.Second, idle: 30 * time.Second}

// A Server serves the page at one address.
type Server struct {
	http     http.Server
	listener net.Listener
	done     chan struct{}
}

// Listen serves pages at an address from now on. Nobody else may listen there: a page that is
// now of one server and now of another is worse than none.
func Listen(at netip.AddrPort, pages Pages) (*Server, error) {
	var config net.ListenConfig
	listener, err := config.Listen(context.Background(), "tcp", at.String())
	if err != nil {
		return nil, err
	}
	s := serve(listener, pages, defaultPatience)
	log.Infof("The status page is on http://%s", listener.Addr())
	if !at.Addr().IsLoopback() {
		log.Infof("The status page on %s shows names and addresses of all Pods to whoever reaches it", listener.Addr())
	}
	return s, nil
}

func serve(listener net.Listener, pages Pages, p patience) *Server {
	s := &Server{listener: listener, done: make(chan struct{})}
	s.http = http.Server{
		Handler: newGate((&router{pages, time.Now}).reply), ReadTimeout: p.read, ReadHeaderTimeout: p.read,
		WriteTimeout: p.write, IdleTimeout: p.idle, MaxHeaderBytes: maxHeaders,
		ErrorLog: silent, DisableGeneralOptionsHandler: true,
	}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(netutil.LimitListener(listener, maxConnections)); !errors.Is(err, http.ErrServerClosed) {
			log.Errorf("The status page on %s is gone: %v", listener.Addr(), err)
		}
	}()
	return s
}

// Addr returns where it listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// End ends it, with all requests that are under way.
func (s *Server) End() {
	// What it returns is that a listener is closed twice.
	_ = s.http.Close()
	<-s.done
}
