// Package life has what happens to systems: the lives that test/systems takes them through.
// It knows none of them. It needs a node.
//
// Start with Script and Stage, in life_linux.go; scripts_linux.go has the lives, and tally_linux.go counts what
// was seen meanwhile.
package life
