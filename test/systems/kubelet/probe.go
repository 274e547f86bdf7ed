package kubelet

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// prober asks one program whether it is ready.
type prober struct {
	probe   *corev1.Probe
	address netip.Addr
	process Process
}

// run tells of each change until ctx is done, beginning with unready.
func (p prober) run(ctx context.Context, changed func(ready bool)) {
	if p.probe == nil {
		changed(true)
		return
	}
	if !pause(ctx, time.Duration(p.probe.InitialDelaySeconds)*time.Second) {
		return
	}
	// A kubelet begins somewhere in the first period: half of one is its mean.
	period := time.Duration(max(1, p.probe.PeriodSeconds)) * time.Second / 2
	ready, others := false, 0
	for pause(ctx, period) {
		is := p.ask(ctx) == nil
		if ctx.Err() != nil {
			return
		}
		if is == ready {
			others = 0
			continue
		}
		threshold := max(1, p.probe.SuccessThreshold)
		if ready {
			threshold = max(1, p.probe.FailureThreshold)
		}
		if others++; others >= int(threshold) {
			ready, others = is, 0
			changed(is)
		}
	}
}

// ask returns nil where the program says that it is ready.
func (p prober) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(max(1, p.probe.TimeoutSeconds))*time.Second)
	defer cancel()
	switch {
	case p.probe.Exec != nil:
		_, err := p.process.Exec(ctx, p.probe.Exec.Command...)
		return err
	case p.probe.TCPSocket != nil:
		var dialer net.Dialer
		connection, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(p.address.String(), p.probe.TCPSocket.Port.String()))
		if err != nil {
			return err
		}
		return connection.Close()
	case p.probe.HTTPGet != nil:
		return p.get(ctx)
	}
	return nil
}

// probes makes a connection for each, as a kubelet does.
var probes = http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

func (p prober) get(ctx context.Context) error {
	url := "http://" + net.JoinHostPort(p.address.String(), p.probe.HTTPGet.Port.String()) + p.probe.HTTPGet.Path
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := probes.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode >= 400 {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return nil
}
