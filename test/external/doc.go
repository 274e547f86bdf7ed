// Package external runs the built CoreDNS against servers outside of a cluster, in a network
// of their own: what it finds of them, and whom it never asks. It needs root for that
// network.
package external
