package endpoints

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/topology"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"
)

// policyLines says what is in force for a Service, and who says so.
type policyLines struct {
	stanza  *shown
	service *model.Service
	// wrong says which annotations do not count.
	wrong string
	lines []v1.PolicyLine
}

// add adds an option, unless it has no value.
func (p *policyLines) add(option, value string) {
	if value == "" {
		return
	}
	line := v1.PolicyLine{Option: option, Value: model.Shorten(value, maxDetail), From: "default"}
	annotation := strings.ReplaceAll(option, "_", "-")
	if isOwn := hasAnnotation(p.service, annotation); isOwn && !strings.Contains(p.wrong, model.AnnotationPrefix+annotation+":") {
		line.From = "annotation"
	} else if at := p.stanza.stanza.Lines[option]; at != "" {
		line.From, line.Where = "corefile", at
	}
	p.lines = append(p.lines, line)
}

// policy returns what is in force for a Service.
func (s *shown) policy(c *cache, set *records.Set) []v1.PolicyLine {
	// What the cache has of them is not for other goroutines.
	own, err := c.settings.Of(set.Service)
	o := &own
	p := &policyLines{stanza: s, service: set.Service, lines: []v1.PolicyLine{}}
	if err != nil {
		p.wrong = err.Error()
	}
	d := set.Declared()
	if set.Service.Kind == model.Headless {
		p.ofEndpoints(o, set)
	} else {
		p.ofTargets(o)
	}
	p.add("ttl", fmt.Sprint(or(d.TTL, s.handler.ttl)))
	p.add("negative_ttl", fmt.Sprint(or(d.NegativeTTL, s.handler.negativeTTL)))
	if most := or(d.MaxAnswers, s.handler.maxAnswers); most > 0 {
		p.add("max_answers", fmt.Sprint(most))
	} else {
		p.add("max_answers", "all")
	}
	if d.SOA {
		p.add("soa", "true")
	}
	if d.TXT != nil {
		p.add("txt", fmt.Sprintf("%d strings", len(d.TXT)))
	}
	return p.lines
}

func hasAnnotation(s *model.Service, name string) bool {
	return slices.ContainsFunc(s.Annotations, func(a model.Annotation) bool { return a.Name == name })
}

func (p *policyLines) ofEndpoints(o *records.Options, set *records.Set) {
	policy := o.Policy
	if set.CheckText() != "" {
		policy = policy.Checked()
	}
	for option := range strings.SplitSeq(policy.String(), ", ") {
		name, value, _ := strings.Cut(option, " ")
		if name == "damping" && policy.Damping.Mode != health.DampingOff {
			mode, _, _ := strings.Cut(value, " ")
			value = mode + ", half-life " + why.Duration(policy.Damping.HalfLife)
		}
		p.add(name, value)
	}
	if o.Topology.Mode != topology.Off {
		p.add("topology", o.Topology.String())
	}
	if o.MinEndpoints > 0 {
		p.add("min_endpoints", fmt.Sprint(o.MinEndpoints))
	}
	p.add("drain", strings.Join(o.Drain, " "))
	p.add("check", set.CheckText())
}

func (p *policyLines) ofTargets(o *records.Options) {
	w := &o.External
	if n := len(w.Targets.Others); n > 0 {
		p.add("targets", fmt.Sprintf("%d more", n))
	}
	if w.LastGood.For > 0 {
		p.add("last_good", w.LastGood.For.String())
	}
	if w.Flatten {
		p.add("flatten", "true")
	}
}

// policyThen returns what was in force, as the history has it.
func policyThen(about string) (all []v1.PolicyLine) {
	all = []v1.PolicyLine{}
	for _, option := range why.About(about).Options() {
		line := v1.PolicyLine{Option: option.Name, Value: option.Value, From: "corefile"}
		if option.Own {
			line.From = "annotation"
		}
		all = append(all, line)
	}
	return all
}
