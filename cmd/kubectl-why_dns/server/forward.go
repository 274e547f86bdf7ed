package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"
)

// The ports of a Pod of CoreDNS.
const (
	portDNS  = 53
	portPage = 8053
)

// A Forwarder leads to ports of Pods through the API server, as `kubectl port-forward` does.
type Forwarder struct {
	Config  *rest.Config
	Clients kubernetes.Interface
}

// DNS leads to that of a Pod.
func (w *Forwarder) DNS(namespace, pod string) func(context.Context) (*Way, error) {
	return func(ctx context.Context) (*Way, error) {
		address, stop, err := w.open(ctx, namespace, pod, portDNS)
		return &Way{Address: address, TCP: true, Forwarded: true, Close: stop}, err
	}
}

// Page leads to the status page of a Pod.
func (w *Forwarder) Page(namespace, pod string) func(context.Context) (*Way, error) {
	return func(ctx context.Context) (*Way, error) {
		address, stop, err := w.open(ctx, namespace, pod, portPage)
		return &Way{Address: "http://" + address, Forwarded: true, Close: stop}, err
	}
}

// open listens on the loopback interface for one port of a Pod. Each port has a forward of its own: client-go ends one with
// all that it carries where nobody listens at the other end.
func (w *Forwarder) open(ctx context.Context, namespace, pod string, port int) (address string, stop func(), err error) {
	to := w.Clients.CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("portforward").URL()
	dialer, err := w.dialer(to)
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ready := make(chan struct{})
	forward, err := portforward.NewOnAddressesForStreamingWithContext(ctx, dialer, []string{"127.0.0.1"}, []string{fmt.Sprintf("0:%d", port)}, ready, io.Discard, io.Discard)
	if err != nil {
		cancel()
		return "", nil, err
	}
	failed := make(chan error, 1)
	go func() { failed <- forward.ForwardPorts() }()
	select {
	case err = <-failed:
	case <-ctx.Done():
		err = ctx.Err()
	case <-time.After(limit):
		err = context.DeadlineExceeded
	case <-ready:
		ports, err := forward.GetPorts()
		if err != nil {
			cancel()
			return "", nil, err
		}
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(int(ports[0].Local))), cancel, nil
	}
	cancel()
	// It comes as a text.
	if strings.Contains(err.Error(), "forbidden") {
		return "", nil, errNoRight
	}
	return "", nil, fmt.Errorf("no port-forward to %s: %w", pod, err)
}

var errNoRight = errors.New("no right to port-forward")

// dialer tries websockets first, and then SPDY, which older API servers have only.
func (w *Forwarder) dialer(to *url.URL) (httpstream.Dialer, error) {
	transport, upgrader, err := spdy.RoundTripperFor(w.Config)
	if err != nil {
		return nil, err
	}
	old := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, to)
	tunnel, err := portforward.NewSPDYOverWebsocketDialerForStreaming(to, w.Config)
	if err != nil {
		return nil, err
	}
	return portforward.NewFallbackDialerForStreaming(tunnel, old, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	}), nil
}
