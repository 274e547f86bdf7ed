// Package systems runs the software that lives on headless Services on this plugin: real
// programs in Pods of a real control plane, on a node made of namespaces, taken through cold
// starts, rolling restarts, addresses that are used again, and times without an API server.
// What must hold is what each system says of itself, never just an answer.
//
// The packages below, in the order in which to read them: drivers has the systems, life what
// happens to them, plan in which order and how often, results what came of it, and report the
// document that is made of that.
// node, kubelet and pod are the world they live in; contacts, queries and load see what they
// do there; apps are programs of our own, in a module of their own.
//
// One life of one system is `go test ./test/systems -run 'TestSystems/etcd/rolling'`, and
// `make systems` is all of them, beside the stock plugin, in rounds: with -whole, a life is
// 'TestSystems/ours/etcd/rolling'.
package systems
