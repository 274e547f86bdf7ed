// Package plan says what `make systems` does in which order, and how long that takes by what
// came of it before. It needs no node.
//
// Start with Rounds, in rounds_linux.go; times_linux.go works out how long they take.
package plan
