package model

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func serviceObject(spec corev1.ServiceSpec) *corev1.Service {
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "db"}, Spec: spec}
}

func TestNewServiceTakesHeadlessAndExternalNameOnly(t *testing.T) {
	key := ServiceKey{Namespace: "default", Name: "db"}
	for _, c := range []struct {
		name string
		spec corev1.ServiceSpec
		want *Service
	}{
		{"a ClusterIP Service is not served", corev1.ServiceSpec{ClusterIP: "10.96.0.1"}, nil},
		{"a Service without an address yet is not served", corev1.ServiceSpec{}, nil},
		{
			"a headless Service with a selector",
			corev1.ServiceSpec{ClusterIP: "None", Selector: map[string]string{"app": "db"}},
			&Service{ServiceKey: key, Kind: Headless, HasSelector: true},
		},
		{"a headless Service without a selector", corev1.ServiceSpec{ClusterIP: "None"}, &Service{ServiceKey: key, Kind: Headless}},
		{
			"an external name gets its final dot",
			corev1.ServiceSpec{Type: "ExternalName", ExternalName: "example.org"},
			&Service{ServiceKey: key, Kind: ExternalName, Target: "example.org."},
		},
		{
			"an external name keeps its final dot",
			corev1.ServiceSpec{Type: "ExternalName", ExternalName: "_srv.Example.org."},
			&Service{ServiceKey: key, Kind: ExternalName, Target: "_srv.Example.org."},
		},
		{
			"the type goes before clusterIP",
			corev1.ServiceSpec{Type: "ExternalName", ExternalName: "example.org", ClusterIP: "None"},
			&Service{ServiceKey: key, Kind: ExternalName, Target: "example.org."},
		},
		{
			"an external name that is an address",
			corev1.ServiceSpec{Type: "ExternalName", ExternalName: "2001:db8::1"},
			&Service{ServiceKey: key, Kind: ExternalName, Address: netip.MustParseAddr("2001:db8::1")},
		},
		{
			"ports of an external name, one of them without a name",
			corev1.ServiceSpec{Type: "ExternalName", ExternalName: "example.org", Ports: []corev1.ServicePort{
				{Name: "sql", Port: 5432}, {Port: 80}, {Name: "dns", Port: 53, Protocol: "UDP"}, {Name: "s", Port: 1, Protocol: "SCTP"},
			}},
			&Service{ServiceKey: key, Kind: ExternalName, Target: "example.org.", Ports: []Port{
				{Name: "sql", Number: 5432}, {Number: 80}, {Name: "dns", Protocol: UDP, Number: 53}, {Name: "s", Protocol: SCTP, Number: 1},
			}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := NewService(serviceObject(c.spec))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestNewServiceRefusesWhatAnAPIServerWould(t *testing.T) {
	external := func(name string) *corev1.Service {
		return serviceObject(corev1.ServiceSpec{Type: "ExternalName", ExternalName: name})
	}
	named := func(namespace, name string) *corev1.Service {
		return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: corev1.ServiceSpec{ClusterIP: "None"}}
	}
	portOf := func(all ...corev1.ServicePort) *corev1.Service {
		s := external("example.org")
		s.Spec.Ports = all
		return s
	}
	port := portOf(corev1.ServicePort{Name: "sql", Port: 70000})
	annotated := named("default", "db")
	annotated.Annotations = map[string]string{"note": strings.Repeat("a", maxAnnotations-3)}
	for _, c := range []struct {
		name string
		obj  *corev1.Service
		want string
		// short is empty where nobody can ask for the Service.
		short string
	}{
		{"no external name", external(""), `spec.externalName "" is not a domain name`, `externalName ""`},
		{"an empty label", external("a..b"), `spec.externalName "a..b" is not a domain name: the label ""`, `externalName "a..b"`},
		{"a space", external("a b"), "is not a domain name", `externalName "a b"`},
		{"a backslash", external(`a\.b`), "is not a domain name", `externalName "a?.b"`},
		{"a line break", external("a\nb"), "is not a domain name", `externalName "a?b"`},
		{"no ASCII", external("bücher"), "is not a domain name", `externalName "b?cher"`},
		{"a label of 64 bytes", external(strings.Repeat("a", 64)), "is not 1 to 63 letters", `externalName "` + strings.Repeat("a", 37) + `..."`},
		{"a name of 254 bytes", external(strings.Repeat("a.", 127)[:253] + "a"), "has 254 bytes; a domain name has at most 253", "externalName of 254 bytes"},
		{"a dotted Service name", named("default", "a.b"), `the Service name "a.b" is not a DNS label`, ""},
		{"a namespace with an underscore", named("a_b", "db"), `namespace "a_b" is not a DNS label`, ""},
		{"a hyphen at the end", named("default", "db-"), `the Service name "db-" is not a DNS label`, ""},
		{"a port number beyond 65535", port, "port number 70000 is not in 1 to 65535", "port number 70000"},
		{"a port number of 0", portOf(corev1.ServicePort{Name: "sql"}), "port number 0 is not in 1 to 65535", "port number 0"},
		{"a port name that is no label", portOf(corev1.ServicePort{Name: "_sql", Port: 1}), `port name "_sql" is not a DNS label`, `port name "_sql"`},
		{"two ports of one name", portOf(corev1.ServicePort{Name: "sql", Port: 1}, corev1.ServicePort{Name: "SQL", Protocol: "UDP", Port: 2}), `two ports have the name "sql"`, "two ports sql"},
		{"a label with an escaped byte", named("default", "a\\000b"), `the Service name "a\\000b" is not a DNS label`, ""},
		{"a name of a megabyte is not repeated whole", named("default", strings.Repeat("a", 1<<20)), `aaaa" is not a DNS label`, ""},
		{"an external name of a megabyte", external(strings.Repeat("a.", 1<<19)), "has 1048575 bytes; a domain name has at most 253", "externalName of 1048575 bytes"},
		{"annotations that no API server stores", annotated, "the annotations have 262145 bytes; they may have at most 262144", "annotations of 262145 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := NewService(c.obj)
			if err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 500 {
				t.Errorf("got the error %.1000v, want %q", err, c.want)
			}
			var want *Service
			if c.short != "" {
				want = &Service{ServiceKey: ServiceKey{Namespace: "default", Name: "db"}, Refused: c.short}
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %#v, want %#v", got, want)
			}
		})
	}
}

func ptr[T any](v T) *T { return &v }

func sliceObject(family discoveryv1.AddressType, endpoints ...discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       "default",
			Name:            "db-x7k2p",
			ResourceVersion: "42",
			Labels:          map[string]string{discoveryv1.LabelServiceName: "db"},
		},
		AddressType: family,
		Endpoints:   endpoints,
	}
}

