package model

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"
)

func maybe[T any](t *rapid.T, label string, draw *rapid.Generator[T]) *T {
	if !rapid.Bool().Draw(t, "has "+label) {
		return nil
	}
	return ptr(draw.Draw(t, label))
}

var (
	drawnLabels    = rapid.StringMatching(`[A-Za-z0-9]([-A-Za-z0-9]{0,5}[a-z0-9])?`)
	drawnProtocols = rapid.SampledFrom([]corev1.Protocol{"", corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP})
	drawnPorts     = rapid.Int32Range(1, 65535)
	drawnTexts     = rapid.StringN(0, 10, 40)
	drawnPlaces    = rapid.SampledFrom([]string{"", "a", "b", "A", "c.d", "e", "f", strings.Repeat("long", 80)})
)

func drawServiceObject(t *rapid.T) *corev1.Service {
	obj := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: drawnLabels.Draw(t, "namespace"), Name: drawnLabels.Draw(t, "name")}}
	for range rapid.IntRange(0, 3).Draw(t, "annotations") {
		prefix := rapid.SampledFrom([]string{"", AnnotationPrefix}).Draw(t, "prefix")
		metav1.SetMetaDataAnnotation(&obj.ObjectMeta, prefix+drawnTexts.Draw(t, "annotation"), drawnTexts.Draw(t, "value"))
	}
	if rapid.Bool().Draw(t, "has a selector") {
		obj.Spec.Selector = map[string]string{"app": "db"}
	}
	if rapid.Bool().Draw(t, "is headless") {
		obj.Spec.ClusterIP = corev1.ClusterIPNone
		obj.Spec.TrafficDistribution = maybe(t, "distribution", rapid.SampledFrom([]string{
			"PreferClose", "PreferSameZone", "PreferSameNode", "PreferSamePlanet", "",
		}))
		return obj
	}
	obj.Spec.Type = corev1.ServiceTypeExternalName
	obj.Spec.ExternalName = rapid.SampledFrom([]string{
		"example.org", "Example.org.", "_a._b.example.org", "192.0.2.1", "192.0.2.1.", "2001:db8::1", "::ffff:192.0.2.1",
	}).Draw(t, "external name")
	ports := rapid.Custom(func(t *rapid.T) corev1.ServicePort {
		return corev1.ServicePort{
			Name:     rapid.OneOf(rapid.Just(""), drawnLabels).Draw(t, "port"),
			Protocol: drawnProtocols.Draw(t, "protocol"),
			Port:     drawnPorts.Draw(t, "number"),
		}
	})
	obj.Spec.Ports = rapid.SliceOfNDistinct(ports, 0, 3, func(p corev1.ServicePort) string { return strings.ToLower(p.Name) }).Draw(t, "ports")
	return obj
}

func drawSliceObject(t *rapid.T) *discoveryv1.EndpointSlice {
	obj := sliceObject(discoveryv1.AddressTypeIPv4)
	obj.Namespace, obj.Name = drawnLabels.Draw(t, "namespace"), drawnTexts.Draw(t, "name")
	obj.Labels[discoveryv1.LabelServiceName] = drawnLabels.Draw(t, "Service")
	obj.ResourceVersion = rapid.OneOf(rapid.Just(""), rapid.Just("18446744073709551615"), rapid.StringMatching(`[0-9]{1,9}`)).Draw(t, "version")
	if at := maybe(t, "trigger time", rapid.Int64Range(0, 1<<61)); at != nil {
		zone := time.FixedZone("", 3600*rapid.IntRange(-12, 12).Draw(t, "hours"))
		metav1.SetMetaDataAnnotation(&obj.ObjectMeta, corev1.EndpointsLastChangeTriggerTime, time.Unix(0, *at).In(zone).Format(time.RFC3339Nano))
	}
	addresses := rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf("10.0.%d.%d", rapid.Byte().Draw(t, "a"), rapid.Byte().Draw(t, "b"))
	})
	if rapid.Bool().Draw(t, "is IPv6") {
		obj.AddressType = discoveryv1.AddressTypeIPv6
		addresses = rapid.Custom(func(t *rapid.T) string { return fmt.Sprintf("fd00::%x", rapid.Uint16().Draw(t, "a")) })
	}
	for range rapid.IntRange(0, 3).Draw(t, "ports") {
		obj.Ports = append(obj.Ports, discoveryv1.EndpointPort{
			Name: maybe(t, "port", drawnLabels), Protocol: maybe(t, "protocol", drawnProtocols), Port: maybe(t, "number", drawnPorts),
		})
	}
	obj.Endpoints = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) discoveryv1.Endpoint {
		return drawEndpointObject(t, addresses)
	}), 0, 5).Draw(t, "endpoints")
	return obj
}

