// Package v1 has the types of the JSON that the status page gives to programs, in version
// k8s-endpoints.coredns.io/status/v1. docs/status.schema.json describes the same.
//
// Fields are only ever added: who reads them ignores what it does not know. What is absent is
// not known, or not so. Texts are for people, and may change.
//
// Reading order: header.go has what every reply begins with, overview.go and services.go the
// lists, service.go one Service, and history.go what happened.
package v1

import "time"

// APIVersion is the version of what this package describes.
const APIVersion = "k8s-endpoints.coredns.io/status/v1"

// The kinds of replies.
const (
	KindOverview    = "Overview"
	KindServiceList = "ServiceList"
	KindService     = "Service"
	KindHistory     = "History"
	KindError       = "Error"
)

// Time is written as RFC 3339 has it, in UTC, with milliseconds. The zero value is not known.
type Time struct{ time.Time }

// Layout is how a Time is written.
const Layout = "2006-01-02T15:04:05.000Z"

// At returns a time as replies have it.
func At(t time.Time) Time {
	if t.IsZero() {
		return Time{}
	}
	return Time{t.UTC()}
}

// MarshalText implements encoding.TextMarshaler.
func (t Time) MarshalText() ([]byte, error) { return t.UTC().AppendFormat(nil, Layout), nil }

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) {
	return t.UTC().AppendFormat(nil, `"`+Layout+`"`), nil
}

// Error is what a request gets that has no other reply.
type Error struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Now        Time   `json:"now"`
	// Code is the one of HTTP.
	Code    int    `json:"code"`
	Message string `json:"message"`
}