func TestNewSliceResolvesWhatIsUnset(t *testing.T) {
	for _, c := range []struct {
		name       string
		conditions discoveryv1.EndpointConditions
		want       Conditions
	}{
		{"nothing set: ready and serving", discoveryv1.EndpointConditions{}, Ready | Serving},
		{"only ready, as the mirroring controller has it", discoveryv1.EndpointConditions{Ready: ptr(true)}, Ready | Serving},
		{"only not ready: not serving either", discoveryv1.EndpointConditions{Ready: ptr(false)}, 0},
		{
			"terminating while it serves",
			discoveryv1.EndpointConditions{Ready: ptr(false), Serving: ptr(true), Terminating: ptr(true)},
			Serving | Terminating,
		},
		{"ready and not serving", discoveryv1.EndpointConditions{Ready: ptr(true), Serving: ptr(false)}, Ready},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := NewSlice(sliceObject("IPv4", discoveryv1.Endpoint{Addresses: []string{"10.0.0.1"}, Conditions: c.conditions}))
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Endpoints[0].Conditions; got != c.want {
				t.Errorf("got %03b, want %03b", got, c.want)
			}
		})
	}
}

func TestNewSliceKeepsWhatIsServed(t *testing.T) {
	obj := sliceObject("IPv4",
		discoveryv1.Endpoint{
			Addresses: []string{"10.0.0.1", "10.0.0.2"},
			Hostname:  ptr("DB-0"),
			TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: "db-0", UID: "00112233-4455-6677-8899-aabbccddeeff"},
		},
		discoveryv1.Endpoint{
			Addresses: []string{"10.0.0.3"},
			TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: "a.dotted.name", UID: "odd"},
		})
	obj.Ports = []discoveryv1.EndpointPort{
		{Name: ptr("SQL"), Port: ptr(int32(5432)), Protocol: ptr(corev1.ProtocolTCP)},
		{Port: ptr(int32(80))},
		{Name: ptr("all")},
	}
	obj.Annotations = map[string]string{corev1.EndpointsLastChangeTriggerTime: "2026-01-02T03:04:05Z"}
	before := obj.DeepCopy()

	got, err := NewSlice(obj)
	if err != nil {
		t.Fatal(err)
	}
	uuid := PodID{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}
	odd := got.Endpoints[2].ID
	want := &Slice{
		SliceKey:  SliceKey{Namespace: "default", Name: "db-x7k2p"},
		Service:   "db",
		Version:   42,
		Ports:     []Port{{Name: "sql", Number: 5432}, {Number: 80}},
		Triggered: MomentOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)),
		Endpoints: []Endpoint{
			{Address: netip.MustParseAddr("10.0.0.1"), Hostname: "db-0", Pod: "db-0", ID: uuid, Conditions: Ready | Serving},
			{Address: netip.MustParseAddr("10.0.0.2"), Hostname: "db-0", Pod: "db-0", ID: uuid, Conditions: Ready | Serving},
			{Address: netip.MustParseAddr("10.0.0.3"), ID: odd, Conditions: Ready | Serving},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if odd == (PodID{}) || odd == uuid {
		t.Errorf("a UID that is no UUID has the identity %x", odd)
	}
	if !reflect.DeepEqual(obj, before) {
		t.Error("the object was changed")
	}
}

