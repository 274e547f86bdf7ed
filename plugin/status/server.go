package status

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/net/netutil"
)

// DefaultAddress is where the page is unless somebody says otherwise.
const DefaultAddress = "127.0.0.1:8053"

// Bounds of the server: connections, bytes, and time.
const (
	maxConnections = 16
	maxURL         = 2 << 10
	// net/http reads 4 KiB more than it is told: together these are 8 KiB.
	maxHeaders   = 4 << 10
	readTimeout  = 2 * time.Second
	writeTimeout = 10 * time.Second
	idleTimeout  = 30 * time.Second
)

// ParseAddress reads where the page is to be: an IP address and a port.
func ParseAddress(text string) (netip.AddrPort, error) {
	at, err := netip.ParseAddrPort(text)
	switch {
	case err == nil && at.Port() == 0:
		return at, fmt.Errorf("%q has no port: want one such as %s", text, DefaultAddress)
	case err == nil:
		return at, nil
	}
	if _, err := netip.ParseAddr(text); err == nil {
		return at, fmt.Errorf("%q has no port: want an address with one, such as %s", text, DefaultAddress)
	}
	return at, fmt.Errorf("%q is not an IP address with a port: want one such as %s, since a name may be anybody's", text, DefaultAddress)
}

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
	s := serve(listener, pages)
	log.Infof("The status page is on http://%s", listener.Addr())
	if !at.Addr().IsLoopback() {
		log.Infof("The status page on %s shows names and addresses of all Pods to whoever reaches it", listener.Addr())
	}
	return s, nil
}

func serve(listener net.Listener, pages Pages) *Server {
	s := &Server{listener: listener, done: make(chan struct{})}
	s.http = http.Server{
		Handler: newGate((&router{pages, time.Now}).reply), ReadTimeout: readTimeout, ReadHeaderTimeout: readTimeout,
		WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaders,
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
