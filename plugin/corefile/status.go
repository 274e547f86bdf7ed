package corefile

import (
	"fmt"
	"net/netip"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/history"
)

// DefaultStatus is where the status page is unless the stanza says where.
const DefaultStatus = "127.0.0.1:8053"

// statusPage reads where the status page is.
func statusPage(p *parser) error {
	args := p.RemainingArgs()
	if len(args) > 1 {
		return p.ArgErr()
	}
	text := DefaultStatus
	if len(args) == 1 {
		text = args[0]
	}
	at, err := parseStatus(text)
	if err != nil {
		return p.Errf("status: %v", err)
	}
	p.stanza.Status, p.stanza.Settings.Look = at, true
	return nil
}

// parseStatus reads an address with a port. A name is refused: it may lead anywhere.
func parseStatus(text string) (netip.AddrPort, error) {
	at, err := netip.ParseAddrPort(text)
	switch {
	case err == nil && at.Addr().Zone() == "" && at.Port() != 0:
		return netip.AddrPortFrom(at.Addr().Unmap(), at.Port()), nil
	case err == nil && at.Port() == 0:
		return at, fmt.Errorf("%q has no port that is known before: want an address with one, such as %s", text, DefaultStatus)
	}
	if _, err := netip.ParseAddr(text); err == nil {
		return at, fmt.Errorf("%q has no port: want an address with one, such as %s", text, DefaultStatus)
	}
	return at, fmt.Errorf("%q is not an IP address with a port, such as %s", text, DefaultStatus)
}

// settleHistory has a history kept with the page, unless the stanza says how much of it.
func (p *parser) settleHistory() {
	if p.stanza.Settings.Look && !p.given["history"] {
		p.stanza.Settings.History = history.DefaultSize
	}
}
