// Package health is the policy: which endpoints of a Service are published. It
// is pure: it holds no state and looks at no clock.
package health

import "github.com/k8s-endpoints/k8s_endpoints/plugin/model"

// Published tells whether an endpoint in these conditions has records: in the
// Service name, under its own name and in reverse. That is what the Kubernetes
// DNS specification 1.1.0, section 2.4, asks for: the endpoints that are ready.
func Published(c model.Conditions) bool { return c.Has(model.Ready) }
