package corefile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"

	"k8s.io/apimachinery/pkg/labels"
)

// parser reads one stanza. What it says of how Services are compiled is collected
// in options.
type parser struct {
	*caddy.Controller
	stanza  Stanza
	options records.Options
	given   map[string]bool
	// linesAt has the places in the Corefile of topology, and of the lines of clients: by
	// their first word, by their first two, and of the first one by the empty word.
	linesAt map[string]string
}

// at returns where in the Corefile the parser is.
func (p *parser) at() string { return fmt.Sprintf("%s:%d", p.File(), p.Line()) }

// argument returns the one argument of an option.
func (p *parser) argument() (string, error) {
	args := p.RemainingArgs()
	if len(args) != 1 {
		return "", p.ArgErr()
	}
	return args[0], nil
}

// flag is for an option without arguments.
func (p *parser) flag() error {
	if len(p.RemainingArgs()) > 0 {
		return p.ArgErr()
	}
	return nil
}

// number returns the one argument of an option, a whole number from 0 to most.
func (p *parser) number(most int) (int, error) {
	option := p.Val()
	text, err := p.argument()
	if err != nil {
		return 0, err
	}
	n, ok := wholeNumber(text, 0, most)
	if !ok {
		return 0, p.Errf("%s must be a whole number in range [0, %d]: %s", option, most, text)
	}
	return n, nil
}

// word reads a word that a Service can say, too.
func (p *parser) word(w word) error {
	option := p.Val()
	if w.set != nil {
		n, err := p.number(w.most)
		if err == nil {
			w.set(&p.options, n)
		}
		return err
	}
	if err := w.read(&p.options, p.RemainingArgs()); err != nil {
		return p.Errf("%s: %v", option, err)
	}
	return nil
}

// selector returns a label selector and how it is written.
func (p *parser) selector() (labels.Selector, string, error) {
	option, args := p.Val(), p.RemainingArgs()
	if len(args) == 0 {
		return nil, "", p.ArgErr()
	}
	text := strings.Join(args, " ")
	parsed, err := labels.Parse(text)
	if err != nil {
		return nil, "", p.Errf("%s: unable to parse label selector value: '%s': %v", option, text, err)
	}
	return parsed, parsed.String(), nil
}

// file refuses a path where nothing is.
func (p *parser) file(path string) (string, error) {
	if _, err := os.Stat(path); err != nil {
		return "", p.Errf("%v", err)
	}
	return path, nil
}

// underRoot returns a path as the plugin root has it.
func (p *parser) underRoot(path string) string {
	if root := dnsserver.GetConfig(p.Controller).Root; root != "" && !filepath.IsAbs(path) {
		return filepath.Join(root, path)
	}
	return path
}
