package corefile

import (
	"net/netip"
	"strings"
	"time"

	"github.com/coredns/coredns/plugin"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/external"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/history"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

func endpointPodNames(p *parser) error {
	p.options.Naming = roster.ByPodName
	return p.flag()
}

func zonal(p *parser) error {
	p.options.Zonal = true
	return p.flag()
}

func explain(p *parser) error {
	p.options.Explain = true
	return p.flag()
}

// keepHistory reads how many bytes the history may take.
func keepHistory(p *parser) (err error) {
	text, err := p.argument()
	if err != nil || text == "off" {
		return err
	}
	size, ok := parseSize(text)
	if !ok || size < history.MinSize || size > history.MaxSize {
		return p.Errf("history must be a size such as 16MiB, from 64KiB to 1GiB, or off: %s", text)
	}
	p.stanza.Settings.History = size
	return nil
}

// units are those of sizes, as powers of two.
var units = map[string]int{"KiB": 10, "MiB": 20, "GiB": 30}

// parseSize reads a size of up to a TiB, in bytes.
func parseSize(text string) (size int, ok bool) {
	for unit, power := range units {
		if number, is := strings.CutSuffix(text, unit); is {
			n, ok := wholeNumber(number, 0, 1<<(40-power))
			return n << power, ok
		}
	}
	return 0, false
}

func startupTimeout(p *parser) error {
	text, err := p.argument()
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return p.Errf("startup_timeout must be a duration such as 5s: %s", text)
	}
	p.stanza.StartupTimeout = d
	return nil
}

// maxPatience is shorter than what clients wait for an answer.
const maxPatience = 2 * time.Second

func patience(p *parser) error {
	text, err := p.argument()
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > maxPatience {
		return p.Errf("patience must be a duration such as 500ms, at most %s: %s", maxPatience, text)
	}
	p.stanza.Patience = d
	return nil
}

func fallThrough(p *parser) error {
	args := p.RemainingArgs()
	for _, arg := range args {
		if len(plugin.Host(arg).NormalizeExact()) == 0 {
			return p.Errf("fallthrough: %q is not a zone", arg)
		}
	}
	p.stanza.Fall.SetZonesFromArgs(args)
	return nil
}

// mostNameServers bounds the addresses of a zone's name server.
const mostNameServers = 16

func nameServer(p *parser) error {
	args := p.RemainingArgs()
	if len(args) == 0 || len(args) > mostNameServers {
		return p.Errf("nameserver: want 1 to %d addresses, not %d", mostNameServers, len(args))
	}
	for _, arg := range args {
		addr, err := netip.ParseAddr(arg)
		if err != nil || addr.Zone() != "" {
			return p.Errf("nameserver: %q is not an IP address", arg)
		}
		p.stanza.NameServer = append(p.stanza.NameServer, addr.Unmap())
	}
	return nil
}

func annotations(p *parser) error {
	args := p.RemainingArgs()
	if len(args) == 0 {
		return p.ArgErr()
	}
	if len(args) == 1 && args[0] == "none" {
		args = nil
	}
	var allowed Annotations
	for _, arg := range args {
		one := annotation(arg)
		if one == 0 {
			return p.Errf("annotations: there is no annotation %q; there are %s, or none", arg, strings.Join(annotationNames, ", "))
		}
		allowed |= one
	}
	p.stanza.Settings.Annotations = allowed
	return nil
}

// externalRule reads a line of external_allow, or one of external_deny.
func externalRule(p *parser) error {
	option := p.Val()
	lines, err := external.ParseRule(option, p.RemainingArgs())
	if err != nil {
		return p.Errf("%s: %v", option, err)
	}
	of := &p.stanza.Settings.External
	of.Rules = external.CanonicalRules(of.Rules + lines)
	return nil
}

func fqdnSlices(p *parser) error {
	p.stanza.Settings.FQDNSlices = true
	return p.flag()
}
