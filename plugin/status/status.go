// Package status serves the status page: what is served, why, since when, and what was there
// before, to people and to programs. It knows HTTP and the three forms of a page, and gets
// what they say from Pages. It asks nobody, and changes nothing.
//
// Reading order: status.go has what a page needs to know. server.go listens, gate.go lets in
// who may, and route.go finds the page, in the form of form.go. text.go and html.go write
// people what the types of v1 have; layout.go has what the two share, strip.go draws the
// last hour, and asset.go has what pages load.
package status

import (
	"time"

	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"
)

// Bounds of a page.
const (
	// RowsPerPage is how many Services, or endpoints, a page has, and LinesPerPage how many
	// lines of a history.
	RowsPerPage  = 200
	LinesPerPage = 500
	// MaxTrouble is how many Services in trouble the overview has, and MaxChanged how many
	// changes.
	MaxTrouble = 50
	MaxChanged = 10
	// Window is how much of the past a page shows, unless it is asked for another time.
	Window = time.Hour
	// MaxWindow is the most of the past that can be asked for.
	MaxWindow = 24 * time.Hour
)

// Pages has what pages say. Its methods may be called from any goroutine, and take what is in
// memory: they wait for nobody.
type Pages interface {
	// Overview is what there is to say of all.
	Overview(now time.Time) *v1.Overview
	// Services are those that a query wants.
	Services(q *ServicesQuery) *v1.ServiceList
	// Service is one Service, nil where none of that name is known.
	Service(q *ServiceQuery) *v1.Service
	// History is what happened, nil where no such Service is known.
	History(q *HistoryQuery) *v1.History
}

// ServicesQuery is for a page of Services.
type ServicesQuery struct {
	Now time.Time
	// Text is to be found in the name of a Service, of its namespace or of an endpoint, or is
	// an address. State is the one that they have. Empty is any.
	Text, State string
	// Page counts from 0.
	Page int
}

// ServiceQuery is for one Service.
type ServiceQuery struct {
	Now             time.Time
	Namespace, Name string
	// Where is the stanza, as v1.Stanza has it. Empty is the first that has the Service.
	Where string
	// At is the time as of which it is shown, zero for now.
	At time.Time
	// From and To are the window of its history, at most MaxWindow.
	From, To time.Time
	// Page counts from 0.
	Page int
}

// HistoryQuery is for what happened to a Service, or, without one, to the server.
type HistoryQuery struct {
	Now                    time.Time
	Namespace, Name, Where string
	// Endpoint is a name, or an address; empty is all.
	Endpoint string
	From, To time.Time
	// Page counts from 0.
	Page int
}
