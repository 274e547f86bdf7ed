package endpoints

import (
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
)

// readiness is of a plugin that says whether it has begun to answer.
type readiness interface{ Ready() bool }

// beside is what stands in the server block, as far as answers depend on it.
type beside struct {
	// transfers is true where another plugin may transfer zones.
	transfers bool
	// answersAny is true where one may answer for names that no Service can own.
	answersAny bool
	// noEndpoints is true where the stock plugin is asked next, and has no names of
	// endpoints.
	noEndpoints bool
	// ended are the zones that nobody behind the stock plugin has names in, but for those in
	// passed.
	ended, passed name.Zones
	// stocks are the trees in them that are the stock plugin's.
	stocks name.Zones
	// stock is the stock plugin, or nil.
	stock readiness
	// cacheInFront is true where a cache is asked before this plugin.
	cacheInFront bool
}

// withAnyName are the plugins that may answer for names that no Service can own.
var withAnyName = []string{
	"autopath", "template", "hosts", "dynupdate", "route53", "azure", "clouddns", "file", "auto", "secondary", "etcd",
}

func besideOf(b corefile.Block) beside {
	ended, passed := b.EndsAtKubernetes(pluginName)
	return beside{
		transfers:    b.Has("transfer", "secondary"),
		answersAny:   b.Has(withAnyName...) || b.HasOption("kubernetes", "multicluster"),
		noEndpoints:  b.WithoutEndpoints(),
		ended:        ended,
		passed:       passed,
		stocks:       namesOfStock(ended),
		cacheInFront: b.InFront("cache", pluginName),
	}
}

// namesOfStock returns the trees with names that are the stock plugin's and no Service's: those
// of Pods and of its name server.
func namesOfStock(zones name.Zones) name.Zones {
	var all []string
	for _, zone := range zones {
		for _, label := range []string{"pod.", "dns."} {
			all = append(all, label+strings.TrimPrefix(zone, "."))
		}
	}
	return name.NewZones(all)
}

// fails reports whether the stock plugin knows of no name yet, and will be the last one that is
// asked for a lower-case name in a zone.
func (b *beside) fails(lower, zone string) bool {
	return b.ended.Match(lower) == zone && b.passed.Match(lower) == "" && b.stock != nil && !b.stock.Ready()
}

// isStocks reports whether a lower-case name is in a tree of the stock plugin alone.
func (b *beside) isStocks(lower string) bool { return b.stocks.Match(lower) != "" }
