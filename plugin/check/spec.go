package check

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// Wanted is what a Service asks for. It can be compared. The zero value asks for nothing.
type Wanted struct {
	Spec Spec
	// Port is the name of a port in lower case, or the number of one. Empty is the only one
	// that there is.
	Port string
}

// maxWanted bounds what a Service can say of its check, in bytes.
const maxWanted = 1024

// form is how a Service says what it asks for.
const form = "KIND [PORT] [path= host= name= service= verify close=reset interval=]"

// Parse reads what a Service asks for, as it stands in the annotation: paths have capitals.
// Where checks are off, it asks for nothing.
func (t Terms) Parse(text string) (Wanted, error) {
	if t.Mode == Off {
		return Wanted{}, nil
	}
	if len(text) > maxWanted {
		return Wanted{}, fmt.Errorf("%d bytes are more than %d", len(text), maxWanted)
	}
	words := strings.Fields(text)
	if len(words) == 0 {
		return Wanted{}, fmt.Errorf("it is empty: want %s, or off", form)
	}
	name := strings.ToLower(words[0])
	if name == "off" {
		return Wanted{}, alone(words)
	}
	kind, known := kindNamed(name)
	if !known {
		return Wanted{}, unknownKind(words[0])
	}
	r := reader{terms: &t, wanted: Wanted{Spec: t.spec(kind)}}
	if err := r.read(words[1:]); err != nil {
		return Wanted{}, err
	}
	return r.wanted, nil
}

func alone(words []string) error {
	if len(words) > 1 {
		return errors.New("off ends a check: nothing can stand behind it")
	}
	return nil
}

func unknownKind(text string) error {
	switch strings.ToLower(text) {
	case "mysql", "mariadb":
		return fmt.Errorf("there is no kind %s: to the server, each check without a user is a broken handshake, and after max_connect_errors of them it blocks this host; "+
			"want one of %s, or off", text, everyKind)
	}
	return fmt.Errorf("%.80q is no kind of check: want one of %s, or off", text, everyKind)
}

// spec returns how a kind is checked where a Service says no more.
func (t *Terms) spec(kind Kind) Spec {
	return Spec{Kind: kind, Interval: t.Interval, Idle: t.Idle, Timeout: t.Timeout, Fall: t.Fall, Rise: t.Rise}
}

// reader reads what one Service says behind the kind.
type reader struct {
	terms  *Terms
	wanted Wanted
	given  []string
}

func (r *reader) read(words []string) error {
	if len(words) > 0 && isPlace(words[0]) {
		if err := r.port(words[0]); err != nil {
			return err
		}
		words = words[1:]
	}
	for _, word := range words {
		if err := r.option(word); err != nil {
			return err
		}
	}
	return r.finish()
}

// isPlace reports whether a word can only be a port.
func isPlace(word string) bool {
	return !strings.Contains(word, "=") && !strings.EqualFold(word, "verify")
}

func (r *reader) port(word string) error {
	name := strings.ToLower(word)
	if digits := strings.Trim(name, "0123456789"); digits != "" {
		if !isPortName(name) {
			return fmt.Errorf("%.80q is no port: want the name of a port, or a number in range [1, 65535]", word)
		}
		r.wanted.Port = name
		return nil
	}
	n, ok := portNumber(name)
	if !ok {
		return fmt.Errorf("port %.80s is not in range [1, 65535]", word)
	}
	// 05432 is the port 5432.
	r.wanted.Port = strconv.Itoa(int(n))
	return nil
}

func portNumber(text string) (uint16, bool) {
	n, err := strconv.ParseUint(text, 10, 16)
	return uint16(n), err == nil && n > 0
}

// options are what can stand behind the port, and of which kinds.
var options = map[string]struct {
	of   kindSet
	read func(*reader, string) error
}{
	"path":     {setOf(HTTP, HTTPS), (*reader).path},
	"host":     {setOf(HTTP, HTTPS), (*reader).host},
	"name":     {setOf(TLS, HTTPS, DNS), (*reader).name},
	"service":  {setOf(GRPC), (*reader).service},
	"verify":   {setOf(TLS, HTTPS), (*reader).verify},
	"close":    {overTCP, (*reader).close},
	"interval": {everyKind, (*reader).interval},
}

func (r *reader) option(word string) error {
	name, value, hasValue := strings.Cut(word, "=")
	name = strings.ToLower(name)
	option, known := options[name]
	switch {
	case !known:
		return fmt.Errorf("%.80q is no part of a check: want %s; a port stands behind the kind", word, form)
	case !option.of.has(r.wanted.Spec.Kind):
		return fmt.Errorf("%s is nothing for %s: only %s can have it", name, r.wanted.Spec.Kind, option.of)
	case slices.Contains(r.given, name):
		return fmt.Errorf("%s is given twice", name)
	case name == "verify" && hasValue:
		return errors.New("verify has no value: leave it out where the certificate is not to be verified")
	case name != "verify" && name != "service" && value == "":
		return fmt.Errorf("%s needs a value, as in %s=VALUE without spaces", name, name)
	}
	r.given = append(r.given, name)
	return option.read(r, value)
}

