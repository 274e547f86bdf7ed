// Package release says which version of the plugin runs, for what names it to others.
package release

import (
	"runtime/debug"
	"strings"
)

// Own is the version that a program gives itself, as cmd/coredns does before it starts.
// Empty is that of the module, which only a program that requires it has.
var Own string

// Commit is the one that a program was built from, as cmd/coredns says before it starts. It is
// empty where nobody knows.
var Commit string

const module = "github.com/k8s-endpoints/k8s_endpoints"

// Version returns the version of the plugin, such as 0.1.0, and "unknown" where nothing
// has it. It is one word.
func Version() string {
	if Own != "" {
		return Own
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, each := range append(info.Deps, &info.Main) {
		if each.Path == module && each.Version != "" {
			return strings.TrimPrefix(strings.Trim(each.Version, "()"), "v")
		}
	}
	return "unknown"
}
