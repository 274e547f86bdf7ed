package place

// The texts of Extended DNS Errors, which the plugin adds to answers that have the
// endpoints of a place only.
const (
	textZone = "endpoints in zone %s, where the client is"
	textNode = "endpoints on the client's own node"
)
