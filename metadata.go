package endpoints

import (
	"context"
	"strings"

	"github.com/coredns/coredns/plugin/metadata"
	"github.com/coredns/coredns/request"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/place"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
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
	h.placeMetadata(ctx, state)
	return ctx
}

// placeMetadata says where the client is, to who asks for it.
func (h *handler) placeMetadata(ctx context.Context, state request.Request) {
	clients := h.clients.Load()
	if clients == nil {
		return
	}
	metadata.SetValueFunc(ctx, pluginName+"/client-zone", func() string {
		if found := whoAsks(clients, state); found != nil && found.Zone != (model.Place{}) {
			return found.Zone.Value()
		}
		return ""
	})
	metadata.SetValueFunc(ctx, pluginName+"/client-node", func() string {
		if found := whoAsks(clients, state); found != nil && found.Node != (model.Place{}) {
			return found.Node.Value()
		}
		return ""
	})
}

// whoAsks returns where the client is, or the one for whom a resolver asks that is believed.
func whoAsks(clients *place.Table, state request.Request) *place.Client {
	q := query{clients: clients, w: state.W, r: state.Req}
	if q.readSubnet() != nil {
		return nil
	}
	var c records.Client
	return q.find(&c)
}
