package question

import (
	"fmt"
	"time"
)

// maxBack is how far back people may ask, and maxWindow how long a window may be: the page has no more.
const (
	maxBack   = 31 * 24 * time.Hour
	maxWindow = 24 * time.Hour
)

// clocks are forms of a time of day.
var clocks = []string{"15:04", "15:04:05"}

// Time reads a time in the past, to the second, as pages are asked: as RFC 3339 has it, as a time of today, or else of yesterday, in the zone of now, or as how
// long ago it was.
func Time(text string, now time.Time) (time.Time, error) {
	at, err := read(text, now)
	switch {
	case err != nil:
		return time.Time{}, err
	case at.After(now):
		return time.Time{}, fmt.Errorf("%s is yet to come", text)
	case now.Sub(at) > maxBack:
		return time.Time{}, fmt.Errorf("%s is more than 31 days ago", text)
	}
	return at.UTC().Truncate(time.Second), nil
}

func read(text string, now time.Time) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	for _, form := range clocks {
		clock, err := time.Parse(form, text)
		if err != nil {
			continue
		}
		at := time.Date(now.Year(), now.Month(), now.Day(), clock.Hour(), clock.Minute(), clock.Second(), 0, now.Location())
		if at.After(now) {
			at = at.AddDate(0, 0, -1)
		}
		return at, nil
	}
	return time.Time{}, fmt.Errorf("%q is no time: give 14:03, 14:03:05, 10m (ago) or 2026-11-28T14:03:00Z", text)
}

// Window reads both ends of one.
func Window(from, to string, now time.Time) (a, b time.Time, err error) {
	if a, err = Time(from, now); err != nil {
		return a, b, err
	}
	b = now.UTC().Truncate(time.Second)
	if to != "" {
		if b, err = Time(to, now); err != nil {
			return a, b, err
		}
	}
	if !a.Before(b) {
		return a, b, fmt.Errorf("%s is not before %s", from, to)
	}
	if b.Sub(a) > maxWindow {
		return a, b, fmt.Errorf("from %s to %s is longer than 24 hours", from, to)
	}
	return a, b, nil
}
