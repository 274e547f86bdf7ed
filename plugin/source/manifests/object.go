package manifests

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// identity is what an object is told apart by, in lower case but for the kind.
type identity struct{ kind, namespace, name string }

func (id identity) String() string {
	if id.namespace == "" {
		return id.kind + " " + id.name
	}
	return id.kind + " " + id.namespace + "/" + id.name
}

// object is what this source needs of one object in a manifest.
type object struct {
	identity
	line int
	// refused tells why the object, or a part of it, is left out.
	refused error

	// Of a Service: whether it is headless or of type ExternalName, whether
	// it selects Pods, and what is reported of it, nil where Options say so.
	served   bool
	selects  bool
	reported *model.Service
	// Of an EndpointSlice: itself. Of an Endpoints: its mirror.
	slices []*model.Slice
	// Of a Namespace: whether it is reported.
	matches bool
}

// newObject makes what all kinds have in common.
func newObject(kind string, meta *metav1.ObjectMeta) object {
	if meta.Namespace == "" && kind != "Namespace" {
		meta.Namespace = metav1.NamespaceDefault
	}
	o := object{identity: identity{kind, strings.ToLower(meta.Namespace), strings.ToLower(meta.Name)}}
	switch {
	case meta.Name == "":
		o.refused = errors.New("metadata.name is missing")
	case len(meta.Name) > model.MaxName || strings.ContainsFunc(meta.Name, isNoName):
		o.refused = fmt.Errorf("metadata.name %.80q is not 1 to %d letters, digits, hyphens and dots", meta.Name, model.MaxName)
	}
	if strings.ContainsFunc(meta.Namespace, isNoName) {
		o.refused = fmt.Errorf("metadata.namespace %.80q is not letters, digits, hyphens and dots", meta.Namespace)
	}
	if o.refused != nil {
		// It has no identity, and so no second definition.
		o.name = ""
	}
	return o
}

// isNoName tells what no name of an object has. Capitals may pass, as in the
// model.
func isNoName(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '.')
}

func (l *loader) newService(obj *corev1.Service) object {
	o := newObject("Service", &obj.ObjectMeta)
	if o.refused != nil {
		return o
	}
	service, err := model.NewService(obj)
	o.refused = err
	o.served = service != nil
	o.selects = len(obj.Spec.Selector) > 0
	if err == nil && l.filter.includes(o.namespace) && l.filter.labels.Matches(labels.Set(obj.Labels)) {
		o.reported = service
	}
	return o
}

func (l *loader) newSlice(obj *discoveryv1.EndpointSlice) object {
	o := newObject("EndpointSlice", &obj.ObjectMeta)
	if o.refused == nil {
		o.refused = l.addSlice(&o, obj)
	}
	return o
}

func (l *loader) newEndpoints(obj *legacyEndpoints) object {
	o := newObject("Endpoints", &obj.ObjectMeta)
	if o.refused != nil || !isMirrored(obj) {
		return o
	}
	mirrored, tooMany, err := mirror(obj)
	for i := range mirrored {
		if err == nil {
			err = l.addSlice(&o, &mirrored[i])
		}
	}
	if err != nil {
		o.refused, o.slices = err, nil
	} else if tooMany > 0 {
		o.refused = fmt.Errorf("%d addresses more than the %d of a subset that are mirrored; the others are served", tooMany, maxMirrored)
	}
	return o
}

// addSlice numbers the slices in the order in which they are read. When the
// controller saw the change says nothing here: the manifest may be years old.
func (l *loader) addSlice(o *object, obj *discoveryv1.EndpointSlice) error {
	slice, err := model.NewSlice(obj)
	if err != nil {
		return err
	}
	l.version++
	slice.Version = l.version
	slice.Triggered = time.Time{}
	if l.filter.includes(o.namespace) {
		o.slices = append(o.slices, slice)
	}
	return nil
}

func (l *loader) newNamespace(obj *corev1.Namespace) object {
	obj.Namespace = ""
	o := newObject("Namespace", &obj.ObjectMeta)
	o.matches = o.refused == nil && l.filter.namespaceLabels.Matches(labels.Set(obj.Labels))
	return o
}
