package endpoints

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
)

// settings are how Services are compiled: as the stanza says, and where that
// allows it as a Service says by annotation.
type settings struct {
	records.Options
	// annotations are the names of those that may override the stanza.
	annotations []string
}

// annotationParsers read what a Service says into its options.
var annotationParsers = map[string]func(*records.Options, []string) error{
	"publish": func(o *records.Options, args []string) error {
		return into(&o.Policy.Publish, health.ParsePublish, args)
	},
	"pod-names": func(o *records.Options, args []string) error {
		return into(&o.Policy.PodNames, health.ParsePodNames, args)
	},
	"fail-open": func(o *records.Options, args []string) error {
		return into(&o.Policy.FailOpen, health.ParseFailOpen, args)
	},
	"damping": func(o *records.Options, args []string) error {
		return into(&o.Policy.Damping, health.ParseDamping, args)
	},
	"srv-tiers": func(o *records.Options, args []string) error {
		return into(&o.Policy.SRVTiers, health.ParseSRVTiers, args)
	},
	"ttl":          func(o *records.Options, args []string) error { return seconds(&o.Limits.TTL, args) },
	"negative-ttl": func(o *records.Options, args []string) error { return seconds(&o.Limits.NegativeTTL, args) },
	"max-answers":  maxAnswers,
	"drain":        drain,
}

var annotationNames = slices.Sorted(maps.Keys(annotationParsers))

func into[T any](value *T, parse func([]string) (T, error), args []string) error {
	parsed, err := parse(args)
	if err == nil {
		*value = parsed
	}
	return err
}

func seconds(value **uint32, args []string) error {
	n, err := within(args, maxTTL)
	if err != nil {
		return err
	}
	ttl := uint32(n)
	*value = &ttl
	return nil
}

func maxAnswers(o *records.Options, args []string) error {
	n, err := within(args, maxMaxAnswers)
	if err != nil {
		return err
	}
	o.Limits.MaxAnswers = &n
	return nil
}

func within(args []string, most int) (int, error) {
	if len(args) == 1 {
		if n, err := strconv.Atoi(args[0]); err == nil && n >= 0 && n <= most {
			return n, nil
		}
	}
	return 0, fmt.Errorf("want a whole number in range [0, %d], not %q", most, strings.Join(args, " "))
}

// maxDrain bounds how many endpoint names a Service may take out.
const maxDrain = 1000

func drain(o *records.Options, args []string) error {
	if len(args) > maxDrain {
		return fmt.Errorf("%d names are more than %d", len(args), maxDrain)
	}
	slices.Sort(args)
	o.Drain = args
	return nil
}

// of returns the options of a Service. What is wrong with an annotation is left
// out, and is the error; the options are good in any case.
func (s *settings) of(service *model.Service) (*records.Options, error) {
	if len(service.Annotations) == 0 {
		return &s.Options, nil
	}
	o := s.Options
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(service.Annotations)) {
		parse, known := annotationParsers[name]
		switch {
		case !known:
			wrong = append(wrong, fmt.Errorf("annotation %s%s: unknown", model.AnnotationPrefix, name))
			continue
		case !slices.Contains(s.annotations, name):
			wrong = append(wrong, fmt.Errorf("annotation %s%s: the Corefile does not allow it", model.AnnotationPrefix, name))
			continue
		}
		args := strings.FieldsFunc(strings.ToLower(service.Annotations[name]), func(r rune) bool { return unicode.IsSpace(r) || r == ',' })
		if err := parse(&o, args); err != nil {
			wrong = append(wrong, fmt.Errorf("annotation %s%s: %w", model.AnnotationPrefix, name, err))
		}
	}
	return &o, errors.Join(wrong...)
}
