//go:build checks_loopback

package check

// loopbackIsDialled is true in builds for tests only, whose servers are on this host.
const loopbackIsDialled = true
