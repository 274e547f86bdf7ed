// Command ceiling is CoreDNS as cmd/coredns has it, with another plugin in the
// same place: one that sends the same records to every question. No plugin that
// sends those records can be faster, but for noise.
package main

import (
	"slices"

	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/core/plugin"
	"github.com/coredns/coredns/coremain"
)

func init() {
	at := slices.Index(dnsserver.Directives, "cache")
	dnsserver.Directives = slices.Insert(dnsserver.Directives, at, directive)
}

func main() { coremain.Run() }
