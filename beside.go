package endpoints

import (
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
)

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
		cacheInFront: b.InFront("cache", pluginName),
	}
}

// ends reports whether a lower-case name in a zone, which no Service can own, is nobody's: it
// could only be the stock plugin's, and that has no others but those of Pods and of the name
// server.
func (b *beside) ends(lower, zone string) bool {
	if b.ended.Match(lower) != zone || b.passed.Match(lower) != "" {
		return false
	}
	behind := strings.TrimPrefix(zone, ".")
	return name.Zones{"pod." + behind, "dns." + behind}.Match(lower) == ""
}
