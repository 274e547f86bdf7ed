package check

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestTheModeOfChecks(t *testing.T) {
	for _, c := range []struct {
		args string
		want string
	}{
		{"off", "off <nil>"},
		{"observe", "observe <nil>"},
		{"on", "on <nil>"},
		{"", `off want off, observe or on, not ""`},
		{"On", `off want off, observe or on, not "On"`},
		{"on now", `off want off, observe or on, not "on now"`},
	} {
		mode, err := ParseMode(strings.Fields(c.args))
		if got := fmt.Sprint(mode, " ", err); got != c.want {
			t.Errorf("%q: got %s, want %s", c.args, got, c.want)
		}
	}
}

func TestTermsSayWhatTheOptionsSay(t *testing.T) {
	for _, c := range []struct {
		name  string
		parse func(*Terms, []string) error
		args  string
		edit  func(*Terms)
	}{
		{"an interval", ParseInterval, "30s", func(t *Terms) { t.Interval = 30 * time.Second }},
		{"the shortest one", ParseInterval, "2s", func(t *Terms) { t.Interval = 2 * time.Second }},
		{"one longer than the idle one", ParseInterval, "5m", func(t *Terms) { t.Interval, t.Idle = 5*time.Minute, 5*time.Minute }},
		{"both", ParseInterval, "10s idle 10m", func(t *Terms) { t.Idle = 10 * time.Minute }},
		{"both alike", ParseInterval, "1h idle 1h", func(t *Terms) { t.Interval, t.Idle = time.Hour, time.Hour }},
		{"the shortest timeout", ParseTimeout, "1100ms", func(t *Terms) { t.Timeout = 1100 * time.Millisecond }},
		{"the longest timeout", ParseTimeout, "10s", func(t *Terms) { t.Timeout = 10 * time.Second }},
		{"thresholds", ParseThresholds, "1 10", func(t *Terms) { t.Fall, t.Rise = 1, 10 }},
		{"a rate", ParseRate, "1000", func(t *Terms) { t.Rate = 1000 }},
		{"a rate, and how many at once", ParseRate, "12 inflight 4", func(t *Terms) { t.Rate, t.Inflight = 12, 4 }},
		{"paths", ParsePaths, "/up /Down?full=1", func(t *Terms) { t.Paths = "/up /Down?full=1" }},
		{"every path", ParsePaths, "any", func(t *Terms) { t.Paths = "any" }},
	} {
		got, want := DefaultTerms(), DefaultTerms()
		c.edit(&want)
		if err := c.parse(&got, strings.Fields(c.args)); err != nil || got != want {
			t.Errorf("%s: got %+v and the error %v, want %+v", c.name, got, err, want)
		}
	}
}

func TestMistakesInTerms(t *testing.T) {
	const (
		interval = "want a duration, and maybe the word idle and a second one behind it, as in 10s idle 1m"
		results  = "want how many failures in a row end a good verdict, and how many successes end a bad one, as in 3 2"
		rate     = "want units in a second, and maybe the word inflight and how many checks there may be at once behind it, as in 200 inflight 256"
	)
	for _, c := range []struct {
		name  string
		parse func(*Terms, []string) error
		args  string
		want  string
	}{
		{"no interval", ParseInterval, "", interval},
		{"a second one without its word", ParseInterval, "10s 1m", interval},
		{"another word", ParseInterval, "10s busy 1m", interval},
		{"an interval without a unit", ParseInterval, "10", "the interval must be a duration in range [2s, 1h0m0s]: 10"},
		{"one that is too short", ParseInterval, "1999ms", "the interval must be a duration in range [2s, 1h0m0s]: 1999ms"},
		{"one that is too long", ParseInterval, "61m", "the interval must be a duration in range [2s, 1h0m0s]: 61m"},
		{"an idle one that is shorter", ParseInterval, "30s idle 20s", "the idle interval must be a duration in range [30s, 1h0m0s]: 20s"},
		{"no timeout", ParseTimeout, "", "want one duration, as in 2s"},
		{"a timeout as short as a lost SYN", ParseTimeout, "1s", "the timeout must be a duration in range [1.1s, 10s]: 1s"},
		{"one that is too long", ParseTimeout, "11s", "the timeout must be a duration in range [1.1s, 10s]: 11s"},
		{"one threshold", ParseThresholds, "3", results},
		{"no failures", ParseThresholds, "0 2", "the number of failures must be a whole number in range [1, 10]: 0"},
		{"too many successes", ParseThresholds, "3 11", "the number of successes must be a whole number in range [1, 10]: 11"},
		{"no rate", ParseRate, "", rate},
		{"another word", ParseRate, "200 at 256", rate},
		{"a rate that the dearest check does not fit into", ParseRate, "11", "the rate must be a whole number in range [12, 100000]: 11"},
		{"too few at once", ParseRate, "200 inflight 3", "inflight must be a whole number in range [4, 4096]: 3"},
		{"no path", ParsePaths, "", "want one or more paths such as /healthz, or any"},
		{"any path and more", ParsePaths, "/up any", "any is every path: it stands alone"},
		{"a path twice", ParsePaths, "/up /down /up", "/up is given twice"},
		{"a word as a path", ParsePaths, "up", `"up" is no path that a check may ask for: want a / and up to 255 characters of a URL behind it, ` +
			`without a segment . or .., and without escapes of control characters or of . / \ and %`},
		{"too many paths", ParsePaths, strings.Repeat("/a ", 65), "65 paths are more than 64"},
	} {
		got := DefaultTerms()
		if err := c.parse(&got, strings.Fields(c.args)); fmt.Sprint(err) != c.want || got != DefaultTerms() {
			t.Errorf("%s: got %+v and the error %v, want %s", c.name, got, err, c.want)
		}
	}
}

func TestTermsThatDoNotHoldTogether(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*Terms)
		want string
	}{
		{"the defaults", func(*Terms) {}, "<nil>"},
		{"checks that are off", func(t *Terms) { *t = Terms{} }, "<nil>"},
		{"nothing allowed", func(t *Terms) { t.Mode, t.Allow = Observe, "" }, "checks observe needs check_allow: without it, nothing may be checked. " +
			"It is written as check_allow NAMESPACE...|* to CIDR... ports PORT|FIRST-LAST... kinds KIND..."},
		{"a timeout as long as the interval", func(t *Terms) { t.Interval = 2 * time.Second }, "check_timeout 2s must be less than check_interval 2s"},
		{"a line twice, not behind each other", func(t *Terms) { t.Allow += "\na to 10.0.0.0/8 ports 1 kinds tcp\n" + t.Allow + "\n" },
			"check_allow * to 10.0.0.0/8 ports 1-65535 kinds tcp is given twice"},
		{"too many lines", func(t *Terms) {
			for i := range 1000 {
				t.Allow += fmt.Sprintf("\nn%d to 10.0.0.0/8 ports 1 kinds tcp", i)
			}
		}, "check_allow: 1001 lines are more than 1000"},
		{"authorities that are none", func(t *Terms) { t.CA = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n" },
			"check_ca has no certificate in PEM that can be read"},
	} {
		terms := termsWith(c.edit)
		if got := fmt.Sprint(terms.Check()); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}
