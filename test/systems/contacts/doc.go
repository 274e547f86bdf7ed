// Package contacts sees who opens a TCP connection to whom at the bridge of the Pods. It
// needs root.
package contacts
