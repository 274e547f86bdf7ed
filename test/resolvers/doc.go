// Package resolvers tests the built CoreDNS behind other people's programs, as
// Debian has them: resolvers that forward to it, to which a zone is delegated, or
// that have it as a stub zone, a cache on the node, and HAProxy, which goes by DNS
// to find its servers.
//
// All of them run in a network of their own that leads nowhere, and with folders
// of their own. That takes root. A test that was killed may leave a systemd-resolved
// behind: the kernel does not end a program with its parent where that has another user.
//
// Read main_linux_test.go first (how the tests get into that network), then
// resolver_linux_test.go (a resolver, and how it is started), debian_linux_test.go
// (those of Debian) and world_linux_test.go (what is served). The other files are
// a topic each.
package resolvers
