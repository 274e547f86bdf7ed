package status

import (
	"bytes"
	"fmt"
)

// word is one word of the page, and what it means.
type word struct{ Word, Means string }

// group is words that belong together.
type group struct {
	Title string
	Words []word
}

// words are those of the page.
var words = []group{
	{"Tiers of endpoints, the best first", []word{
		{"good", "it is up: ready, or with publish serving, serving"},
		{"damped", "it is up, and was not too often of late (damping)"},
		{"draining", "it serves while it terminates, or is taken out by annotation"},
		{"sick", "it is not up, and served before, or its check fails"},
		{"starting", "it is not up, and never was as far as this server has seen"},
		{"dying", "it terminates, and does not serve any more"},
	}},
	{"States of Services", []word{
		{"empty", "there are endpoints, and the name has none of them"},
		{"vacant", "there are no endpoints, and the name had some within the hour"},
		{"unresolved", "nothing that the ExternalName Service leads to is good"},
		{"waits", "the name waits until there are as many endpoints as the annotation min-endpoints asks for"},
		{"open", "the name has endpoints that do not serve, because too few do"},
		{"draining, damped", "the name has only such endpoints"},
		{"part", "some endpoints are not as they should be"},
		{"full", "the name has all that it should have"},
		{"none", "there have been no endpoints for more than an hour"},
		{"external", "an ExternalName Service: a target, and no endpoints"},
	}},
	{"Columns", []word{
		{"in the name", "how many endpoints an answer for the name of the Service can have, and of how many"},
		{"since", "in UTC; \"before\" is that it was so when this server began to watch"},
		{"flaps", "how often it stopped being up in the last hour, without terminating, leaving or being taken out"},
		{"EDE", "the reason that stands beside the answer (Extended DNS Error, RFC 8914): dig shows it"},
		{"carries", "how many endpoints the name had before and after"},
		{"served ... after", "how long after the change in the cluster answers had it"},
	}},
	{"The last hour", []word{
		{"tall", "in the name; low: not"},
		{"faded", "the API server was lost: it is as it was known then"},
		{"the line", "how many endpoints the name had"},
	}},
	{"Keys", []word{
		{"/", "to the search"}, {"j, k", "the next and the one before"}, {"Enter", "opens it"}, {"u", "up"},
		{"p", "pause, and go on"}, {"r", "read the page now"}, {"Esc", "leaves the search"},
	}},
}

func textHelp(b *bytes.Buffer) {
	for i, g := range words {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(g.Title + "\n")
		var rows [][]string
		for _, w := range g.Words {
			rows = append(rows, []string{"  " + w.Word, w.Means})
		}
		table(b, rows)
	}
	fmt.Fprintf(b, "\nPages: /, /services?q=&state=&page=, /services/NAMESPACE/NAME?at=&from=&to=, /services/NAMESPACE/NAME/history, /history; each with format=html, text or json\n")
}
