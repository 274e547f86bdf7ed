// Package pod runs a program as a Pod does: with an address, a name, mounts, processes and
// shared memory of its own, among Debian packages that are only unpacked. It needs root.
//
// Start with box.go, which says what a Pod is put into; network_linux.go makes its network,
// and process_linux.go its processes.
package pod
