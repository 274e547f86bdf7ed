package drivers

// All are the systems, in the order of docs/systems.md.
var All = []System{}
