package status

import (
	"bytes"
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"
)

// maxString is how many bytes a text has at most that somebody else wrote.
const maxString = 253

// shorten returns a text that somebody else wrote.
func shorten(text string) string {
	if len(text) <= maxString {
		return text
	}
	cut := maxString
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + " ..."
}

// Mark is what stands in front of a line, by its level.
func mark(level string) string {
	switch level {
	case v1.LevelError:
		return "✗"
	case v1.LevelWarning:
		return "!"
	case "":
		return "○"
	}
	return "✓"
}

// worst returns the level of the worst finding.
func worst(all []v1.Finding) string {
	level := v1.LevelOK
	for _, f := range all {
		switch {
		case f.Level == v1.LevelError:
			return f.Level
		case f.Level == v1.LevelWarning:
			level = f.Level
		}
	}
	return level
}

// about returns what a finding says, with the Services that it is about.
func about(f *v1.Finding) string {
	if len(f.Services) == 0 {
		return f.Text
	}
	return f.Text + ": " + strings.Join(f.Services, ", ")
}

// firstSentence cuts a text behind its first sentence, or where a colon ends that.
func firstSentence(text string) (first, rest string) {
	if at := strings.Index(text, ". "); at >= 0 {
		return text[:at+1], text[at+1:]
	}
	return text, ""
}

func clock(t time.Time) string { return t.UTC().Format(time.TimeOnly) }

// when writes a time of today as a time, and another one with its day.
func when(t v1.Time, now time.Time) string {
	switch {
	case t.IsZero():
		return ""
	case t.UTC().Format(time.DateOnly) == now.UTC().Format(time.DateOnly):
		return clock(t.Time)
	}
	return t.UTC().Format("2 Jan 15:04")
}

// exactly writes the time of a line of a history.
func exactly(t v1.Time, now time.Time) string {
	if t.UTC().Format(time.DateOnly) == now.UTC().Format(time.DateOnly) {
		return t.UTC().Format("15:04:05.000")
	}
	return t.UTC().Format("2 Jan 15:04:05")
}

// lasted writes for how long something is so.
func lasted(since v1.Time, now time.Time) string {
	if since.IsZero() {
		return ""
	}
	return span(max(now.Sub(since.Time), time.Second).Truncate(time.Second))
}

const day = 24 * time.Hour

// span writes a time, one of days in days and hours.
func span(d time.Duration) string {
	switch {
	case d >= 2*day:
		return fmt.Sprintf("%d d %d h", d/day, d%day/time.Hour)
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return why.Duration(d)
}

// tierNames are the tiers, the best first.
var tierNames = [...]string{"good", "damped", "draining", "sick", "starting", "dying"}

// counts returns how many endpoints are in each tier, in that order.
func counts(t *v1.Tiers) [len(tierNames)]int {
	return [...]int{t.Good, t.Damped, t.Draining, t.Sick, t.Starting, t.Dying}
}

// tally says how many endpoints are in which tiers.
func tally(t *v1.Tiers) string {
	var parts []string
	for i, n := range counts(t) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, tierNames[i]))
		}
	}
	return strings.Join(parts, ", ")
}

// carries says how many endpoints the name has, of how many.
func carries(s *v1.ServiceLine) string {
	if s.Type == external {
		return ""
	}
	return fmt.Sprintf("%d of %d", s.Carried, s.Endpoints)
}

// external is the type of a Service that leads elsewhere.
const external = "ExternalName"

// wrong says what is wrong with a Service of a list, with what a client is told.
func wrong(s *v1.ServiceLine) string {
	if s.Rcode == "" {
		return s.Text
	}
	return s.Text + " (" + s.Rcode + ")"
}

// kindOf says what kind of Service it is.
func kindOf(s *v1.Service) string {
	switch {
	case s.Type == external:
		return s.Type
	case s.Selector:
		return "headless, with selector"
	}
	return "headless, without selector"
}

// servedAs are the names of a Service.
func servedAs(s *v1.Service) (all []string) {
	for _, zone := range s.Stanza.Zones {
		if !isReverse(zone) {
			all = append(all, s.Name+"."+s.Namespace+".svc."+zone)
		}
	}
	return all
}

func isReverse(zone string) bool {
	return strings.HasSuffix(zone, "in-addr.arpa") || strings.HasSuffix(zone, "ip6.arpa")
}

// zonesOf are the zones of all stanzas, each once.
func zonesOf(all []v1.Stanza) (zones []string) {
	seen := make(map[string]bool)
	for _, s := range all {
		for _, zone := range s.Zones {
			if !seen[zone] {
				seen[zone] = true
				zones = append(zones, zone)
			}
		}
	}
	return zones
}

// resultOf says what a question gets.
func resultOf(n *v1.Name) string {
	switch {
	case n.Rcode != "NOERROR":
		return n.Rcode
	case n.Total == 0:
		return "NODATA"
	case n.Total == 1:
		return "1 record"
	case n.AtMost > 0 && n.AtMost < n.Total:
		return fmt.Sprintf("%d of %d, at random", n.AtMost, n.Total)
	}
	return fmt.Sprintf("%d records", n.Total)
}

