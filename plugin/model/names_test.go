package model

import (
	"reflect"
	"strings"
	"testing"

	discoveryv1 "k8s.io/api/discovery/v1"
)

// namesObject is a slice of the address type FQDN.
func namesObject(names ...string) *discoveryv1.EndpointSlice {
	obj := sliceObject(discoveryv1.AddressTypeFQDN)
	obj.Ports = []discoveryv1.EndpointPort{{Name: new("cql"), Port: new(int32(9042))}}
	for _, name := range names {
		obj.Endpoints = append(obj.Endpoints, discoveryv1.Endpoint{Addresses: []string{name}})
	}
	return obj
}

func TestNamesOfASliceAreReadWhereTheyAreWanted(t *testing.T) {
	obj := namesObject("Seed.example.org", "b.example.org.")
	obj.Endpoints[1].Conditions.Ready = new(false)
	s, err := NewSlice(obj)
	if err == nil || s.Refused != "type FQDN" || s.Names != nil || s.Ports != nil {
		t.Errorf("nobody wants names: got %+v and the error %v", s, err)
	}
	err = s.ReadNames(obj, err)
	want := []NamedEndpoint{{"seed.example.org.", Ready | Serving}, {"b.example.org.", 0}}
	if err != nil || s.Refused != "" || !reflect.DeepEqual(s.Named(), want) || len(s.Ports) != 1 || len(s.Endpoints) != 0 {
		t.Errorf("got %+v and the error %v", s, err)
	}
}

func TestWhatIsNoNameLeavesTheSliceOut(t *testing.T) {
	many := namesObject(strings.Split(strings.Repeat("a.example ", MaxNames+1)[:10*(MaxNames+1)-1], " ")...)
	badPort := namesObject("a.example")
	badPort.Ports[0].Port = new(int32(0))
	for want, obj := range map[string]*discoveryv1.EndpointSlice{
		`name "10.0.0.1"`: namesObject("a.example", "10.0.0.1"), `name "a..b"`: namesObject("a..b"), "more than 100 names": many, "port number 0": badPort,
	} {
		s, err := NewSlice(obj)
		if err = s.ReadNames(obj, err); err == nil || s.Refused != want || s.Names != nil || s.Ports != nil {
			t.Errorf("got %+v and the error %v, want %s", s, err, want)
		}
	}
	obj := sliceObject(discoveryv1.AddressType("IPv5"))
	s, refused := NewSlice(obj)
	if err := s.ReadNames(obj, refused); err != refused || s.Refused != "type IPv5" {
		t.Errorf("of another type: got %+v and the error %v", s, err)
	}
}
