package corefile

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
)

// A Block is the server block that a stanza stands in. Of the zero value nothing is
// known.
type Block struct {
	// plugins have the lines of each plugin.
	plugins map[string][]line
	keys    []string
}

// line is a line of a plugin, without braces.
type line struct {
	words []string
	at    string
}

// BlockOf returns the server block that is being set up, as the Corefile has it.
func BlockOf(c *caddy.Controller) Block {
	instances := caddy.Instances()
	if len(instances) == 0 {
		return Block{}
	}
	// The one that is being set up is the last.
	input := instances[len(instances)-1].Caddyfile()
	if input == nil {
		return Block{}
	}
	blocks, err := caddyfile.Parse(input.Path(), bytes.NewReader(input.Body()), nil)
	if err != nil || c.ServerBlockIndex >= len(blocks) {
		return Block{}
	}
	return newBlock(input.Path(), blocks[c.ServerBlockIndex], c.ServerBlockKeys)
}

func newBlock(file string, read caddyfile.ServerBlock, keys []string) Block {
	b := Block{plugins: make(map[string][]line), keys: keys}
	for name, tokens := range read.Tokens {
		b.plugins[name] = linesOf(file, tokens)
	}
	return b
}

func linesOf(file string, tokens []caddyfile.Token) (lines []line) {
	for _, t := range tokens {
		if t.Text == "{" || t.Text == "}" {
			continue
		}
		// Only what is imported has a file of its own.
		at := fmt.Sprintf("%s:%d", cmp.Or(t.File, file), t.Line)
		if n := len(lines); n == 0 || lines[n-1].at != at {
			lines = append(lines, line{at: at})
		}
		last := &lines[len(lines)-1]
		last.words = append(last.words, t.Text)
	}
	return lines
}

// Has reports whether one of some plugins stands in the block.
func (b Block) Has(plugins ...string) bool {
	return slices.ContainsFunc(plugins, func(name string) bool { return len(b.plugins[name]) > 0 })
}

// HasOption reports whether a plugin has an option with these words.
func (b Block) HasOption(plugin string, words ...string) bool {
	_, ok := b.option(plugin, words...)
	return ok
}

// option returns the line of an option that begins with these words.
func (b Block) option(plugin string, words ...string) (line, bool) {
	lines := b.plugins[plugin]
	for _, l := range lines[min(len(lines), 1):] {
		if len(l.words) >= len(words) && slices.Equal(l.words[:len(words)], words) {
			return l, true
		}
	}
	return line{}, false
}

// zonesOf returns the zones of a plugin's stanza.
func (b Block) zonesOf(plugin string) name.Zones {
	return name.NewZones(origins(b.plugins[plugin][0].words[1:], b.keys))
}

// origins returns zones as CoreDNS reads them. It does not change what it is given.
func origins(args, keys []string) []string {
	return plugin.OriginsFromArgsOrServerBlock(slices.Clone(args), slices.Clone(keys))
}

// InFront reports whether a plugin of the block is asked before this one.
func (b Block) InFront(plugin, own string) bool {
	at := slices.Index(dnsserver.Directives, plugin)
	return b.Has(plugin) && at >= 0 && at < slices.Index(dnsserver.Directives, own)
}

// Warnings says what does not go together with a stanza of this plugin, which own is the
// name of, each with the place in the Corefile and what would be right.
func (b Block) Warnings(own string, s *Stanza) (all []string) {
	for _, check := range []func(Block, string, *Stanza) string{
		Block.warnBypassed, Block.warnNeverAsked, Block.warnEmptyService, Block.warnZonal,
		Block.warnExternal, Block.warnTransfer, Block.warnMulticluster,
	} {
		if text := check(b, own, s); text != "" {
			all = append(all, text)
		}
	}
	return all
}

// warnBypassed is about plugins that have to see a question first.
func (b Block) warnBypassed(own string, _ *Stanza) string {
	for _, each := range []string{"acl", "rewrite"} {
		if b.Has(each) && !b.InFront(each, own) {
			return fmt.Sprintf("%s: %s stands behind %s in plugin.cfg, and is not asked for its names: build with %s right before cache, in CoreDNS 1.14.7 or later",
				b.plugins[each][0].at, each, own, own)
		}
	}
	return ""
}

