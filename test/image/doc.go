// Package image tests the container image: `make image` builds it with buildah,
// on an empty base, and CoreDNS answers from inside it. That takes root, since
// there is no container engine to ask.
//
// The kernel forgets to end a program with a parent that was killed where that
// program has a capability or another user: after a test that was killed a CoreDNS
// may be left.
package image
