package deploy

import (
	"slices"
	"strings"
	"testing"

	"github.com/coredns/coredns/plugin"
)

// A serverBlock is one of a Corefile.
type serverBlock struct {
	zones []string
	// directives are its lines, each with those that begin the blocks around it.
	directives []string
}

// serverBlocks reads a Corefile whose braces stand at the ends of lines or alone.
func serverBlocks(corefile string) (all []serverBlock) {
	var around []string
	for line := range strings.Lines(onPort(corefile, "53")) {
		name, begins := strings.CutSuffix(strings.TrimSpace(line), " {")
		switch {
		case name == "}":
			around = around[:len(around)-1]
			continue
		case len(around) == 0:
			var b serverBlock
			for _, key := range strings.Fields(name) {
				b.zones = append(b.zones, plugin.Host(key).NormalizeExact()...)
			}
			all = append(all, b)
		default:
			last := &all[len(all)-1]
			last.directives = append(last.directives, strings.Join(append(slices.Clone(around[1:]), name), " > "))
		}
		if begins {
			around = append(around, name)
		}
	}
	return all
}

// onPort gives all server blocks of a Corefile a port in the place of their own, which is 53,
// or none. Each line then has single blanks.
func onPort(corefile, port string) string {
	var lines []string
	depth := 0
	for line := range strings.Lines(corefile) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if depth == 0 {
			for i, key := range words[:len(words)-1] {
				words[i] = strings.TrimSuffix(key, ":53") + ":" + port
			}
		}
		lines = append(lines, strings.Join(words, " "))
		depth += strings.Count(line, "{") - strings.Count(line, "}")
	}
	return strings.Join(lines, "\n") + "\n"
}

// answering returns the block that answers for a name: that of the longest zone.
func answering(all []serverBlock, name string) serverBlock {
	var zones plugin.Zones
	for _, b := range all {
		zones = append(zones, b.zones...)
	}
	longest := zones.Matches(name)
	return all[slices.IndexFunc(all, func(b serverBlock) bool { return slices.Contains(b.zones, longest) })]
}

// Names that are not k8s_endpoints' are answered as before: the block that answers for a
// name has all plugins of kubeadm's that are about it.
func TestTheCorefileHasWhatKubeadmsHas(t *testing.T) {
	ours := serverBlocks(corefileOf(t, kustomize(t, "kube-dns")))
	theirs := serverBlocks(corefileOf(t, readManifest(t, "testdata/kubeadm.yaml")))
	for _, name := range []string{"web.default.svc.cluster.local.", "1.1.244.10.in-addr.arpa.", "1.0.0.0.ip6.arpa.", "example.org."} {
		has := answering(ours, name)
		for _, directive := range answering(theirs, name).directives {
			if isAbout(directive, name) && !standsElsewhere(directive, name) && !slices.Contains(has.directives, directive) {
				t.Errorf("%s: the block of the zones %s lacks %q", name, has.zones, directive)
			}
		}
	}
}

// isAbout reports whether a directive is about a name: one that says zones is about those
// only.
func isAbout(directive, name string) bool {
	var zones []string
	for word := range strings.FieldsSeq(directive) {
		if strings.HasSuffix(word, ".local") || strings.HasSuffix(word, ".arpa") {
			zones = append(zones, word+".")
		}
	}
	return len(zones) == 0 || plugin.Zones(zones).Matches(name) != ""
}

// standsElsewhere reports whether a name is answered as before without a directive in its
// own block.
func standsElsewhere(directive, name string) bool {
	inCluster := name != "example.org."
	first, _, _ := strings.Cut(directive, " ")
	switch first {
	case "reload":
		// A change is a rollout.
		return true
	case "health", "ready":
		// A process has one of them, and ready asks the plugins of its own block.
		return !inCluster
	case "loop":
		// Both blocks forward to the same servers.
		return inCluster
	case "loadbalance":
		// Addresses of a headless Service come in random order, and a Service with a
		// cluster IP has one.
		return inCluster
	}
	return false
}
