// Package image tests the container image: `make image` builds it with buildah,
// on an empty base, and CoreDNS answers from inside it. That takes root, since
// there is no container engine to ask.
package image
