// Package snapshot writes what is served to a file, and reads it back: objects
// in the API's own protobuf form, in a frame that tells a damaged file, one of
// another version and one of another cluster from a good one.
//
// A file is, one after the other and with big-endian numbers: the mark; the
// version, 4 bytes; when the objects were current, 8 bytes, in nanoseconds since
// 1970; the length of the origin, 2 bytes, and the origin; for each object its
// length, 4 bytes, and the object; 4 zero bytes; and the SHA-256 of it all. Version 2 has
// before that sum: when verdicts were current, 8 bytes like the other time; how many checks
// fail, 4 bytes; and for each its address, 16 bytes, its port, 2, the digest of how it is
// checked, 16, and since when it fails, 8. Version 3 has, after that: how many Services have
// names that wait, 4 bytes; and for each the length of its key, 2, and that, as N/S.
package snapshot

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
)

// Bounds in bytes. An object that an API server takes is at most some 1.5 MiB,
// and the one that is made of it here about as large; 100,000 endpoints are some
// 10 MiB.
const (
	MaxSize   = 128 << 20
	MaxObject = 4 << 20
	// MaxOrigin is shorter than what the file could say of its length.
	MaxOrigin = 4 << 10
)

const (
	mark    = "k8s_endpoints snapshot\n"
	sumSize = sha256.Size
)

// The versions of the format. The second one has verdicts behind the objects, and the third
// one the Services whose names wait behind these. Each is written only where it is needed, so
// that a release before it goes on reading what does without.
const (
	plain        = 1
	withVerdicts = 2
	withWaiting  = 3
)

// What may be wrong with a file or with what should become one.
var (
	ErrDamaged  = errors.New("the file is damaged")
	ErrVersion  = errors.New("the file is of another version of this plugin")
	ErrTooLarge = errors.New("too large for a snapshot")

	errKind      = errors.New("snapshots hold no objects of this kind")
	errNotServed = errors.New("a Service that is not served")
)

// Content is what a file has.
type Content struct {
	Objects []model.Change
	// Current is when the source last told that the objects are like this, where an Option
	// has loaded them.
	Current time.Time
	Memory
}

// Memory is what no object says.
type Memory struct {
	Verdicts Verdicts
	// Waiting are the Services whose names wait for endpoints.
	Waiting []model.ServiceKey
}

// Header tells where the objects of a file are from.
type Header struct {
	// Origin names the cluster and what of it is read.
	Origin string
	// Current is when the source last told that the objects are like this.
	Current time.Time
}

// order is that of the bytes of numbers.
var order = binary.BigEndian

// form is that of objects in etcd and in watch streams, for the kinds that are
// kept and no others.
var form = newForm()

func newForm() *protobuf.Serializer {
	kinds := runtime.NewScheme()
	kinds.AddKnownTypes(corev1.SchemeGroupVersion, &corev1.Service{}, &corev1.Namespace{})
	kinds.AddKnownTypes(discoveryv1.SchemeGroupVersion, &discoveryv1.EndpointSlice{})
	return protobuf.NewSerializer(kinds, kinds)
}

// object returns the API object of a change, which is not a removal. An error
// means that a kind has no place in this format: Nodes have none, since what they are
// for can wait until they are listed.
func object(c model.Change) (runtime.Object, error) {
	switch c.Kind {
	case model.KindService:
		obj := c.Service.Object()
		obj.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Service"))
		return obj, nil
	case model.KindSlice:
		obj := c.Slice.Object()
		obj.SetGroupVersionKind(discoveryv1.SchemeGroupVersion.WithKind("EndpointSlice"))
		return obj, nil
	case model.KindNamespace:
		obj := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: c.Namespace}}
		obj.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
		return obj, nil
	}
	return nil, errKind
}

// change takes an API object in at the door of the model. One that was left out is
// left out there again.
func change(obj runtime.Object) (model.Change, error) {
	switch obj := obj.(type) {
	case *corev1.Service:
		s, err := model.NewService(obj)
		if s != nil {
			return model.ServiceChange(s), nil
		}
		return model.Change{}, cmp.Or(err, errNotServed)
	case *discoveryv1.EndpointSlice:
		s, err := model.NewSlice(obj)
		if s != nil {
			s.ReadPlaces(obj)
			// What is wrong was wrong before.
			_ = s.ReadNames(obj, err)
			return model.SliceChange(s), nil
		}
		return model.Change{}, err
	case *corev1.Namespace:
		return model.NamespaceChange(obj.Name), model.CheckNamespace(obj.Name)
	}
	return model.Change{}, errKind
}
