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

// newSlice returns nil where client-go has to read the object. It reads places only
// where they are wanted.
func newSlice(data []byte, places bool) *discoveryv1.EndpointSlice {
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
	if !readSlice(raw, slice, places) {
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

func readSlice(raw []byte, slice *discoveryv1.EndpointSlice, places bool) bool {
	m := newMessage(raw)
	m.whole = string(raw)
	space := endpointSpace{places: places}
	for m.next() {
		switch m.number {
		case 1:
			readMeta(&m, &slice.ObjectMeta)
		case 2:
			if space.endpoints == nil {
				space.reserve(&m)
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
	// places is true where the rest is wanted: names are those of nodes and zones.
	places   bool
	names    []string
	hints    []discoveryv1.EndpointHints
	forZones []discoveryv1.ForZone
	forNodes []discoveryv1.ForNode
}

// reserve makes room for the endpoint that m is at, and those after it.
func (s *endpointSpace) reserve(m *message) {
	n := 1
	for rest := *m; rest.next(); {
		if rest.number == 2 {
			n++
		}
	}
	s.endpoints, s.addresses = make([]discoveryv1.Endpoint, 0, n), make([]string, 0, n)
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
		case 6, 7, 8:
			if space.places {
				space.readPlace(&part, &e)
			}
		}
	}
	m.over(&part)
	space.endpoints = append(space.endpoints, e)
}

func (s *endpointSpace) addAddress(e *discoveryv1.Endpoint, text string) {
	e.Addresses = appended(&s.addresses, e.Addresses, text, cap(s.endpoints))
}

func (s *endpointSpace) setHostname(e *discoveryv1.Endpoint, text string) {
	e.Hostname = kept(&s.hostnames, text, cap(s.endpoints))
}

// kept returns a pointer to a value in a space, for which room is made at the first
// one.
func kept[T any](space *[]T, value T, room int) *T {
	if *space == nil {
		*space = make([]T, 0, room)
	}
	*space = append(*space, value)
	return &(*space)[len(*space)-1]
}

// appended appends a value to a list. That of a list of one stands in a space.
func appended[T any](space *[]T, list []T, value T, room int) []T {
	if list != nil {
		return append(list, value)
	}
	kept(space, value, room)
	n := len(*space)
	return (*space)[n-1 : n : n]
}

func (s *endpointSpace) readPlace(m *message, e *discoveryv1.Endpoint) {
	switch m.number {
	case 6:
		e.NodeName = kept(&s.names, m.shared(), 2*cap(s.endpoints))
	case 7:
		e.Zone = kept(&s.names, m.shared(), 2*cap(s.endpoints))
	case 8:
		s.readHints(m, e)
	}
}

func (s *endpointSpace) readHints(m *message, e *discoveryv1.Endpoint) {
	if e.Hints == nil {
		e.Hints = kept(&s.hints, discoveryv1.EndpointHints{}, cap(s.endpoints))
	}
	h := e.Hints
	part := m.part()
	for part.next() {
		switch part.number {
		case 1:
			h.ForZones = appended(&s.forZones, h.ForZones, discoveryv1.ForZone{Name: readName(&part)}, cap(s.endpoints))
		case 2:
			h.ForNodes = appended(&s.forNodes, h.ForNodes, discoveryv1.ForNode{Name: readName(&part)}, cap(s.endpoints))
		}
	}
	m.over(&part)
}

// readName reads a part that has nothing but a name.
func readName(m *message) (name string) {
	part := m.part()
	for part.next() {
		if part.number == 1 {
			name = part.shared()
		}
	}
	m.over(&part)
	return name
}

func (s *endpointSpace) readTarget(m *message, e *discoveryv1.Endpoint) {
	if e.TargetRef == nil {
		e.TargetRef = kept(&s.targets, corev1.ObjectReference{}, cap(s.endpoints))
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