func (r *reader) path(value string) error {
	if !isPath(value) {
		return &refusedError{ByPath, fmt.Errorf("path=%.80q is no path that a check may ask for: want %s", value, pathForm)}
	}
	if allowed := r.terms.paths(); allowed != nil && !slices.Contains(allowed, value) {
		return &refusedError{ByPath, fmt.Errorf("path=%.80s is not in check_paths of the Corefile: want one of %s", value, strings.Join(allowed, " "))}
	}
	r.wanted.Spec.Path = value
	return nil
}

func (r *reader) host(value string) error {
	// The header has brackets around an address of IPv6 (RFC 9110, section 7.2).
	if text, six, ok := address(value); ok {
		if six {
			text = "[" + text + "]"
		}
		r.wanted.Spec.Host = text
		return nil
	}
	name, ok := domain(value)
	if !ok {
		return fmt.Errorf("host=%.80q is neither a domain name nor an address; the port needs no mention", value)
	}
	r.wanted.Spec.Host = name
	return nil
}

func (r *reader) name(value string) error {
	dns := r.wanted.Spec.Kind == DNS
	if text, _, ok := address(value); ok && !dns {
		r.wanted.Spec.Name = text
		return nil
	}
	if value == "." && dns {
		r.wanted.Spec.Name = value
		return nil
	}
	name, ok := domain(value)
	switch {
	case !ok && dns:
		return fmt.Errorf("name=%.80q is not a domain name", value)
	case !ok:
		return fmt.Errorf("name=%.80q is neither a domain name nor an address", value)
	}
	r.wanted.Spec.Name = name
	return nil
}

func (r *reader) service(value string) error {
	if !isService(value) {
		return fmt.Errorf("service=%.80q is not the name of a gRPC service such as orders.v1.Orders, of at most %d letters, digits, and signs . _ / -", value, maxService)
	}
	r.wanted.Spec.Service = value
	return nil
}

func (r *reader) verify(string) error {
	r.wanted.Spec.Verify, r.wanted.Spec.CA = true, r.terms.CA
	return nil
}

func (r *reader) close(value string) error {
	if value != "reset" {
		return fmt.Errorf("close=%.80s is unknown: want close=reset, or leave it out", value)
	}
	r.wanted.Spec.Reset = true
	return nil
}

func (r *reader) interval(value string) error {
	d, err := time.ParseDuration(value)
	if err != nil || d < r.terms.Interval || d > mostInterval {
		return fmt.Errorf("interval=%.80s must be a duration in range [%v, %v]; the least one is check_interval of the Corefile", value, r.terms.Interval, mostInterval)
	}
	r.wanted.Spec.Interval = d
	r.wanted.Spec.Idle = max(r.terms.Idle, d)
	return nil
}

// finish looks at what has to be given, and at what follows from it.
func (r *reader) finish() error {
	s := &r.wanted.Spec
	switch {
	case s.Path == "" && options["path"].of.has(s.Kind):
		if allowed := r.terms.paths(); allowed != nil {
			return fmt.Errorf("%s needs path=, one of %s", s.Kind, strings.Join(allowed, " "))
		}
		return fmt.Errorf("%s needs path=, as in path=/healthz", s.Kind)
	case s.Name == "" && s.Kind == DNS:
		return errors.New("dns needs name=, a zone that the server answers for, as in name=example.org")
	case s.Name == "" && s.Kind == HTTPS:
		// A server of several hosts looks for one in the handshake first.
		s.Name = strings.Trim(s.Host, "[]")
	}
	return nil
}

// For returns how a target of that name is checked, which has no final dot: where nobody says
// another one, it is the one to ask for.
func (s Spec) For(target string) Spec {
	if target == "" {
		return s
	}
	if s.Host == "" && options["host"].of.has(s.Kind) {
		s.Host = target
	}
	if s.Name == "" && s.Kind != DNS && options["name"].of.has(s.Kind) {
		s.Name = target
	}
	return s
}

// PortIn returns the number of the port that is checked, of those that a target has. It is
// not ok where none of them is meant: no other port is ever asked.
func (w *Wanted) PortIn(ports []model.Port) (number uint16, ok bool) {
	protocol := model.TCP
	if w.Spec.Kind == DNS {
		protocol = model.UDP
	}
	wanted, byNumber := portNumber(w.Port)
	for _, p := range ports {
		switch {
		case p.Protocol != protocol,
			byNumber && p.Number != wanted,
			!byNumber && w.Port != "" && p.Name != w.Port:
			continue
		case ok && number != p.Number:
			// Two are meant alike.
			return 0, false
		}
		number, ok = p.Number, true
	}
	return number, ok
}
