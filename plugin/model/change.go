package model

import "fmt"

// Kind is the kind of an object that a Change is of. The zero value is none.
type Kind uint8

// The kinds of objects that a source reports.
const (
	KindService Kind = iota + 1
	KindSlice
	KindNamespace
	// KindNode is only reported where somebody wants it, and is in no snapshot.
	KindNode
	// kindEnd is one more than the last kind.
	kindEnd
)

// Kinds returns all kinds, so that a test can hold a switch to be complete.
func Kinds() []Kind {
	var all []Kind
	for k := KindService; k < kindEnd; k++ {
		all = append(all, k)
	}
	return all
}

// String returns the kind as the Kubernetes API spells it.
func (k Kind) String() string {
	switch k {
	case KindService:
		return "Service"
	case KindSlice:
		return "EndpointSlice"
	case KindNamespace:
		return "Namespace"
	case KindNode:
		return "Node"
	}
	return fmt.Sprintf("unknown kind %d", uint8(k))
}

// Change is the new state of one object, or its removal. Make one with
// ServiceChange, SliceChange, NamespaceChange or NodeChange: they set the field that
// belongs to the kind, and no other.
type Change struct {
	Kind      Kind
	Service   *Service
	Slice     *Slice
	Namespace string
	Node      *Node
	// Removed is true where the object is gone. Then only what names it counts: the
	// key of a Service, the key and the Service of a Slice, and the name of a Node.
	Removed bool
}

// ServiceChange returns the change to the state s of a Service.
func ServiceChange(s *Service) Change { return Change{Kind: KindService, Service: s} }

// SliceChange returns the change to the state s of a Slice.
func SliceChange(s *Slice) Change { return Change{Kind: KindSlice, Slice: s} }

// NamespaceChange returns the change after which a Namespace is there.
func NamespaceChange(name string) Change { return Change{Kind: KindNamespace, Namespace: name} }

// NodeChange returns the change to the state n of a Node.
func NodeChange(n *Node) Change { return Change{Kind: KindNode, Node: n} }

// Removal returns the change after which the object of c is gone.
func (c Change) Removal() Change {
	c.Removed = true
	return c
}

// String names the object of c by its kind and key, for the log and errors.
func (c Change) String() string {
	switch c.Kind {
	case KindService:
		return "the Service " + c.Service.String()
	case KindSlice:
		return "the EndpointSlice " + c.Slice.String()
	case KindNamespace:
		return "the Namespace " + c.Namespace
	case KindNode:
		return "the Node " + c.Node.Name.Value()
	}
	return "an object of " + c.Kind.String()
}
