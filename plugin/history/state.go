// Package history is a flight recorder: what each Service was, decision by decision, in a
// number of bytes that is given. It knows neither DNS nor a clock.
//
// What is kept is how to get from the state after a decision to the one before. The state of
// now is the keyframe, so that the oldest can go without making the rest unreadable: who
// leaves is written with name and address, and who arrives is not.
//
// Reading order: state.go has what is recorded, and time.go when. entry.go writes one
// decision, which differ.go finds, and reads it again. arena.go has the pages, and
// recorder.go which Service has which of them, and who pays when there is none left.
// file.go writes all of it to a file, and load.go goes on with one.
// walk.go goes back from entry to entry, and story.go answers questions by it.
package history

import (
	"net/netip"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

// A State is how a Service stands. It is immutable, and nil is a Service that is not served.
type State struct {
	// Roster is who is in the Service, never nil.
	Roster *roster.Roster
	// Marks has a health.Mark for each endpoint, in the order of the Roster.
	Marks string
	// Until is when damping ends, of those that are damped, as far as that is known.
	Until map[roster.At]time.Time
	// Rules say whom the name of the Service has, by family, and of one that has nobody
	// whether it exists.
	Rules [roster.Families]health.Rule
	// About is what is said of the Service as a whole, in up to MaxAbout bytes.
	About string
}

// Bounds of texts, in bytes. The rest is left out.
const (
	// MaxAbout is of State.About.
	MaxAbout = 1 << 10
	// MaxEvent is of the text of an Event.
	MaxEvent = 200
)

// Cause is why a state was left.
type Cause uint8

// The causes of decisions, in the order in which they count where there are several.
const (
	// ByTime is that nothing came: damping, or fail open, ended or began by itself.
	ByTime Cause = iota
	// ByNode is that Nodes changed, or where clients are.
	ByNode
	// ByCheck is that checks of endpoints found something else.
	ByCheck
	// BySlice is an EndpointSlice.
	BySlice
	// ByNamespace is that the namespace is served, or is not any more.
	ByNamespace
	// ByService is the Service itself, its annotations included.
	ByService
	// ByFirstList is what the first list has that a state before it had not.
	ByFirstList
	// ByRestart is what differs from the process before.
	ByRestart
	// ByCorefile is what differs since a reload.
	ByCorefile
	causes
)

// String returns the cause as it stands in JSON.
func (c Cause) String() string {
	return [...]string{"time", "node", "check", "slice", "namespace", "service", "first list", "restart", "corefile"}[c]
}

// Kind is what happened to this server, or to what it reads.
type Kind uint8

// The kinds of events.
const (
	// Started is that the process did, with nothing from before.
	Started Kind = iota
	// Restored is that it goes on with what a snapshot has.
	Restored
	// Lost is that the API server does not answer, and Back that it does again.
	Lost
	Back
	// Silent is that a stream was opened anew because nothing came.
	Silent
	// Listed is that a stream was listed anew.
	Listed
	// Reloaded is that the Corefile was.
	Reloaded
	// ClockSet is that somebody set the clock.
	ClockSet
	// Dropped is that a Service changed by more than there is room for.
	Dropped
	kinds
)

// String returns the kind as it stands in JSON.
func (k Kind) String() string {
	return [...]string{"started", "restored", "lost", "back", "silent", "listed", "reloaded", "clock", "dropped"}[k]
}

// An Endpoint is one address of a Service, and what records call it.
type Endpoint struct {
	// Name is empty where it has no other name than its address.
	Name string
	// Pod is empty where nobody knows it, or it is the name.
	Pod     string
	Address netip.Addr
}

func familyOf(addr netip.Addr) int {
	if addr.Is4() {
		return roster.IPv4
	}
	return roster.IPv6
}
