package check

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Mode says whether checks are made, and whether they count.
type Mode uint8

// The modes.
const (
	// Off makes no checks.
	Off Mode = iota
	// Observe makes them, and publishes as if there were none.
	Observe
	// On makes them count.
	On
)

var modes = [...]string{"off", "observe", "on"}

// String returns the mode as the Corefile has it.
func (m Mode) String() string { return modes[m] }

// Terms are what a stanza says of checks. They can be compared. The zero value makes none.
type Terms struct {
	Mode Mode
	// Allow has the lines of check_allow as ParseAllow returns them, one a line.
	Allow string
	// Paths are those that HTTP and HTTPS may ask for, with spaces between: any is every
	// path, and empty the default list.
	Paths string
	// CA has the authorities for verify in PEM. Empty are those of the system.
	CA string
	// Interval, Idle and Timeout are those of each Spec, where a Service has no longer
	// interval of its own.
	Interval, Idle, Timeout time.Duration
	// Fall and Rise are those of each Spec.
	Fall, Rise uint8
	// Rate is how much may be spent in a second, in what Kind.Units counts, and Inflight how
	// many checks there may be at once, in the whole process.
	Rate, Inflight int
}

// Bounds of what a stanza can say.
const (
	leastInterval, mostInterval = 2 * time.Second, time.Hour
	// The first repetition of a lost SYN comes after a second (RFC 6298, section 2.1): with
	// less, each one would be a failure.
	leastTimeout, mostTimeout = 1100 * time.Millisecond, 10 * time.Second
	mostResults               = 10
	// The dearest check must fit into one second.
	leastRate, mostRate = 12, 100_000
	// Each of the two lanes needs room.
	leastInflight, mostInflight = 4, 4096
	mostPaths                   = 64
	mostLines                   = 1000
)

// everyPath is the word for it in check_paths.
const everyPath = "any"

// defaultPaths are those at which servers answer with nothing but how they are.
var defaultPaths = []string{"/healthz", "/livez", "/readyz", "/health", "/ready", "/-/healthy", "/-/ready", "/ping"}

// DefaultTerms returns the terms of a stanza that only turns checks on.
func DefaultTerms() Terms {
	return Terms{
		Interval: 10 * time.Second, Idle: time.Minute, Timeout: 2 * time.Second,
		Fall: 3, Rise: 2, Rate: 200, Inflight: 256,
	}
}

// ParseMode reads the arguments of checks.
func ParseMode(args []string) (Mode, error) {
	if len(args) == 1 {
		if at := slices.Index(modes[:], args[0]); at >= 0 {
			return Mode(at), nil
		}
	}
	return Off, fmt.Errorf("want off, observe or on, not %q", strings.Join(args, " "))
}

// ParseInterval reads the arguments of check_interval: a duration, and idle with a second
// one, which is not less. Where that is not given, it is the default, or the first one if
// that is more.
func ParseInterval(t *Terms, args []string) error {
	if len(args) != 1 && (len(args) != 3 || args[1] != "idle") {
		return errors.New("want a duration, and maybe the word idle and a second one behind it, as in 10s idle 1m")
	}
	interval, err := duration("the interval", args[0], leastInterval, mostInterval)
	if err != nil {
		return err
	}
	idle := max(DefaultTerms().Idle, interval)
	if len(args) == 3 {
		if idle, err = duration("the idle interval", args[2], interval, mostInterval); err != nil {
			return err
		}
	}
	t.Interval, t.Idle = interval, idle
	return nil
}

// ParseTimeout reads the argument of check_timeout.
func ParseTimeout(t *Terms, args []string) error {
	if len(args) != 1 {
		return errors.New("want one duration, as in 2s")
	}
	d, err := duration("the timeout", args[0], leastTimeout, mostTimeout)
	if err != nil {
		return err
	}
	t.Timeout = d
	return nil
}

// ParseThresholds reads the arguments of check_thresholds.
func ParseThresholds(t *Terms, args []string) error {
	if len(args) != 2 {
		return errors.New("want how many failures in a row end a good verdict, and how many successes end a bad one, as in 3 2")
	}
	fall, err := count("the number of failures", args[0], 1, mostResults)
	if err != nil {
		return err
	}
	rise, err := count("the number of successes", args[1], 1, mostResults)
	if err != nil {
		return err
	}
	t.Fall, t.Rise = uint8(fall), uint8(rise)
	return nil
}

// ParseRate reads the arguments of check_rate.
func ParseRate(t *Terms, args []string) error {
	if len(args) != 1 && (len(args) != 3 || args[1] != "inflight") {
		return errors.New("want units in a second, and maybe the word inflight and how many checks there may be at once behind it, as in 200 inflight 256")
	}
	rate, err := count("the rate", args[0], leastRate, mostRate)
	if err != nil {
		return err
	}
	inflight := t.Inflight
	if len(args) == 3 {
		if inflight, err = count("inflight", args[2], leastInflight, mostInflight); err != nil {
			return err
		}
	}
	t.Rate, t.Inflight = rate, inflight
	return nil
}

// ParsePaths reads the arguments of check_paths.
func ParsePaths(t *Terms, args []string) error {
	switch {
	case len(args) == 0:
		return fmt.Errorf("want one or more paths such as /healthz, or %s", everyPath)
	case len(args) > mostPaths:
		return fmt.Errorf("%d paths are more than %d", len(args), mostPaths)
	case slices.Contains(args, everyPath):
		if len(args) > 1 {
			return fmt.Errorf("%s is every path: it stands alone", everyPath)
		}
		t.Paths = everyPath
		return nil
	}
	for i, path := range args {
		if !isPath(path) {
			return fmt.Errorf("%.80q is no path that a check may ask for: want %s", path, pathForm)
		}
		if slices.Contains(args[:i], path) {
			return fmt.Errorf("%s is given twice", path)
		}
	}
	t.Paths = strings.Join(args, " ")
	return nil
}

// paths returns those that may be asked for, or nil for all.
func (t *Terms) paths() []string {
	switch t.Paths {
	case everyPath:
		return nil
	case "":
		return defaultPaths
	}
	return strings.Fields(t.Paths)
}

// Check says what does not hold together, in the words of the Corefile.
func (t *Terms) Check() error {
	lines := strings.Split(strings.TrimSpace(t.Allow), "\n")
	switch {
	case t.Mode == Off:
		return nil
	case t.Allow == "":
		return fmt.Errorf("checks %s needs check_allow: without it, nothing may be checked. It is written as check_allow %s", t.Mode, allowForm)
	case len(lines) > mostLines:
		return fmt.Errorf("check_allow: %d lines are more than %d", len(lines), mostLines)
	case t.Timeout >= t.Interval:
		return fmt.Errorf("check_timeout %v must be less than check_interval %v", t.Timeout, t.Interval)
	case t.CA != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(t.CA)):
		return errors.New("check_ca has no certificate in PEM that can be read")
	}
	slices.Sort(lines)
	for i, line := range lines[1:] {
		if line == lines[i] {
			return fmt.Errorf("check_allow %s is given twice", line)
		}
	}
	return nil
}

func duration(what, text string, least, most time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < least || d > most {
		return 0, fmt.Errorf("%s must be a duration in range [%v, %v]: %s", what, least, most, text)
	}
	return d, nil
}

func count(what, text string, least, most int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%s must be a whole number in range [%d, %d]: %s", what, least, most, text)
	}
	return n, nil
}
