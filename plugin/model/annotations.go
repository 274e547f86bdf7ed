package model

import (
	"maps"
	"slices"
	"strings"
)

// AnnotationPrefix is in front of the annotations that this plugin reads.
const AnnotationPrefix = "k8s-endpoints.coredns.io/"

// Annotations are those of one Service that begin with AnnotationPrefix, without it, in the
// order of their names. There are few, and a list of few takes a tenth of what a map does.
type Annotations []Annotation

// Annotation is one of them.
type Annotation struct{ Name, Text string }

// NewAnnotations returns those in a map.
func NewAnnotations(all map[string]string) (a Annotations) {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		a = append(a, Annotation{name, all[name]})
	}
	return slices.Clip(a)
}

// Get returns the text of an annotation, which is empty where there is none.
func (a Annotations) Get(name string) string {
	for _, each := range a {
		if each.Name == name {
			return each.Text
		}
	}
	return ""
}

// annotations keeps what is for this plugin, and nothing else of the object's memory.
func annotations(all map[string]string) Annotations {
	var kept map[string]string
	for name, text := range all {
		if short, ok := strings.CutPrefix(name, AnnotationPrefix); ok {
			if kept == nil {
				kept = make(map[string]string)
			}
			kept[strings.Clone(short)] = strings.Clone(text)
		}
	}
	return NewAnnotations(kept)
}
