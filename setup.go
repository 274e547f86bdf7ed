// Package endpoints is a CoreDNS plugin that answers for headless and
// ExternalName Services from EndpointSlices.
package endpoints
