package endpoints

import "github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"

// beside is what stands in the server block, as far as answers depend on it.
type beside struct {
	// transfers is true where another plugin may transfer zones.
	transfers bool
	// answersAny is true where one may answer for names that no Service can own.
	answersAny bool
	// noEndpoints is true where the stock plugin is asked next, and has no names of
	// endpoints.
	noEndpoints bool
	// cacheInFront is true where a cache is asked before this plugin.
	cacheInFront bool
}

// withAnyName are the plugins that may answer for names that no Service can own.
var withAnyName = []string{
	"autopath", "template", "hosts", "dynupdate", "route53", "azure", "clouddns", "file", "auto", "secondary", "etcd",
}

func besideOf(b corefile.Block) beside {
	return beside{
		transfers:    b.Has("transfer", "secondary"),
		answersAny:   b.Has(withAnyName...) || b.HasOption("kubernetes", "multicluster"),
		noEndpoints:  b.WithoutEndpoints(),
		cacheInFront: b.InFront("cache", pluginName),
	}
}
