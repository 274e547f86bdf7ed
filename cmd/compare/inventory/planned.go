package inventory

import (
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/external"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// addPlan reads what the annotations of an ExternalName Service want of its targets. What is wrong with one is left
// out, as k8s_endpoints does.
func addPlan(s *differences.Service, read *model.Service) {
	words := func(name string) []string {
		return strings.FieldsFunc(strings.ToLower(read.Annotations.Get(name)), func(r rune) bool { return r == ',' || strings.ContainsRune(" \t\r\n", r) })
	}
	s.Flatten, _ = external.ParseFlatten(words("flatten"))
	targets, err := external.ParseTargets(words("targets"))
	if err != nil {
		return
	}
	for _, t := range targets.Others {
		if t.Address.IsValid() {
			s.Targets = append(s.Targets, t.Address.String())
		} else {
			s.Targets = append(s.Targets, t.Name)
		}
	}
}
