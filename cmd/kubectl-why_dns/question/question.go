// Package question reads what people ask about: names as they type them, and times.
//
// Read question.go first, then times.go.
package question

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Question is what somebody asks about: a Service, or something below it, or an address.
type Question struct {
	// Typed is the name as it was typed.
	Typed string
	// Zone is that of the cluster, in lower case, without a final dot.
	Zone string
	// Namespace and Service are set unless Address is.
	Namespace, Service string
	// Endpoint is the label of one endpoint, or empty.
	Endpoint string
	// Port and Protocol are labels without their underscores, or empty.
	Port, Protocol string
	// Address is what a reverse name is asked for.
	Address netip.Addr
	// At is the time that is asked about; From and To are both set where it is a window.
	At, From, To time.Time
	// Outside is true where the name is in no zone of the cluster.
	Outside bool
}

// maxName is the length of the longest name, with its final dot (RFC 1035, section 2.3.4).
const maxName = 254

// Parse returns the readings of a name, the likeliest first: "a.b" is an endpoint of a Service in the namespace, or a
// Service in another one. The zone has no final dot.
func Parse(typed, namespace, zone string) ([]Question, error) {
	base := Question{Typed: typed, Zone: strings.TrimSuffix(strings.ToLower(zone), "."), Namespace: namespace}
	if address, err := netip.ParseAddr(typed); err == nil && address.Zone() == "" {
		base.Address = address.Unmap()
		return []Question{base}, nil
	}
	lower := strings.ToLower(typed)
	if err := check(lower); err != nil {
		return nil, fmt.Errorf("%+q is no name: %w", typed[:min(len(typed), maxName)], err)
	}
	below, full := strings.CutSuffix(strings.TrimSuffix(lower, "."), ".svc."+base.Zone)
	if !full {
		below, full = strings.CutSuffix(below, ".svc")
	}
	labels := strings.Split(below, ".")
	switch {
	case full:
		return base.fitting(base.readings(labels, true))
	case strings.HasSuffix(lower, "."):
		return base.fitting(nil)
	}
	return base.fitting(append(base.readings(labels, false), base.readings(labels, true)...))
}

// fitting returns those of the readings that are names. Where there is none, the name is nobody's in the cluster.
func (q Question) fitting(all []Question) ([]Question, error) {
	found := len(all) > 0
	all = slices.DeleteFunc(all, func(one Question) bool {
		_, ok := dns.IsDomainName(one.Name())
		return !ok
	})
	switch {
	case len(all) > 0:
		return all, nil
	case found:
		return nil, fmt.Errorf("%q is too long for a name of the cluster", q.Typed)
	}
	q.Outside = true
	return []Question{q}, nil
}

// check refuses what no name of the cluster can be, such as control characters.
func check(lower string) error {
	if len(lower) > maxName || lower == "" {
		return fmt.Errorf("it has %d bytes, and may have 1 to %d", len(lower), maxName)
	}
	for _, r := range lower {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.' {
			return fmt.Errorf("the character %+q stands in none", r)
		}
	}
	if _, ok := dns.IsDomainName(lower); !ok {
		return errors.New("a label has 1 to 63 bytes")
	}
	return nil
}

// readings takes labels apart, the last of which is the namespace where it is given.
func (q Question) readings(labels []string, withNamespace bool) []Question {
	if withNamespace {
		if len(labels) < 2 {
			return nil
		}
		q.Namespace, labels = labels[len(labels)-1], labels[:len(labels)-1]
	}
	q.Service, labels = labels[len(labels)-1], labels[:len(labels)-1]
	switch {
	case strings.HasPrefix(q.Service, "_") || strings.HasPrefix(q.Namespace, "_"):
		return nil
	case len(labels) == 0:
	case len(labels) == 1 && !strings.HasPrefix(labels[0], "_"):
		q.Endpoint = labels[0]
	case len(labels) == 2 && isUnderscored(labels[0]) && isUnderscored(labels[1]):
		q.Port, q.Protocol = labels[0][1:], labels[1][1:]
	default:
		return nil
	}
	return []Question{q}
}

// isUnderscored reports whether a label is one of a port or a protocol.
func isUnderscored(label string) bool { return len(label) > 1 && label[0] == '_' }

// Key is the Service as people write it, namespace first.
func (q *Question) Key() string { return q.Namespace + "/" + q.Service }

// Subject is what is asked about, in short.
func (q *Question) Subject() string {
	switch {
	case q.Address.IsValid():
		return q.Address.String()
	case q.Endpoint != "":
		return q.Endpoint
	case q.Port != "":
		return "_" + q.Port + "._" + q.Protocol + "." + q.Service
	}
	return q.Service
}

// ServiceName is the full name of the Service, without a final dot.
func (q *Question) ServiceName() string { return q.Service + "." + q.Namespace + ".svc." + q.Zone }

// Name is the full name that is asked for in DNS, with its final dot.
func (q *Question) Name() string {
	switch {
	case q.Address.IsValid():
		reverse, _ := dns.ReverseAddr(q.Address.String())
		return reverse
	case q.Outside:
		return dns.Fqdn(strings.ToLower(q.Typed))
	case q.Endpoint != "":
		return q.Endpoint + "." + q.ServiceName() + "."
	case q.Port != "":
		return "_" + q.Port + "._" + q.Protocol + "." + q.ServiceName() + "."
	}
	return q.ServiceName() + "."
}

// Types are the types of records that are asked for.
func (q *Question) Types() []uint16 {
	switch {
	case q.Address.IsValid():
		return []uint16{dns.TypePTR}
	case q.Port != "":
		return []uint16{dns.TypeSRV}
	}
	return []uint16{dns.TypeA, dns.TypeAAAA}
}

// IsPast reports whether it is asked how it was.
func (q *Question) IsPast() bool { return !q.At.IsZero() || !q.From.IsZero() }
