package corefile

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/external"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/topology"
)

// Settings say how Services are compiled, as far as the stanza goes. They can be
// compared: stanzas with equal Settings compile a Service to the same records.
type Settings struct {
	Naming roster.Naming
	Policy health.Policy
	// Topology is off where the zero value.
	Topology topology.Policy
	// Zonal makes Services answer for names of zones, and Explain for _explain.
	Zonal, Explain bool
	// History is how many bytes what Services were may take, 0 where nothing is kept.
	History int
	// Look is true where a page shows how endpoints stand.
	Look bool
	// External is what is done about what ExternalName Services lead to.
	External external.Terms
	// FQDNSlices makes Services have what names in their slices lead to.
	FQDNSlices bool
	// Annotations are those by which a Service may say otherwise.
	Annotations Annotations
	// Checks are off where the zero value.
	Checks check.Terms
}

// Annotations is a set of annotations.
type Annotations uint32

// AllAnnotations are those that there are.
var AllAnnotations = Annotations(1<<len(annotationNames) - 1)

// annotationNames are sorted, and without the prefix. The bit of an annotation is
// its index.
var annotationNames = func() (names []string) {
	for name, w := range words {
		if w.speaker&serviceOnly != 0 {
			names = append(names, strings.ReplaceAll(name, "_", "-"))
		}
	}
	return slices.Sorted(slices.Values(names))
}()

// annotation returns the set of one annotation, empty where there is no such.
func annotation(name string) Annotations {
	if at, known := slices.BinarySearch(annotationNames, name); known {
		return 1 << at
	}
	return 0
}

// Options are for a Service that says nothing itself.
func (s Settings) Options() records.Options {
	return records.Options{
		Naming: s.Naming, Policy: s.Policy, Topology: s.Topology, Zonal: s.Zonal, Explain: s.Explain, History: s.History > 0, Look: s.Look,
		External: s.External.Wish(), FQDNSlices: s.FQDNSlices, CheckMode: s.Checks.Mode,
	}
}

// Of returns how a Service is compiled: as the stanza says, and where that allows
// it as the Service says by annotation. What is wrong with an annotation is left
// out, and is the error; the options are good in any case.
func (s Settings) Of(service *model.Service) (records.Options, error) {
	o := s.Options()
	var wrong []error
	for _, a := range service.Annotations {
		if err := s.annotate(&o, a, service); err != nil {
			wrong = append(wrong, fmt.Errorf("annotation %s%s: %w", model.AnnotationPrefix, a.Name, err))
		}
	}
	return o, errors.Join(wrong...)
}

func (s Settings) annotate(o *records.Options, a model.Annotation, service *model.Service) error {
	w := words[strings.ReplaceAll(a.Name, "-", "_")]
	switch one := annotation(a.Name); {
	case one == 0:
		return errors.New("unknown")
	case s.Annotations&one == 0:
		return errors.New("the Corefile does not allow it")
	case w.ofExternalName && service.Kind != model.ExternalName:
		return errors.New("only an ExternalName Service leads to anything")
	case w.ofHeadless && service.Kind == model.ExternalName:
		return errors.New("only a headless Service has endpoints")
	case w.atName && service.Target != "":
		return errors.New("the name of an ExternalName Service is an alias, and has no other records (RFC 1034, section 3.6.2)")
	}
	if w.check {
		return s.wantCheck(o, service, a.Text)
	}
	return w.annotate(o, a.Text)
}
