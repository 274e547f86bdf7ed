// Package sparse decodes the EndpointSlices of a watch, and of them only what the
// model reads. The rest is most of an object, and one Pod's change brings all
// endpoints of a slice: client-go's decoding is the largest part of what a
// change costs in a large Service.
//
// What this package does not know, or does not understand, it leaves to
// client-go: lists, other kinds, JSON, broken messages.
//
// Reading order: serializer.go wraps client-go's serializers, object.go decodes
// events and objects, message.go the protocol buffers they are made of.
package sparse

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Wrap returns a serializer whose stream decoder fills in only the fields of an
// EndpointSlice that are named at object, and where places are wanted those of where
// endpoints are, and for whose use. Others decode as client-go's do.
func Wrap(s runtime.NegotiatedSerializer, places bool) runtime.NegotiatedSerializer {
	infos := slices.Clone(s.SupportedMediaTypes())
	for i := range infos {
		if infos[i].MediaType == runtime.ContentTypeProtobuf {
			infos[i] = wrapped(infos[i], places)
		}
	}
	return negotiated{NegotiatedSerializer: s, infos: infos}
}

func wrapped(info runtime.SerializerInfo, places bool) runtime.SerializerInfo {
	info.Serializer = objects{info.Serializer, places}
	if stream := info.StreamSerializer; stream != nil {
		copied := *stream
		copied.Serializer = events{stream.Serializer}
		info.StreamSerializer = &copied
	}
	return info
}

type negotiated struct {
	runtime.NegotiatedSerializer
	infos []runtime.SerializerInfo
}

func (n negotiated) SupportedMediaTypes() []runtime.SerializerInfo { return n.infos }

// objects decodes what an event carries.
type objects struct {
	runtime.Serializer
	places bool
}

// Decode leaves it to client-go to fill in an object that the caller brings.
func (o objects) Decode(data []byte, defaults *schema.GroupVersionKind, into runtime.Object) (runtime.Object, *schema.GroupVersionKind, error) {
	if into == nil {
		if slice := newSlice(data, o.places); slice != nil {
			kind := slice.GroupVersionKind()
			return slice, &kind, nil
		}
	}
	return o.Serializer.Decode(data, defaults, into)
}

// events decodes what stands around the objects of a watch.
type events struct{ runtime.Serializer }

// Decode lets the event share the bytes of data, which live until the next
// event is read: client-go decodes the object before.
func (e events) Decode(data []byte, defaults *schema.GroupVersionKind, into runtime.Object) (runtime.Object, *schema.GroupVersionKind, error) {
	if event, ok := into.(*metav1.WatchEvent); ok && readEvent(data, event) {
		return event, &schema.GroupVersionKind{}, nil
	}
	return e.Serializer.Decode(data, defaults, into)
}
