// Package endpoints is a CoreDNS plugin that answers for the Kubernetes Services
// whose clients talk to endpoints directly: headless and ExternalName ones.
//
// To read it, begin with setup.go, which wires the parts. A question comes in at
// handler.go, becomes a query (query.go), and is answered (reply.go) from the record
// set that owns its name, from those that have an address (reverse.go), from what an
// ExternalName leads to (alias.go), or as a name server of the zone (zone.go). Where
// nobody in front wants to see a message, records are written as bytes (bytes.go).
// What is not ours passes on (passedon.go) to whoever stands beside (beside.go).
//
// Record sets stand in cache.go, with what is known of a namespace in namespaces.go.
// feed.go joins a cache to its source and to the snapshot on disk, also across reloads
// (progress.go, handover.go). Beside them stand ready.go, metadata.go and metrics.go.
//
// The packages under plugin are the parts: corefile reads what people say, source
// what the cluster says, in terms of model; name takes questions apart; roster has
// who is in a Service, health who is published, and records compiles Services and
// answers from them; wire writes such answers as bytes; index finds record sets;
// snapshot outlives the process, and reload counts who holds what.
package endpoints

import clog "github.com/coredns/coredns/plugin/pkg/log"

const pluginName = "k8s_endpoints"

var log = clog.NewWithPlugin(pluginName)
