package sparse

import (
	"bytes"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// prefix is what an object in protocol buffers begins with in Kubernetes. What comes
// after it is a runtime.Unknown.
var prefix = []byte("k8s\x00")

// yes and no are shared by all conditions: nobody changes an object of a watch.
var yes, no = true, false

// readEvent fills in an event with bytes of data, with false where client-go has to
// read it.
func readEvent(data []byte, event *metav1.WatchEvent) bool {
	*event = metav1.WatchEvent{}
	m := newMessage(data)
	for m.next() {
		switch m.number {
		case 1:
			event.Type = m.text()
		case 2:
			extension := m.part()
			for extension.next() {
				if extension.number == 1 {
					event.Object.Raw = extension.bytes()
				}
			}
			m.over(&extension)
		}
	}
	return !m.broken
}

// newSlice returns nil where client-go has to read the object.
func newSlice(data []byte) *discoveryv1.EndpointSlice {
	data, ok := bytes.CutPrefix(data, prefix)
	if !ok {
		return nil
	}
	var raw []byte
	var kind metav1.TypeMeta
	m := newMessage(data)
	for m.next() {
		switch m.number {
		case 1:
			readKind(&m, &kind)
		case 2:
			raw = m.bytes()
		}
	}
	if m.broken || kind.Kind != "EndpointSlice" || kind.APIVersion != discoveryv1.SchemeGroupVersion.String() {
		return nil
	}
	slice := &discoveryv1.EndpointSlice{TypeMeta: kind}
	if !readSlice(raw, slice) {
		return nil
	}
	return slice
}

func readKind(m *message, kind *metav1.TypeMeta) {
	part := m.part()
	for part.next() {
		switch part.number {
		case 1:
			kind.APIVersion = part.text()
		case 2:
			kind.Kind = part.text()
		}
	}
	m.over(&part)
}

func readSlice(raw []byte, slice *discoveryv1.EndpointSlice) bool {
	m := newMessage(raw)
	m.whole = string(raw)
	var space endpointSpace
	for m.next() {
		switch m.number {
		case 1:
			readMeta(&m, &slice.ObjectMeta)
		case 2:
			if space.endpoints == nil {
				space = newSpace(&m)
			}
			readEndpoint(&m, &space)
		case 3:
			readPort(&m, slice)
		case 4:
			slice.AddressType = discoveryv1.AddressType(m.text())
		}
	}
	slice.Endpoints = space.endpoints
	return !m.broken
}

// readMeta copies the texts: the model shares the bytes of the name.
func readMeta(m *message, meta *metav1.ObjectMeta) {
	part := m.part()
	for part.next() {
		switch part.number {
		case 1:
			meta.Name = part.text()
		case 3:
			meta.Namespace = part.text()
		case 6:
			meta.ResourceVersion = part.text()
		case 11:
			readEntry(&part, &meta.Labels)
		case 12:
			readEntry(&part, &meta.Annotations)
		}
	}
	m.over(&part)
}

// readEntry takes entries as everybody writes them, a key and then a value. How
// others are to be read is not said alike.
func readEntry(m *message, texts *map[string]string) {
	entry := m.part()
	var pair [2]string
	for want := range pair {
		if !entry.next() || int(entry.number) != want+1 {
			m.broken = true
			return
		}
		pair[want] = entry.text()
	}
	if entry.broken || entry.at < entry.end {
		m.broken = true
		return
	}
	if *texts == nil {
		*texts = make(map[string]string)
	}
	(*texts)[pair[0]] = pair[1]
}

func readPort(m *message, slice *discoveryv1.EndpointSlice) {
	var port discoveryv1.EndpointPort
	part := m.part()
	for part.next() {
		switch part.number {
		case 1:
			port.Name = new(part.text())
		case 2:
			port.Protocol = new(corev1.Protocol(part.text()))
		case 3:
			port.Port = new(part.number32())
		}
	}
	m.over(&part)
	slice.Ports = append(slice.Ports, port)
}

// endpointSpace is where the endpoints of a slice are made: a few allocations for
// all of them in place of several for each.
type endpointSpace struct {
	endpoints []discoveryv1.Endpoint
	addresses []string
	hostnames []string
	targets   []corev1.ObjectReference
}

// newSpace makes room for the endpoint that m is at, and those after it.
func newSpace(m *message) endpointSpace {
	n := 1
	for rest := *m; rest.next(); {
		if rest.number == 2 {
			n++
		}
	}
	return endpointSpace{endpoints: make([]discoveryv1.Endpoint, 0, n), addresses: make([]string, 0, n)}
}

func readEndpoint(m *message, space *endpointSpace) {
	var e discoveryv1.Endpoint
	part := m.part()
	for part.next() {
		switch part.number {
		case 1:
			space.addAddress(&e, part.shared())
		case 2:
			readConditions(&part, &e.Conditions)
		case 3:
			space.setHostname(&e, part.shared())
		case 4:
			space.readTarget(&part, &e)
		}
	}
	m.over(&part)
	space.endpoints = append(space.endpoints, e)
}

func (s *endpointSpace) addAddress(e *discoveryv1.Endpoint, text string) {
	if e.Addresses != nil {
		e.Addresses = append(e.Addresses, text)
		return
	}
	n := len(s.addresses)
	s.addresses = append(s.addresses, text)
	e.Addresses = s.addresses[n : n+1 : n+1]
}

func (s *endpointSpace) setHostname(e *discoveryv1.Endpoint, text string) {
	if s.hostnames == nil {
		s.hostnames = make([]string, 0, cap(s.endpoints))
	}
	s.hostnames = append(s.hostnames, text)
	e.Hostname = &s.hostnames[len(s.hostnames)-1]
}

func (s *endpointSpace) readTarget(m *message, e *discoveryv1.Endpoint) {
	if e.TargetRef == nil {
		if s.targets == nil {
			s.targets = make([]corev1.ObjectReference, 0, cap(s.endpoints))
		}
		s.targets = append(s.targets, corev1.ObjectReference{})
		e.TargetRef = &s.targets[len(s.targets)-1]
	}
	part := m.part()
	for part.next() {
		switch part.number {
		case 3:
			e.TargetRef.Name = part.shared()
		case 4:
			e.TargetRef.UID = types.UID(part.shared())
		}
	}
	m.over(&part)
}

func readConditions(m *message, c *discoveryv1.EndpointConditions) {
	part := m.part()
	for part.next() {
		switch part.number {
		case 1:
			c.Ready = part.truth()
		case 2:
			c.Serving = part.truth()
		case 3:
			c.Terminating = part.truth()
		}
	}
	m.over(&part)
}