func TestEndpointsWithoutPodAreToldApartByAddressAndHostname(t *testing.T) {
	id := func(addr, hostname string) PodID {
		s, err := NewSlice(sliceObject("IPv4", discoveryv1.Endpoint{Addresses: []string{addr}, Hostname: &hostname}))
		if err != nil {
			t.Fatal(err)
		}
		return s.Endpoints[0].ID
	}
	one, again := id("10.0.0.1", "a"), id("10.0.0.1", "a")
	if one != again {
		t.Error("the same endpoint has two identities")
	}
	if one == id("10.0.0.1", "b") || one == id("10.0.0.2", "a") {
		t.Error("two endpoints have one identity")
	}
}

// API servers before 1.36 let these through, and kube-proxy reads them so.
func TestAddressesInOddFormsAreReadAsTheClusterDoes(t *testing.T) {
	s, err := NewSlice(sliceObject("IPv4", discoveryv1.Endpoint{Addresses: []string{"10.000.000.012", "::ffff:10.0.0.2"}}))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"10.0.0.12", "10.0.0.2"} {
		if got := s.Endpoints[i].Address; got != netip.MustParseAddr(want) {
			t.Errorf("the address is %s, want %s", got, want)
		}
	}
}

func TestNewSliceRefusesWhatCannotBeServed(t *testing.T) {
	one := func(addr string) discoveryv1.Endpoint { return discoveryv1.Endpoint{Addresses: []string{addr}} }
	noService := sliceObject("IPv4")
	noService.Labels = nil
	badService := sliceObject("IPv4")
	badService.Labels = map[string]string{discoveryv1.LabelServiceName: "a.b"}
	badPort := sliceObject("IPv4")
	badPort.Ports = []discoveryv1.EndpointPort{{Name: ptr("a_b"), Port: ptr(int32(1))}}
	badProtocol := sliceObject("IPv4")
	badProtocol.Ports = []discoveryv1.EndpointPort{{Name: ptr("a"), Port: ptr(int32(1)), Protocol: ptr(corev1.Protocol("QUIC"))}}
	longName := sliceObject("IPv4")
	longName.Name = strings.Repeat("a", 254)
	noNumber := sliceObject("IPv4")
	noNumber.Ports = []discoveryv1.EndpointPort{{Name: ptr("a"), Port: ptr(int32(-1))}}
	hostname := func(text string) *discoveryv1.EndpointSlice {
		return sliceObject("IPv4", discoveryv1.Endpoint{Hostname: &text, Addresses: []string{"10.0.0.1"}})
	}
	for _, c := range []struct {
		name string
		obj  *discoveryv1.EndpointSlice
		want string
		// short is empty where the slice belongs to no Service.
		short string
	}{
		{"a name of 254 bytes", longName, "metadata.name has 254 bytes; a name has at most 253", ""},
		{"a port number below 0", noNumber, "port number -1 is not in 1 to 65535", "port number -1"},
		{"a hostname of 64 bytes", hostname(strings.Repeat("h", 64)), "is not a DNS label", `hostname "` + strings.Repeat("h", 37) + `..."`},
		{"a hostname of a megabyte is not repeated whole", hostname(strings.Repeat("h", 1<<20)), "is not a DNS label", `hostname "` + strings.Repeat("h", 37) + `..."`},
		{"a hostname that is no ASCII", hostname("bücher"), `hostname "bücher" is not a DNS label`, `hostname "b?cher"`},
		{"a hostname with a line break", hostname("a\nb"), `hostname "a\nb" is not a DNS label`, `hostname "a?b"`},
		{"an address of a megabyte", sliceObject("IPv4", one(strings.Repeat("1", 1<<20))), "is not an address", `address "` + strings.Repeat("1", 37) + `..."`},
		{"no address type", sliceObject(""), `address type "" is not IPv4 or IPv6`, "no address type"},
		{"an address type of a megabyte", sliceObject(discoveryv1.AddressType(strings.Repeat("T", 1<<20))), "is not IPv4 or IPv6", "type " + strings.Repeat("T", 92) + "..."},
		{"no Service", noService, "the label kubernetes.io/service-name is missing", ""},
		{"a Service whose name is no label", badService, `the Service name "a.b" is not a DNS label`, ""},
		{"FQDN", sliceObject("FQDN", one("example.org")), `address type "FQDN" is not IPv4 or IPv6`, "type FQDN"},
		{"no address", sliceObject("IPv4", one("10.0.0.1"), one("example.org")), `endpoint 1: "example.org" is not an address of the slice's address type`, `address "example.org"`},
		{"the other family", sliceObject("IPv4", one("fd00::1")), `"fd00::1" is not an address of the slice's address type`, `address "fd00::1"`},
		{"an IPv4 address in disguise", sliceObject("IPv6", one("::ffff:10.0.0.1")), "is not an address of the slice's address type", `address "::ffff:10.0.0.1"`},
		{"a zone", sliceObject("IPv6", one("fe80::1%eth0")), "is not an address of the slice's address type", `address "fe80::1%eth0"`},
		{"a hostname that is no label", sliceObject("IPv4", discoveryv1.Endpoint{Hostname: ptr("a.b")}), `hostname "a.b" is not a DNS label`, `hostname "a.b"`},
		{"a port name that is no label", badPort, `port name "a_b" is not a DNS label`, `port name "a_b"`},
		{"an unknown protocol", badProtocol, `port protocol "QUIC" is not TCP, UDP or SCTP`, `port protocol "QUIC"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.obj.Annotations = map[string]string{corev1.EndpointsLastChangeTriggerTime: "2026-01-02T03:04:05Z"}
			got, err := NewSlice(c.obj)
			if err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 500 {
				t.Errorf("got the error %.1000v, want %q", err, c.want)
			}
			var want *Slice
			if c.short != "" {
				want = &Slice{SliceKey: SliceKey{Namespace: "default", Name: "db-x7k2p"}, Service: "db", Refused: c.short, Version: 42}
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %#v, want %#v", got, want)
			}
		})
	}
}
