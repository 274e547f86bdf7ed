// Command init is the first process of a Pod of test/systems: it makes the mounts, starts
// the program, hands it signals, and ends with its status.
package main
