package health

import "github.com/k8s-endpoints/k8s_endpoints/plugin/model"

// Published tells whether an endpoint in these conditions has records.
func Published(c model.Conditions) bool { return c.Has(model.Ready) }