// warnNeverAsked is about a zone of both that is answered here alone.
func (b Block) warnNeverAsked(own string, s *Stanza) string {
	if !b.Has("kubernetes") || b.InFront("kubernetes", own) {
		return ""
	}
	fall := name.NewZones(s.Fall.Zones)
	for _, zone := range b.zonesOf("kubernetes") {
		if name.NewZones(s.Zones).Match(zone) != "" && !name.IsReverse(zone) && fall.Match(zone) == "" {
			return fmt.Sprintf("%s: kubernetes is never asked for %s: %s needs fallthrough to leave Services with a cluster IP to it",
				b.plugins["kubernetes"][0].at, zone, own)
		}
	}
	return ""
}

// WithoutEndpoints reports whether kubernetes stands in the block, and watches no
// endpoints.
func (b Block) WithoutEndpoints() bool { return b.HasOption("kubernetes", "noendpoints") }

// nameless are the plugins that CoreDNS may ask between this one and kubernetes and that
// have no names.
var nameless = []string{"cache", "header", "dnssec", "tls", "minimal", "transfer"}

// EndsAtKubernetes returns the zones of kubernetes, where that is the next one behind own that
// has names: a name in them that it denies nobody has, unless it lies in one of passed.
func (b Block) EndsAtKubernetes(own string) (zones, passed name.Zones) {
	from, to := slices.Index(dnsserver.Directives, own), slices.Index(dnsserver.Directives, "kubernetes")
	if !b.Has("kubernetes") || from < 0 || to < from {
		return nil, nil
	}
	for _, each := range dnsserver.Directives[from+1 : to] {
		if b.Has(each) && !slices.Contains(nameless, each) {
			return nil, nil
		}
	}
	if option, ok := b.option("kubernetes", "fallthrough"); ok {
		// Without zones it is for all.
		passed = name.NewZones(origins(option.words[1:], []string{"."}))
	}
	return b.zonesOf("kubernetes"), passed
}

func (b Block) warnEmptyService(string, *Stanza) string {
	option, ok := b.option("kubernetes", "ignore", "empty_service")
	if !ok || !b.WithoutEndpoints() {
		return ""
	}
	return option.at + ": with noendpoints, ignore empty_service of kubernetes makes every Service with a cluster IP NXDOMAIN: remove one of the two"
}

func (b Block) warnZonal(own string, s *Stanza) string {
	option, ok := b.option("kubernetes", "zonal")
	if !ok || s.Settings.Zonal || len(s.Fall.Zones) > 0 {
		return ""
	}
	return fmt.Sprintf("%s: names of zonal of kubernetes are never asked for there: %s needs fallthrough", option.at, own)
}

func (b Block) warnExternal(string, *Stanza) string {
	option, ok := b.option("k8s_external", "headless")
	if !ok || !b.WithoutEndpoints() {
		return ""
	}
	return option.at + ": with noendpoints of kubernetes, headless of k8s_external finds nothing: remove noendpoints"
}

func (b Block) warnTransfer(string, *Stanza) string {
	if !b.Has("transfer") || !b.WithoutEndpoints() {
		return ""
	}
	return b.plugins["transfer"][0].at + ": with noendpoints of kubernetes, a zone transfer lacks the names of headless Services: remove noendpoints"
}

// warnMulticluster is about names of other clusters, which would be taken for those of
// this one.
func (b Block) warnMulticluster(own string, s *Stanza) string {
	option, ok := b.option("kubernetes", "multicluster")
	if !ok {
		return ""
	}
	for _, zone := range origins(option.words[1:], nil) {
		if slices.Contains(s.Zones, zone) {
			return fmt.Sprintf("%s: %s answers for %s with Services of this cluster, exported or not: give it the other zones by name",
				option.at, own, zone)
		}
	}
	return ""
}
