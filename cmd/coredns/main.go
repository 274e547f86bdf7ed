// Command coredns is CoreDNS with every stock plugin, and k8s_endpoints.
package main

import (
	"runtime/debug"
	"slices"

	_ "github.com/k8s-endpoints/k8s_endpoints"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/core/plugin"
	"github.com/coredns/coredns/coremain"
)

// version is the version of the plugin; a build may set another.
var version = "0.1.0"

// The plugin stands right before cache: its answers are as cheap as cached
// ones, and none of them is ever served stale.
func init() {
	at := slices.Index(dnsserver.Directives, "cache")
	dnsserver.Directives = slices.Insert(dnsserver.Directives, at, "k8s_endpoints")
}

func main() {
	caddy.AppVersion = coremain.CoreVersion + " k8s_endpoints-" + version
	if coremain.GitCommit == "" {
		coremain.GitCommit = commit()
	}
	coremain.Run()
}

// commit returns what the go command noted of the work tree it built from.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}
