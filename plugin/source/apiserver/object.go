package apiserver

import (
	"strconv"
	"unique"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/source"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// key names an object of one kind. A Namespace and a Node have only a name.
type key struct {
	in   unique.Handle[string]
	name string
}

func keyOf(namespace, name string) key { return key{unique.Make(namespace), name} }

func (k key) namespace() string { return k.in.Value() }

// object is what is left of an API object behind the door. An initial list
// holds objects instead of API objects, so that it is as small as what is
// served.
type object struct {
	key
	version uint64
	// matches is false for an object that does not belong to the stream that it
	// came in: a delete without the word.
	matches bool
	// unchanged is true for what a list shows in the version that belongs to its
	// stream: only the name of that is read.
	unchanged bool
	// made is true for what a watch shows for the first time: without a selector it
	// was just made. What a list shows may be of any age.
	made bool
	// labelled is true for a slice with the headless label.
	labelled bool
	// owner is the name of the Service that a slice is of.
	owner string
	// service, slice or node is set where matches is true, save for a Namespace, and for
	// what is unchanged.
	service *model.Service
	slice   *model.Slice
	node    *model.Node
	// refused is why the object is left out, or a part of a Node. Where it is nobody's,
	// none of the three is set.
	refused error
}

var _ metav1.ObjectMetaAccessor = (*object)(nil)

// GetObjectMeta lets the reflector's own store name the object.
func (o *object) GetObjectMeta() metav1.Object {
	return &metav1.ObjectMeta{
		Namespace:       o.namespace(),
		Name:            o.name,
		ResourceVersion: strconv.FormatUint(o.version, 10),
	}
}

// A reader makes an object of an API object, which it does not change. It
// returns nil for anything else.
type reader func(obj any) *object

func readServices(matches func(*corev1.Service) bool) reader {
	return func(obj any) *object {
		api, ok := obj.(*corev1.Service)
		if !ok {
			return nil
		}
		o := newObject(api)
		if !matches(api) {
			return o
		}
		// A Service that is neither headless nor ExternalName is no more than a name
		// from here on.
		o.service, o.refused = model.NewService(api)
		o.matches = o.service != nil || o.refused != nil
		return o
	}
}

// wanted is what is read of slices beyond what all read.
type wanted struct{ places, names bool }

// readSlices makes a reader of slices.
func readSlices(w wanted, matches func(*discoveryv1.EndpointSlice) bool) reader {
	return func(obj any) *object {
		api, ok := obj.(*discoveryv1.EndpointSlice)
		if !ok {
			return nil
		}
		o := newObject(api)
		if !matches(api) {
			return o
		}
		o.matches = true
		_, o.labelled = api.Labels[corev1.IsHeadlessService]
		if o.slice, o.refused = model.NewSlice(api); o.slice != nil {
			o.owner = o.slice.Service
			if w.places {
				o.slice.ReadPlaces(api)
			}
			if w.names {
				o.refused = o.slice.ReadNames(api, o.refused)
			}
		}
		return o
	}
}

// ownerOf returns the Service that a slice is of, the zero value where its label
// is no name of one.
func ownerOf(slice metav1.Object) model.ServiceKey {
	owner, err := model.NewServiceKey(slice.GetNamespace(), slice.GetLabels()[discoveryv1.LabelServiceName])
	if err != nil {
		return model.ServiceKey{}
	}
	return owner
}

func readNamespaces(matches func(*corev1.Namespace) bool) reader {
	return func(obj any) *object {
		api, ok := obj.(*corev1.Namespace)
		if !ok {
			return nil
		}
		o := newObject(api)
		o.matches = matches(api)
		return o
	}
}

func readNodes(obj any) *object {
	api, ok := obj.(*corev1.Node)
	if !ok {
		return nil
	}
	o := newObject(api)
	o.matches = true
	if o.node, o.refused = model.NewNode(api); o.node == nil {
		return o
	}
	o.name = o.node.Name.Value() // so that only one of the two is kept
	if o.refused != nil {
		o.refused = source.OfPart(o.refused)
	}
	return o
}

// newObject takes the name as it is: a slice shares its bytes with the model.
func newObject(api metav1.Object) *object {
	return &object{
		key:     keyOf(api.GetNamespace(), api.GetName()),
		version: parseVersion(api.GetResourceVersion()),
	}
}

// parseVersion returns 0 for what is not a number. Resource versions of one
// kind of object are numbers that grow, as the API promises since 1.35 and
// kept before.
func parseVersion(text string) uint64 {
	version, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0
	}
	return version
}
