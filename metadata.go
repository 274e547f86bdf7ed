package endpoints

import (
	"context"
	"strings"

	"github.com/coredns/coredns/plugin/metadata"
	"github.com/coredns/coredns/request"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
)

// Metadata implements metadata.Provider, with the labels of the kubernetes
// plugin.
func (h *handler) Metadata(ctx context.Context, state request.Request) context.Context {
	lower := strings.ToLower(state.QName())
	zone := h.zones.Match(lower)
	if zone == "" {
		return ctx
	}
	n := name.Parse(lower, zone)
	kind := ""
	if n.Kind >= name.Services && n.Kind <= name.Below {
		kind = "svc"
	}
	service, _, _ := strings.Cut(n.Key, ".")
	for label, value := range map[string]string{
		"service":   service,
		"namespace": n.Namespace,
		"endpoint":  n.Endpoint,
		"port-name": n.Port,
		"protocol":  n.Protocol,
		"kind":      kind,
	} {
		metadata.SetValueFunc(ctx, pluginName+"/"+label, func() string { return value })
	}
	if h.zonal {
		metadata.SetValueFunc(ctx, pluginName+"/zone", func() string { return n.Zone })
	}
	return ctx
}
