// Package forwardtest stands in for the kubelet in tests: it carries port-forwards to Pods that are no more than addresses.
package forwardtest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"path"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
)

// Pods are the ports of each Pod, by its name, and where they lead. It is the subresource portforward of an API server, and
// takes SPDY alone, as older ones do.
type Pods map[string]map[string]string

// Is reports whether a request is for a port-forward.
func Is(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/portforward") }

func (p Pods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ports, ok := p[path.Base(path.Dir(r.URL.Path))]
	switch {
	case !ok:
		http.Error(w, "pods is forbidden", http.StatusForbidden)
		return
	case r.Method != http.MethodPost:
		http.Error(w, "want SPDY", http.StatusBadRequest)
		return
	}
	if _, err := httpstream.Handshake(r, w, []string{"portforward.k8s.io"}); err != nil {
		return
	}
	streams := make(chan httpstream.Stream)
	connection := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(s httpstream.Stream, _ <-chan struct{}) error {
		streams <- s
		return nil
	})
	if connection == nil {
		return
	}
	defer connection.Close()
	failing := make(map[string]httpstream.Stream)
	for {
		select {
		case <-connection.CloseChan():
			return
		case s := <-streams:
			id := s.Headers().Get(corev1.PortForwardRequestIDHeader)
			if s.Headers().Get(corev1.StreamType) == corev1.StreamTypeError {
				failing[id] = s
				continue
			}
			go carry(s, failing[id], ports[s.Headers().Get(corev1.PortHeader)])
		}
	}
}

// carry copies both ways.
func carry(data, failing httpstream.Stream, to string) {
	defer failing.Close()
	defer data.Close()
	connection, err := net.Dial("tcp", to)
	if err != nil {
		fmt.Fprintln(failing, err)
		return
	}
	var group sync.WaitGroup
	group.Go(func() {
		_, _ = io.Copy(connection, data)
		_ = connection.(*net.TCPConn).CloseWrite()
	})
	_, _ = io.Copy(data, connection)
	connection.Close()
	data.Close()
	group.Wait()
}
