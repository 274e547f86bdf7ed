// Package endpoints is a CoreDNS plugin that answers for the Kubernetes
// Services whose clients talk to endpoints directly: headless and ExternalName
// ones.
//
// To read it, begin with setup.go, which wires the parts, and handler.go, which
// answers. A source (plugin/source) reports changes to the cache (cache.go),
// which compiles record sets (plugin/records); a question is taken apart
// (plugin/name) and answered from the set that owns it.
// A feed (feed.go) joins a source, a cache, and the snapshot on disk for the next
// start (plugin/snapshot), also across reloads (plugin/reload, handover.go).
package endpoints

import (
	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	clog "github.com/coredns/coredns/plugin/pkg/log"
	pkgupstream "github.com/coredns/coredns/plugin/pkg/upstream"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
)

const pluginName = "k8s_endpoints"

var log = clog.NewWithPlugin(pluginName)

func init() { plugin.Register(pluginName, setup) }

func setup(c *caddy.Controller) error {
	s, err := corefile.Parse(c)
	if err != nil {
		return plugin.Error(pluginName, err)
	}
	sub := &subscription{stanza: s, generation: generations.Of(c)}
	if err := sub.prepare(); err != nil {
		return plugin.Error(pluginName, c.Errf("%v", err))
	}
	sub.generation.Add(sub)
	h := newHandler(s)
	c.OnFirstStartup(func() error {
		sub.first = true
		return nil
	})
	c.OnStartup(func() error {
		feed, err := sub.start()
		if err != nil {
			return plugin.Error(pluginName, err)
		}
		h.cache.Store(feed.cache)
		feed.wait(s.StartupTimeout)
		return nil
	})
	dnsserver.GetConfig(c).AddPlugin(func(next plugin.Handler) plugin.Handler {
		h.next = next
		return h
	})
	return nil
}

// newHandler returns a handler that answers nothing from a source yet.
func newHandler(s *corefile.Stanza) *handler {
	h := &handler{
		zones:       name.NewZones(s.Zones),
		primary:     s.Primary,
		fall:        name.NewZones(s.Fall.Zones),
		ttl:         s.TTL,
		negativeTTL: s.NegativeTTL,
		maxAnswers:  s.MaxAnswers,
		namespaces:  make(map[string]struct{}),
		upstream:    pkgupstream.New(),
	}
	for _, namespace := range s.Namespaces {
		h.namespaces[namespace] = struct{}{}
	}
	h.cache.Store(newCache(s.Settings, false))
	return h
}