// maxRecords is how many records of an answer are shown.
const maxRecords = 12

// recordsOf are those that are shown.
func recordsOf(n *v1.Name) string {
	between := " "
	if n.Type == "SRV" {
		between = " · "
	}
	shown := n.Records[:min(len(n.Records), maxRecords)]
	if n.Type == "SRV" {
		shown = withoutRepeats(shown)
	}
	text := strings.Join(shown, between)
	if more := n.Total - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	if n.Truncated {
		text += " (more than a client takes over UDP: an answer over TCP has all)"
	}
	return text
}

// withoutRepeats leaves out what SRV records begin with where it is as in the one before, and
// the name of the Service from their targets.
func withoutRepeats(records []string) (all []string) {
	before := ""
	for _, record := range records {
		at := strings.LastIndexByte(record, ' ')
		priority, target := record[:max(at, 0)], record[at+1:]
		target, _, _ = strings.Cut(target, ".")
		if priority == before {
			all = append(all, target)
		} else {
			all = append(all, priority+" "+target)
		}
		before = priority
	}
	return all
}

// short returns a name without that of the zone and namespace.
func short(n *v1.Name, s *v1.Service) string {
	for _, zone := range s.Stanza.Zones {
		if name, ok := strings.CutSuffix(n.Name, "."+s.Namespace+".svc."+zone+"."); ok {
			return name
		}
	}
	return n.Name
}

// place returns where in the Corefile something stands, without the folder.
func place(where string) string { return path.Base(where) }

// ruled are lines of the policy that have the same source, put together.
type ruled struct{ Options, Values, Who string }

// policyOf returns the policy for people: what somebody has said by itself, and the defaults
// together.
func policyOf(all []v1.PolicyLine) (lines []ruled) {
	var options, values []string
	for _, p := range all {
		switch {
		case p.From == "default":
			options, values = append(options, p.Option), append(values, p.Value)
		case p.Where != "":
			lines = append(lines, ruled{p.Option, p.Value, place(p.Where)})
		default:
			lines = append(lines, ruled{p.Option, p.Value, p.From})
		}
	}
	const each = 3
	for len(options) > 0 {
		n := min(each, len(options))
		lines = append(lines, ruled{strings.Join(options[:n], ", "), strings.Join(values[:n], ", "), "default"})
		options, values = options[n:], values[n:]
	}
	return lines
}

// mebibytes writes a number of bytes.
func mebibytes(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/(1<<20)), ".0") + " MiB"
}

// recorded says what histories hold.
func recorded(r *v1.Recorder, now time.Time) string {
	text := fmt.Sprintf("%s of %s", strings.TrimSuffix(mebibytes(r.Bytes), " MiB"), mebibytes(r.Most))
	if !r.Reaches.IsZero() {
		text += ", of every Service back to " + r.Reaches.UTC().Format("2006-01-02 15:04") + " or to its beginning"
	}
	return text
}

// plural writes how many there are of something.
func plural(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return thousands(n) + " " + of + "s"
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}

// clean replaces what a terminal, or the reader's eye, would take for something else: control
// characters, and those that turn the direction of writing.
func clean(text []byte) []byte {
	isBad := func(r rune) bool {
		switch {
		case r == '\n', r == ' ':
			return false
		case unicode.IsControl(r), r == 0x2028, r == 0x2029, r == 0x061c, r == 0x200e, r == 0x200f, 0x202a <= r && r <= 0x202e, 0x2066 <= r && r <= 0x2069:
			return true
		}
		return false
	}
	at := 0
	for ; at < len(text); at++ {
		if text[at] >= 0x80 || text[at] < ' ' && text[at] != '\n' {
			break
		}
	}
	if at == len(text) {
		return text
	}
	return bytes.Map(func(r rune) rune {
		if isBad(r) {
			return '?'
		}
		return r
	}, bytes.ToValidUTF8(text, []byte("?")))
}

// askFurther are the commands that tell more.
type command struct{ Line, Comment string }

func askFurther(s *v1.Service) (all []command) {
	if len(s.Endpoints) > 0 && !s.Endpoints[0].Published {
		all = append(all, command{fmt.Sprintf("kubectl why-dns %s.%s -n %s", s.Endpoints[0].Name, s.Name, s.Namespace), "also looks at the Pod: why is it not ready?"})
	} else {
		all = append(all, command{fmt.Sprintf("kubectl why-dns %s -n %s", s.Name, s.Namespace), "also looks at Pods"})
	}
	all = append(all, command{fmt.Sprintf("kubectl why-dns %s -n %s --at 10m", s.Name, s.Namespace), "what did it carry then?"})
	for _, name := range servedAs(s)[:min(1, len(servedAs(s)))] {
		all = append(all, command{"dig " + name, "the reason stands behind EDE"})
	}
	return append(all, command{"curl -s localhost:8053/services/" + url.PathEscape(s.Namespace) + "/" + url.PathEscape(s.Name), "this page as text"})
}

func sortedKeys(of map[string]int64) []string { return slices.Sorted(maps.Keys(of)) }
