package model

import (
	"fmt"
	"strings"

	discoveryv1 "k8s.io/api/discovery/v1"
)

// MaxNames bounds the names of one slice: each is looked up, and an API server lets a slice
// have 1,000 endpoints.
const MaxNames = 100

// ReadNames takes the endpoints of a slice of the address type FQDN over, which NewSlice
// refuses: only who looks names up needs them. The slice was made of that object, and nobody
// else has it yet. An error says what an API server would have refused, or what is too much;
// of a slice of another type it is the one that NewSlice gave.
func (s *Slice) ReadNames(obj *discoveryv1.EndpointSlice, refused error) error {
	if obj.AddressType != discoveryv1.AddressTypeFQDN {
		return refused
	}
	s.Refused = ""
	err := s.readNames(obj)
	if err != nil {
		s.Ports, s.Names, s.Refused = nil, nil, Refusal(err)
		return err
	}
	s.Triggered = triggered(obj.Annotations)
	return nil
}

func (s *Slice) readNames(obj *discoveryv1.EndpointSlice) (err error) {
	if s.Ports, err = slicePorts(obj.Ports); err != nil {
		return err
	}
	var all []NamedEndpoint
	for i := range obj.Endpoints {
		from := &obj.Endpoints[i]
		for _, text := range from.Addresses {
			name, addr, err := ParseTarget(text)
			if err != nil || addr.IsValid() {
				return fmt.Errorf("endpoint %d: %w", i, Refuse("name "+quoted(text), "%.80q is not a domain name", text))
			}
			// The text is a part of the message that it came in.
			named := NamedEndpoint{intern(strings.Clone(name)), conditions(&from.Conditions)}
			if len(all) == MaxNames {
				return Refuse(fmt.Sprintf("more than %d names", MaxNames), "it has more than %d names, each of which would have to be looked up", MaxNames)
			}
			all = append(all, named)
		}
	}
	if len(all) > 0 {
		s.Names = &Names{all}
	}
	return nil
}
