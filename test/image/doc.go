// Package image tests the container image: `make image` builds it with buildah,
// on an empty base, and CoreDNS answers from inside it. That takes root, since
// there is no container engine to ask.
//
// A test that was killed may leave a CoreDNS behind: the kernel does not end a
// program with its parent where the program has a capability, or another user.
//
// Read build_linux_test.go first (the image), then container_linux_test.go (a
// container without an engine); the other files are a topic each.
package image
