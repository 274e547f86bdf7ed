// Command coredns is CoreDNS with every stock plugin, and k8s_endpoints. With the build
// tag slim it has those only that most clusters need: what is linked takes memory,
// used or not.
package main

import (
	"cmp"
	"slices"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/k8s-endpoints/k8s_endpoints"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/coredns/commit"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/release"

	// An image may have no certificates of authorities: its base may be empty.
	_ "golang.org/x/crypto/x509roots/fallback"
)

// version is the version of the plugin; a build may set another. `make image`
// reads it here.
var version = "0.1.0"

// The plugin stands right before cache: its answers are as cheap as cached
// ones, and none is ever stale.
func init() {
	at := slices.Index(dnsserver.Directives, "cache")
	dnsserver.Directives = slices.Insert(dnsserver.Directives, at, "k8s_endpoints")
}

func main() {
	release.Own = version
	caddy.AppVersion = coremain.CoreVersion + " k8s_endpoints-" + version
	release.Commit = cmp.Or(coremain.GitCommit, commit.Current())
	coremain.GitCommit = cmp.Or(coremain.GitCommit, commit.Source())
	coremain.Run()
}
