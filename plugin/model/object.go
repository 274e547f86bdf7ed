package model

import (
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// anySelector stands for the selector of a Service: only that there is one is
// known.
const anySelector = AnnotationPrefix + "selected"

// refusedValue stands in front of why an object is left out, in place of a value
// that no API server lets through either.
const refusedValue = AnnotationPrefix + "refused "

// Object returns an API object of which NewService makes the same Service. It
// holds what this plugin looks at, and nothing else of the original.
func (s *Service) Object() *corev1.Service {
	obj := &corev1.Service{ObjectMeta: metav1.ObjectMeta{
		Namespace: s.Namespace, Name: s.Name, CreationTimestamp: metav1.NewTime(s.Created.Time()),
	}}
	for _, a := range s.Annotations {
		metav1.SetMetaDataAnnotation(&obj.ObjectMeta, AnnotationPrefix+a.Name, a.Text)
	}
	if s.HasSelector {
		obj.Spec.Selector = map[string]string{anySelector: ""}
	}
	if s.Refused != "" {
		obj.Spec.Type, obj.Spec.ExternalName = corev1.ServiceTypeExternalName, refusedValue+s.Refused
		return obj
	}
	if s.Kind == Headless {
		obj.Spec.ClusterIP, obj.Spec.PublishNotReadyAddresses = corev1.ClusterIPNone, s.PublishNotReady
		if s.Distribution != NoDistribution {
			obj.Spec.TrafficDistribution = new(s.Distribution.String())
		}
		return obj
	}
	obj.Spec.Type, obj.Spec.ExternalName = corev1.ServiceTypeExternalName, s.Target
	if s.Address.IsValid() {
		obj.Spec.ExternalName = s.Address.String()
	}
	for _, p := range s.Ports {
		obj.Spec.Ports = append(obj.Spec.Ports, corev1.ServicePort{Name: p.Name, Protocol: p.Protocol.object(), Port: int32(p.Number)})
	}
	return obj
}

func (p Protocol) object() corev1.Protocol {
	switch p {
	case UDP:
		return corev1.ProtocolUDP
	case SCTP:
		return corev1.ProtocolSCTP
	}
	return corev1.ProtocolTCP
}

// Object returns an API object of which NewSlice makes the same Slice. It holds
// what this plugin looks at, and nothing else of the original.
func (s *Slice) Object() *discoveryv1.EndpointSlice {
	obj := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       s.Namespace,
			Name:            s.Name,
			ResourceVersion: strconv.FormatUint(s.Version, 10),
			Labels:          map[string]string{discoveryv1.LabelServiceName: s.Service},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
	}
	if s.Refused != "" {
		obj.AddressType = discoveryv1.AddressType(refusedValue + s.Refused)
		return obj
	}
	if s.Triggered != 0 {
		metav1.SetMetaDataAnnotation(&obj.ObjectMeta, corev1.EndpointsLastChangeTriggerTime, s.Triggered.Time().Format(time.RFC3339Nano))
	}
	if len(s.Endpoints) > 0 && s.Endpoints[0].Address.Is6() {
		obj.AddressType = discoveryv1.AddressTypeIPv6
	}
	for _, p := range s.Ports {
		obj.Ports = append(obj.Ports, discoveryv1.EndpointPort{Name: &p.Name, Protocol: new(p.Protocol.object()), Port: new(int32(p.Number))})
	}
	obj.Endpoints = s.endpointObjects()
	if s.Names != nil {
		s.namesObject(obj)
	}
	return obj
}

// endpointObjects puts neighbours that differ only in their address together
// again, so that the object is not much larger than the one it stands for.
func (s *Slice) endpointObjects() []discoveryv1.Endpoint {
	var objects []discoveryv1.Endpoint
	var lastUID string
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		uid, text := e.uid(), e.Address.String()
		if i > 0 && uid == lastUID && s.isLikeLast(i) {
			of := &objects[len(objects)-1]
			of.Addresses = append(of.Addresses, text)
			continue
		}
		obj := e.object(text, uid)
		obj.Zone, obj.NodeName, obj.Hints = textOf(s.ZoneOf(e)), textOf(s.NodeOf(e)), s.hintsObject(i)
		objects = append(objects, obj)
		lastUID = uid
	}
	return objects
}

// isLikeLast reports whether nothing but the address and the ID tells an endpoint from
// the one before it.
func (s *Slice) isLikeLast(index int) bool {
	e, last := &s.Endpoints[index], &s.Endpoints[index-1]
	return e.Hostname == last.Hostname && e.Pod == last.Pod && e.Conditions == last.Conditions &&
		e.Zone == last.Zone && e.Node == last.Node && e.Hints == last.Hints &&
		s.ElsewhereOf(index).equal(s.ElsewhereOf(index-1))
}

// uid returns a UID that podID makes the endpoint's ID of.
func (e *Endpoint) uid() string {
	if e.ID == podID("", e.Address, e.Hostname) {
		return ""
	}
	return uuid.UUID(e.ID).String()
}

func (e *Endpoint) object(address, uid string) discoveryv1.Endpoint {
	obj := discoveryv1.Endpoint{
		Addresses: []string{address},
		Conditions: discoveryv1.EndpointConditions{
			Ready:       new(e.Has(Ready)),
			Serving:     new(e.Has(Serving)),
			Terminating: new(e.Has(Terminating)),
		},
	}
	if e.Hostname != "" {
		obj.Hostname = new(e.Hostname)
	}
	if e.Pod != "" || uid != "" {
		obj.TargetRef = &corev1.ObjectReference{Kind: "Pod", Name: e.Pod, UID: types.UID(uid)}
	}
	return obj
}

// namesObject fills in the endpoints of an object of which ReadNames makes the same names.
func (s *Slice) namesObject(obj *discoveryv1.EndpointSlice) {
	obj.AddressType = discoveryv1.AddressTypeFQDN
	for _, n := range s.Named() {
		obj.Endpoints = append(obj.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{strings.TrimSuffix(n.Name, ".")},
			Conditions: discoveryv1.EndpointConditions{
				Ready: new(n.Has(Ready)), Serving: new(n.Has(Serving)), Terminating: new(n.Has(Terminating)),
			},
		})
	}
}