func drawEndpointObject(t *rapid.T, addresses *rapid.Generator[string]) discoveryv1.Endpoint {
	obj := discoveryv1.Endpoint{
		Addresses: rapid.SliceOfN(addresses, 1, 3).Draw(t, "addresses"),
		Conditions: discoveryv1.EndpointConditions{
			Ready:       maybe(t, "ready", rapid.Bool()),
			Serving:     maybe(t, "serving", rapid.Bool()),
			Terminating: maybe(t, "terminating", rapid.Bool()),
		},
		Hostname: maybe(t, "hostname", rapid.SampledFrom([]string{"", "db-0", "DB-1"})),
		Zone:     maybe(t, "zone", drawnPlaces),
		NodeName: maybe(t, "node", drawnPlaces),
	}
	if rapid.Bool().Draw(t, "has hints") {
		obj.Hints = new(discoveryv1.EndpointHints)
		for _, name := range rapid.SliceOfN(drawnPlaces, 0, 10).Draw(t, "zones") {
			obj.Hints.ForZones = append(obj.Hints.ForZones, discoveryv1.ForZone{Name: name})
		}
		for _, name := range rapid.SliceOfN(drawnPlaces, 0, 10).Draw(t, "nodes") {
			obj.Hints.ForNodes = append(obj.Hints.ForNodes, discoveryv1.ForNode{Name: name})
		}
	}
	if rapid.Bool().Draw(t, "has a target") {
		obj.TargetRef = &corev1.ObjectReference{
			Name: rapid.SampledFrom([]string{"", "db-0", "Db-1", "not.a.label"}).Draw(t, "Pod"),
			UID:  types.UID(rapid.SampledFrom([]string{"", "one", "2b5d8e4a-6f0c-4f1e-9a53-0d7c1b9e8f60"}).Draw(t, "UID")),
		}
	}
	return obj
}

func TestObjectIsTheWayBack(t *testing.T) {
	t.Run("of a Service", rapid.MakeCheck(func(t *rapid.T) {
		want, err := NewService(drawServiceObject(t))
		if err != nil {
			t.Fatal(err)
		}
		got, err := NewService(want.Object())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %+v, %v\nwant %+v", got, err, want)
		}
	}))
	t.Run("of a Service that is left out", rapid.MakeCheck(func(t *rapid.T) {
		original := drawServiceObject(t)
		original.Spec.Type, original.Spec.ExternalName = corev1.ServiceTypeExternalName, drawnTexts.Draw(t, "external name")+"?"
		want, err := NewService(original)
		if err == nil || want == nil {
			t.Fatalf("got %+v, %v", want, err)
		}
		if got, err := NewService(want.Object()); err == nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %#v, %v\nwant %#v", got, err, want)
		}
	}))
	t.Run("of a Slice of names", rapid.MakeCheck(func(t *rapid.T) {
		original := drawSliceObject(t)
		original.AddressType, original.Endpoints = discoveryv1.AddressTypeFQDN, nil
		for range rapid.IntRange(1, 5).Draw(t, "endpoints") {
			e := drawEndpointObject(t, rapid.SampledFrom([]string{"db.example.org", "A.example.", "_x.example.org"}))
			original.Endpoints = append(original.Endpoints, e)
		}
		want, err := NewSlice(original)
		if err = want.ReadNames(original, err); err != nil {
			t.Fatal(err)
		}
		back := want.Object()
		got, err := NewSlice(back)
		if err = got.ReadNames(back, err); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %#v, %v\nwant %#v", got, err, want)
		}
	}))
	t.Run("of a Slice that is left out", rapid.MakeCheck(func(t *rapid.T) {
		original := drawSliceObject(t)
		switch rapid.IntRange(0, 2).Draw(t, "fault") {
		case 0:
			original.AddressType = discoveryv1.AddressType(drawnTexts.Draw(t, "address type"))
		case 1:
			original.Endpoints = append(original.Endpoints, discoveryv1.Endpoint{Addresses: []string{drawnTexts.Draw(t, "address")}})
		default:
			original.Ports = append(original.Ports, discoveryv1.EndpointPort{Port: ptr(int32(0))})
		}
		want, err := NewSlice(original)
		if err == nil || want == nil {
			t.Fatalf("got %+v, %v", want, err)
		}
		if want.Refused == "" || len(want.Refused) > MaxRefused || len(want.Ports)+len(want.Endpoints) > 0 {
			t.Fatalf("got %#v", want)
		}
		if got, err := NewSlice(want.Object()); err == nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %#v, %v\nwant %#v", got, err, want)
		}
	}))
	t.Run("of a Slice", rapid.MakeCheck(func(t *rapid.T) {
		original := drawSliceObject(t)
		want, err := NewSlice(original)
		if err != nil {
			t.Fatal(err)
		}
		if rapid.Bool().Draw(t, "with places") {
			want.ReadPlaces(original)
		}
		obj := want.Object()
		got, err := NewSlice(obj)
		if err != nil {
			t.Fatal(err)
		}
		got.ReadPlaces(obj)
		if !reflect.DeepEqual(got, want) || !got.Equal(want) {
			t.Fatalf("got  %+v %+v\nwant %+v %+v", got, got.Places, want, want.Places)
		}
		if len(obj.Endpoints) > len(original.Endpoints) {
			t.Fatalf("%d endpoints have become %d", len(original.Endpoints), len(obj.Endpoints))
		}
	}))
}
