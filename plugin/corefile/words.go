package corefile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/topology"
)

// Bounds of what can be said: TTLs in seconds, and counts.
const (
	maxTTL     = 3600
	maxAnswers = 65535
	// maxMinEndpoints bounds how many endpoints a name waits for.
	maxMinEndpoints = 65535
	// maxDrain bounds how many endpoint names a Service may take out.
	maxDrain = 1000
)

// A word says one thing of how a Service is compiled.
type word struct {
	speaker speaker
	// read reads the arguments, unless the word is a number.
	read func(*records.Options, []string) error
	// say reads those of an annotation, where it has other ones. What the stanza says
	// has been read.
	say func(*records.Options, []string) error
	// set takes a number from least to most.
	set         func(*records.Options, int)
	least, most int
	// declare reads an annotation as it stands: what it says is a record.
	declare func(*records.Options, string) error
	// atName is true where that record is at the Service name.
	atName bool
	// ofExternalName is true where only an ExternalName Service may have the annotation, and
	// ofHeadless where only a headless one may.
	ofExternalName, ofHeadless bool
	// check is true where Settings.wantCheck reads it.
	check bool
}

// A speaker is who may say a word.
type speaker uint8

const (
	stanzaOnly speaker = 1 << iota
	serviceOnly
	both = stanzaOnly | serviceOnly
)

// words are all of them by their names in the Corefile. An annotation has hyphens
// in place of underscores.
var words = map[string]word{
	"publish":       policy(both, health.ParsePublish, func(p *health.Policy) *health.Publish { return &p.Publish }),
	"pod_names":     policy(both, health.ParsePodNames, func(p *health.Policy) *health.PodNames { return &p.PodNames }),
	"fallback":      policy(stanzaOnly, health.ParseFallback, func(p *health.Policy) *health.Fallback { return &p.Fallback }),
	"fail_open":     policy(both, health.ParseFailOpen, func(p *health.Policy) *int { return &p.FailOpen }),
	"damping":       policy(both, health.ParseDamping, func(p *health.Policy) *health.Damping { return &p.Damping }),
	"srv_tiers":     policy(both, health.ParseSRVTiers, func(p *health.Policy) *health.SRVTiers { return &p.SRVTiers }),
	"topology":      {speaker: both, read: topologyOf, say: ownTopology},
	"drain":         {speaker: serviceOnly, read: drain},
	"min_endpoints": {speaker: serviceOnly, least: 1, most: maxMinEndpoints, set: func(o *records.Options, n int) { o.MinEndpoints = n }, ofHeadless: true},
	"check":         {speaker: serviceOnly, check: true},
	"txt":           {speaker: serviceOnly, declare: text, atName: true},
	"soa":           {speaker: serviceOnly, declare: soa, atName: true},
	// gRPC has the name _grpc_config for it.
	"txt_grpc_config": {speaker: serviceOnly, declare: serviceConfig},
	"targets":         {speaker: serviceOnly, read: targets, ofExternalName: true},
	"last_good":       {speaker: both, read: lastGood, say: ownLastGood, ofExternalName: true},
	"flatten":         {speaker: both, read: flatten, say: ownFlatten, ofExternalName: true},
	"ttl":             {speaker: both, most: maxTTL, set: func(o *records.Options, n int) { o.Declared.TTL = new(uint32(n)) }},
	"negative_ttl":    {speaker: both, most: maxTTL, set: func(o *records.Options, n int) { o.Declared.NegativeTTL = new(uint32(n)) }},
	"max_answers":     {speaker: both, most: maxAnswers, set: func(o *records.Options, n int) { o.Declared.MaxAnswers = new(n) }},
}

// policy is a word for a field of the policy.
func policy[T any](by speaker, parse func([]string) (T, error), field func(*health.Policy) *T) word {
	return word{speaker: by, read: func(o *records.Options, args []string) error {
		value, err := parse(args)
		if err == nil {
			*field(&o.Policy) = value
		}
		return err
	}}
}

func topologyOf(o *records.Options, args []string) (err error) {
	o.Topology, err = topology.Parse(args)
	return err
}

func ownTopology(o *records.Options, args []string) (err error) {
	o.Topology, err = o.Topology.Of(args)
	return err
}

func drain(o *records.Options, args []string) error {
	if len(args) > maxDrain {
		return fmt.Errorf("%d names are more than %d", len(args), maxDrain)
	}
	slices.Sort(args)
	o.Drain = args
	return nil
}

// annotate reads an annotation.
func (w word) annotate(o *records.Options, value string) error {
	if w.declare != nil {
		return w.declare(o, value)
	}
	args := strings.FieldsFunc(strings.ToLower(value), func(r rune) bool { return unicode.IsSpace(r) || r == ',' })
	switch {
	case w.say != nil:
		return w.say(o, args)
	case w.set == nil:
		return w.read(o, args)
	}
	text := strings.Join(args, " ")
	n, ok := wholeNumber(text, w.least, w.most)
	if !ok {
		return fmt.Errorf("want a whole number in range [%d, %d], not %q", w.least, w.most, text)
	}
	w.set(o, n)
	return nil
}

// wholeNumber reads a number from least to most.
func wholeNumber(text string, least, most int) (n int, ok bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= least && n <= most
}
