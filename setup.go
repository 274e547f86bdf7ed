package endpoints

import (
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	pkgupstream "github.com/coredns/coredns/plugin/pkg/upstream"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/external"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/place"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/topology"
)

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
	if err := sub.agree(); err != nil {
		return plugin.Error(pluginName, c.Errf("%v", err))
	}
	sub.generation.Add(sub)
	h := newHandler(s)
	page := &shown{stanza: s, handler: h, generation: showings.Of(c)}
	page.generation.Add(page)
	c.OnFirstStartup(func() error {
		sub.first = true
		return nil
	})
	block := corefile.BlockOf(c)
	h.beside = besideOf(block)
	for _, text := range block.Warnings(pluginName, s) {
		log.Warning(text)
	}
	var targets *targetChecks
	c.OnStartup(func() error {
		// All plugins are there by now.
		h.beside.stock, _ = dnsserver.GetConfig(c).Handler("kubernetes").(readiness)
		feed, err := sub.start()
		if err != nil {
			return plugin.Error(pluginName, err)
		}
		h.cache.Store(feed.cache)
		if s.Settings.Topology.Mode != topology.Off {
			h.clients.Store(place.NewTable(&s.Clients, feed.cache.known))
		}
		if targets = newTargetChecks(feed.cache, h.book); targets != nil {
			h.check(targets)
		}
		if err := page.show(feed); err != nil {
			return plugin.Error(pluginName, err)
		}
		feed.wait(s.StartupTimeout)
		return nil
	})
	c.OnShutdown(func() error {
		h.book.Close()
		targets.close()
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
	h := &handler{terms: newTerms(s), upstream: pkgupstream.New()}
	h.book = newBook(s, h.zones)
	h.cache.Store(newCache(s.Settings, false))
	return h
}

// newBook returns an empty Book for the targets of a stanza's Services.
func newBook(s *corefile.Stanza, zones name.Zones) *external.Book {
	fall, rise := external.DefaultFall, external.DefaultRise
	if terms := s.Settings.Checks; terms.Mode != check.Off {
		fall, rise = int(terms.Fall), int(terms.Rise)
	}
	return external.New(external.Options{
		Fall:    fall,
		Rise:    rise,
		Rules:   external.NewRules(s.Settings.External.Rules),
		Own:     func(target string) bool { return zones.Match(target) != "" },
		Now:     time.Now,
		Go:      func(f func()) { go f() },
		Looked:  countLookup,
		Changed: countTarget,
	})
}
