package corefile

import (
	"slices"
	"strings"
	"testing"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
)

// ours is the name that is in the place of the plugin's: right before cache, as the
// README has it, and one behind rewrite and acl.
const ours = "cache"

// blockIn returns the block of a Corefile with one server block.
func blockIn(t *testing.T, text string) Block {
	t.Helper()
	blocks, err := caddyfile.Parse("Corefile", strings.NewReader(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return newBlock("Corefile", blocks[len(blocks)-1], []string{".:53"})
}

func TestWarningsAreOfWhatDoesNotGoTogether(t *testing.T) {
	for _, c := range []struct {
		name, stanza, beside string
		own                  string
		want                 []string
	}{
		{name: "what README recommends", stanza: "cluster.local in-addr.arpa {\nfallthrough\n}",
			beside: "kubernetes cluster.local in-addr.arpa {\nnoendpoints\npods insecure\nfallthrough in-addr.arpa\n}\nrewrite stop name a b\nacl\ncache 30"},
		{name: "nothing beside it", stanza: "cluster.local"},
		{name: "endpoints are kept, and all options of kubernetes work", stanza: "cluster.local {\nfallthrough\n}",
			beside: "kubernetes cluster.local clusterset.local {\nignore empty_service\nzonal\nmulticluster clusterset.local\n}\nk8s_external example.com {\nheadless\n}\ntransfer {\nto *\n}"},
		{name: "empty Services", stanza: "cluster.local {\nfallthrough\n}",
			beside: "kubernetes cluster.local {\nnoendpoints\nignore empty_service\n}",
			want:   []string{"Corefile:7: with noendpoints, ignore empty_service of kubernetes makes every Service with a cluster IP NXDOMAIN: remove one of the two"}},
		{name: "external names of headless Services", stanza: "cluster.local {\nfallthrough\n}",
			beside: "kubernetes cluster.local {\nnoendpoints\n}\nk8s_external example.com {\nheadless\n}",
			want:   []string{"Corefile:9: with noendpoints of kubernetes, headless of k8s_external finds nothing: remove noendpoints"}},
		{name: "zone transfers", stanza: "cluster.local {\nfallthrough\n}",
			beside: "kubernetes cluster.local {\nnoendpoints\n}\ntransfer {\nto *\n}",
			want:   []string{"Corefile:8: with noendpoints of kubernetes, a zone transfer lacks the names of headless Services: remove noendpoints"}},
		{name: "names of other clusters", stanza: "cluster.local clusterset.local {\nfallthrough\n}",
			beside: "kubernetes cluster.local clusterset.local {\nmulticluster clusterset.local\n}",
			want:   []string{"Corefile:6: cache answers for clusterset.local. with Services of this cluster, exported or not: give it the other zones by name"}},
		{name: "names of other clusters, zones of the server block", stanza: "{\nfallthrough\n}",
			beside: "kubernetes cluster.local clusterset.local {\nmulticluster clusterset.local\n}"},
		{name: "no fallthrough", stanza: "cluster.local in-addr.arpa",
			beside: "kubernetes cluster.local in-addr.arpa {\nzonal\n}",
			want: []string{
				"Corefile:3: kubernetes is never asked for cluster.local.: cache needs fallthrough to leave Services with a cluster IP to it",
				"Corefile:4: names of zonal of kubernetes are never asked for there: cache needs fallthrough",
			}},
		{name: "names of zones are answered here", stanza: "cluster.local {\nzonal\n}", beside: "kubernetes cluster.local {\nzonal\n}",
			want: []string{"Corefile:5: kubernetes is never asked for cluster.local.: cache needs fallthrough to leave Services with a cluster IP to it"}},
		{name: "another zone than that of kubernetes", stanza: "example.org", beside: "kubernetes cluster.local"},
		{name: "fallthrough for addresses only", stanza: "cluster.local in-addr.arpa {\nfallthrough in-addr.arpa\n}",
			beside: "kubernetes cluster.local in-addr.arpa",
			want:   []string{"Corefile:5: kubernetes is never asked for cluster.local.: cache needs fallthrough to leave Services with a cluster IP to it"}},
		{name: "a build with acl and rewrite behind", own: "errors", stanza: "cluster.local", beside: "rewrite stop name a b\nacl",
			want: []string{"Corefile:4: acl stands behind errors in plugin.cfg, and is not asked for its names: build with errors right before cache, in CoreDNS 1.14.7 or later"}},
	} {
		own := ours
		if c.own != "" {
			own = c.own
		}
		stanza := own + " " + c.stanza
		parsed, err := Parse(controller(stanza))
		if err != nil {
			t.Fatal(err)
		}
		b := blockIn(t, ". {\n"+stanza+"\n"+c.beside+"\n}\n")
		if got := b.Warnings(own, parsed); !slices.Equal(got, c.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

func TestABlockKnowsWhatStandsInIt(t *testing.T) {
	b := blockIn(t, "(common) {\nerrors\n}\n. {\nimport common\ncache 30\nkubernetes {\nnoendpoints\n}\n}\n")
	for what, got := range map[string]bool{
		"an imported plugin":  b.Has("errors"),
		"one of two":          b.Has("hosts", "cache"),
		"an option":           b.HasOption("kubernetes", "noendpoints"),
		"none of two":         !b.Has("hosts", "template"),
		"no such option":      !b.HasOption("kubernetes", "zonal"),
		"no option":           !b.HasOption("cache", "30"),
		"one in front":        b.InFront("errors", ours),
		"one behind":          !b.InFront("kubernetes", ours),
		"one that is not":     !b.InFront("log", ours),
		"nothing at the zero": !(Block{}).Has("errors") && len((Block{}).Warnings(ours, new(Stanza))) == 0,
	} {
		if !got {
			t.Error(what)
		}
	}
}

func TestZonesEndAtKubernetesWhereNobodyElseHasNames(t *testing.T) {
	all := name.Zones{"cluster.local.", "in-addr.arpa."}
	for _, c := range []struct {
		name, beside  string
		own           string
		zones, passed name.Zones
	}{
		{name: "what README recommends", beside: "kubernetes cluster.local in-addr.arpa {\nfallthrough in-addr.arpa\n}\nforward . 192.0.2.1", zones: all, passed: name.Zones{"in-addr.arpa."}},
		{name: "no fallthrough", beside: "kubernetes cluster.local in-addr.arpa", zones: all},
		{name: "fallthrough for all", beside: "kubernetes cluster.local in-addr.arpa {\nfallthrough\n}", zones: all, passed: name.Zones{"."}},
		{name: "zones of the server block", beside: "kubernetes", zones: name.Zones{"."}},
		{name: "plugins without names between", beside: "header\nminimal\nkubernetes cluster.local in-addr.arpa", zones: all},
		{name: "a plugin with names in front", beside: "autopath @kubernetes\nkubernetes cluster.local in-addr.arpa", zones: all},
		{name: "a plugin with names between", beside: "hosts\nkubernetes cluster.local"},
		{name: "one with names of a zone below, perhaps", beside: "k8s_external ext.cluster.local\nkubernetes cluster.local"},
		{name: "one behind is asked for nothing", beside: "kubernetes cluster.local in-addr.arpa\nfile zone cluster.local", zones: all},
		{name: "kubernetes is asked before", own: "forward", beside: "kubernetes cluster.local"},
		{name: "a build that has it nowhere", own: "no such plugin", beside: "kubernetes cluster.local"},
		{name: "no kubernetes", beside: "forward . 192.0.2.1"},
	} {
		own := ours
		if c.own != "" {
			own = c.own
		}
		zones, passed := blockIn(t, ". {\n"+c.beside+"\n}\n").EndsAtKubernetes(own)
		if !slices.Equal(zones, c.zones) || !slices.Equal(passed, c.passed) {
			t.Errorf("%s: got %q but for %q, want %q but for %q", c.name, zones, passed, c.zones, c.passed)
		}
	}
}

// The block is found in the Corefile of the instance that starts.
func TestTheBlockIsThatOfTheController(t *testing.T) {
	if got := BlockOf(caddy.NewTestController("dns", "k8s_endpoints")); got.Has("k8s_endpoints") {
		t.Errorf("without an instance there is a block: %v", got)
	}
	if slices.Index(dnsserver.Directives, ours) < 0 {
		t.Fatalf("CoreDNS has no plugin %s", ours)
	}
}
