// Package node makes of the namespaces that a test is in a node of a cluster: with a control
// plane, a kubelet, and one CoreDNS for each way to answer that is compared. Nothing can leave
// it.
//
// Start with node_linux.go; servers_linux.go has the CoreDNS, place_linux.go the namespaces in
// which systems live, sharing_linux.go how they share the times without an API server, and
// settle_linux.go when servers know again what is new after one.
package node
