package corefile

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
)

func checks(p *parser) (err error) {
	if p.stanza.Settings.Checks.Mode, err = check.ParseMode(p.RemainingArgs()); err != nil {
		return p.Errf("checks: %v", err)
	}
	return nil
}

// checkAllow says what may be checked. It may be given several times.
func checkAllow(p *parser) error {
	line, err := check.ParseAllow(p.RemainingArgs())
	if err != nil {
		return p.Errf("check_allow: %v", err)
	}
	p.stanza.Settings.Checks.Allow += line + "\n"
	return nil
}

// checkTerm is an option that changes how checks are made.
func checkTerm(parse func(*check.Terms, []string) error) func(*parser) error {
	return func(p *parser) error {
		option := p.Val()
		if err := parse(&p.stanza.Settings.Checks, p.RemainingArgs()); err != nil {
			return p.Errf("%s: %v", option, err)
		}
		return nil
	}
}

// maxAuthorities bounds a file of certificates, in bytes.
const maxAuthorities = 1 << 20

func checkCA(p *parser) error {
	arg, err := p.argument()
	if err != nil {
		return err
	}
	path, err := p.file(p.underRoot(arg))
	if err != nil {
		return err
	}
	text, err := readAuthorities(path)
	if err != nil {
		return p.Errf("check_ca: %v", err)
	}
	p.stanza.Settings.Checks.CA = text
	return nil
}

// readAuthorities reads a file now: what is wrong with it stops the start.
func readAuthorities(path string) (string, error) {
	// Opening a pipe would wait for somebody to write to it.
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxAuthorities+1))
	switch block, _ := pem.Decode(text); {
	case err != nil:
		return "", err
	case len(text) > maxAuthorities:
		return "", fmt.Errorf("%s has more than %d bytes", path, maxAuthorities)
	case block == nil || block.Type != "CERTIFICATE":
		return "", fmt.Errorf("%s has no certificate in PEM", path)
	}
	return string(text), nil
}

// needChecks are those that mean nothing without checks.
var needChecks = []string{
	"check_allow", "check_interval", "check_timeout", "check_thresholds", "check_rate", "check_paths", "check_ca",
}

// checkChecks looks at what the options of checks say together.
func (p *parser) checkChecks() error {
	terms := &p.stanza.Settings.Checks
	if terms.Mode == check.Off {
		// Who says off goes back in one line.
		for _, option := range needChecks {
			if p.given[option] && !p.given["checks"] {
				return p.Errf("%s has no meaning without checks on, or checks observe", option)
			}
		}
		// Off is one setting, whatever the defaults are.
		*terms = check.Terms{}
		return nil
	}
	if err := terms.Check(); err != nil {
		return p.Errf("%v", err)
	}
	return nil
}

// wantCheck reads what a Service wants to be checked.
func (s Settings) wantCheck(o *records.Options, service *model.Service, text string) (err error) {
	switch {
	case s.Checks.Mode == check.Off:
		return errors.New("checks are off in the Corefile: it needs checks on, or checks observe")
	case service.HasSelector:
		return errors.New("the Service has a selector: the kubelet checks its Pods")
	}
	wanted, err := s.Checks.Parse(text)
	if err == nil && wanted != (check.Wanted{}) && service.Kind == model.ExternalName {
		if _, ok := wanted.PortIn(service.Ports); !ok {
			return errors.New("the port is none of those in spec.ports, and no other is ever asked")
		}
	}
	o.Check = wanted
	return err
}
