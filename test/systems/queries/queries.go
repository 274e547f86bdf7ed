// Package queries reads what CoreDNS logs of queries, and counts them by their shape.
package queries

import (
	"bytes"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Format is that of the plugin log which Log reads.
const Format = `"query {remote} {type} {name} {rcode}"`

// A Query is one that was answered.
type Query struct {
	At         time.Time
	From       netip.Addr
	Type, Name string
	// Rcode is in words, as in NXDOMAIN. A name that is there without such a record is
	// NOERROR, too.
	Rcode string
}

// A Log has the queries of one CoreDNS, which writes to it. What else it writes is kept, too.
type Log struct {
	mu      sync.Mutex
	begun   []byte
	queries []Query
	other   []string
}

// Write takes some of the output of CoreDNS, in which lines may be cut. It never fails.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.begun = append(l.begun, b...)
	for {
		line, rest, whole := bytes.Cut(l.begun, []byte("\n"))
		if !whole {
			return len(b), nil
		}
		l.begun = rest
		if q, ok := parse(string(line)); ok {
			q.At = now
			l.queries = append(l.queries, q)
		} else {
			l.other = append(l.other, string(line))
		}
	}
}

// parse reads a line of Format, as in "[INFO] query 10.244.1.2 A db.default.svc. NOERROR".
func parse(line string) (Query, bool) {
	_, text, ok := strings.Cut(line, "[INFO] query ")
	words := strings.Fields(text)
	if !ok || len(words) != 4 {
		return Query{}, false
	}
	from, err := netip.ParseAddr(words[0])
	return Query{From: from, Type: words[1], Name: strings.ToLower(words[2]), Rcode: words[3]}, err == nil
}

// Since returns the queries from then on.
func (l *Log) Since(then time.Time) []Query {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []Query
	for _, each := range l.queries {
		if !each.At.Before(then) {
			found = append(found, each)
		}
	}
	return found
}

// Other returns the lines that are no queries.
func (l *Log) Other() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.other...)
}
