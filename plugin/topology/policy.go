// Package topology is the rule by which a client gets the endpoints of its own zone or
// node only, in place of all. It is kube-proxy's, over the hints that kube-proxy goes
// by, with what DNS needs besides. It knows neither DNS nor where a client is.
//
// Reading order: policy.go has what the Corefile and annotations say, groups.go the
// groups of a Service, near.go which of them a client gets, decide.go makes the groups.
package topology

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Mode says what is done about topology.
type Mode uint8

const (
	// Off does not look.
	Off Mode = iota
	// Observe counts what On would do.
	Observe
	// On narrows answers.
	On
	// Modes is how many there are.
	Modes = int(On) + 1
)

var modes = []string{"off", "observe", "on"}

// String returns the mode as it stands in the Corefile.
func (m Mode) String() string { return modes[m] }

// Level says by what the endpoints of a Service are grouped.
type Level uint8

const (
	// ByWish is what the Service says itself, by trafficDistribution or by hints.
	ByWish Level = iota
	// ByZone is the zone that each endpoint is in, ByNode also its node.
	ByZone
	ByNode
)

var levels = []string{"", "zone", "node"}

// Policy says when a Service narrows. The zero value is off.
type Policy struct {
	Mode  Mode
	Level Level
	// A group must have at least Count good endpoints, and those at least Percent of a
	// hundred of all in its place that are good, damped or sick.
	Count, Percent int
	// Overload bounds how much more than the mean the endpoints of a zone may get, in
	// percent: only a share of the answers is narrowed then. 0 is no bound.
	Overload int
	// Own is true where the Service says so itself, and Peers where its own endpoints are
	// clients like any others.
	Own, Peers bool
}

// The defaults of what a group must have, and what can be asked for at most.
const (
	defaultCount   = 1
	defaultPercent = 50
	maxCount       = 65535
	maxPercent     = 100
	maxOverload    = 1000
)

// Parse reads what the Corefile says: off, observe or on, then what a group must have, as
// COUNT and PERCENT%, and then overload PERCENT%.
func Parse(args []string) (Policy, error) {
	p := Policy{Count: defaultCount, Percent: defaultPercent}
	if len(args) == 0 {
		return Policy{}, errors.New("want off, observe or on")
	}
	mode := slices.Index(modes, args[0])
	if mode < 0 {
		return Policy{}, fmt.Errorf("want off, observe or on, not %q", args[0])
	}
	p.Mode = Mode(mode)
	words, err := p.overload(args[1:])
	if err != nil {
		return Policy{}, err
	}
	rest, err := p.bounds(words)
	switch {
	case err != nil:
		return Policy{}, err
	case len(rest) > 0:
		return Policy{}, fmt.Errorf("want COUNT or PERCENT%%, not %q", rest[0])
	case p.Mode == Off && len(args) > 1:
		return Policy{}, errors.New("off takes no more words")
	case p.Mode == Off:
		return Policy{}, nil
	}
	return p, nil
}

// Of returns the policy of a Service that says something itself: off, observe, on, zone
// or node, and then peers, COUNT and PERCENT%. What it does not say is as in p.
func (p Policy) Of(args []string) (Policy, error) {
	if p.Mode == Off {
		return p, errors.New("the Corefile says topology off")
	}
	own := p
	own.Own = true
	if len(args) == 0 || !own.begin(args[0]) {
		return p, fmt.Errorf("want off, observe, on, zone or node, not %q", strings.Join(args, " "))
	}
	rest, err := own.bounds(args[1:])
	if err != nil {
		return p, err
	}
	for _, word := range rest {
		if word != "peers" || own.Peers {
			return p, fmt.Errorf("want peers, COUNT or PERCENT%%, each once, not %q", word)
		}
		own.Peers = true
	}
	return own, nil
}

// overload takes the words overload PERCENT% at the end.
func (p *Policy) overload(words []string) (rest []string, err error) {
	at := slices.Index(words, "overload")
	if at < 0 {
		return words, nil
	}
	if at+2 != len(words) {
		return nil, errors.New("want overload PERCENT% at the end")
	}
	text, isPercent := strings.CutSuffix(words[at+1], "%")
	n, err := strconv.Atoi(text)
	if err != nil || !isPercent || n < 1 || n > maxOverload {
		return nil, fmt.Errorf("overload: want a percentage from 1%% to %d%%, not %q", maxOverload, words[at+1])
	}
	p.Overload = n
	return words[:at], nil
}

// begin takes the first word of an annotation.
func (p *Policy) begin(word string) bool {
	if mode := slices.Index(modes, word); mode >= 0 {
		p.Mode = Mode(mode)
		return true
	}
	level := slices.Index(levels, word)
	if level <= int(ByWish) {
		return false
	}
	p.Level = Level(level)
	return true
}

// bounds takes the numbers among words, and returns the others.
func (p *Policy) bounds(words []string) (rest []string, err error) {
	var counted, shared bool
	for _, word := range words {
		text, isPercent := strings.CutSuffix(word, "%")
		n, bad := strconv.Atoi(text)
		switch {
		case bad != nil:
			rest = append(rest, word)
		case isPercent && (shared || n < 0 || n > maxPercent):
			return nil, fmt.Errorf("want one percentage from 0%% to %d%%, not %q", maxPercent, word)
		case isPercent:
			p.Percent, shared = n, true
		case counted || n < 1 || n > maxCount:
			return nil, fmt.Errorf("want one count from 1 to %d, not %q", maxCount, word)
		default:
			p.Count, counted = n, true
		}
	}
	return rest, nil
}

// String returns the policy as an annotation would have it.
func (p Policy) String() string {
	if p.Mode == Off {
		return "off"
	}
	text := p.Mode.String()
	if p.Level != ByWish {
		text += " " + levels[p.Level]
	}
	if p.Peers {
		text += " peers"
	}
	text = fmt.Sprintf("%s %d %d%%", text, p.Count, p.Percent)
	if p.Overload > 0 {
		text += fmt.Sprintf(" overload %d%%", p.Overload)
	}
	return text
}
