package health

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// parsed returns a function's results as text.
func parsed[T any](parse func([]string) (T, error)) func(string) string {
	return func(text string) string {
		value, err := parse(strings.Fields(text))
		if err != nil {
			return "error: " + err.Error()
		}
		return fmt.Sprint(value)
	}
}

func TestParse(t *testing.T) {
	const (
		percentage = "error: want a percentage from 1 to 100, or off, not "
		halfLife   = "error: the half-life must be a duration of 10s or more, not "
	)
	publish, podNames, fallback := parsed(ParsePublish), parsed(ParsePodNames), parsed(ParseFallback)
	failOpen, damping, srvTiers := parsed(ParseFailOpen), parsed(ParseDamping), parsed(ParseSRVTiers)
	for _, c := range []struct {
		option string
		parse  func(string) string
		text   string
		want   string
	}{
		{"publish", publish, "ready", fmt.Sprint(ByReady)},
		{"publish", publish, "serving", fmt.Sprint(ByServing)},
		{"publish", publish, "all", `error: want ready or serving, not "all"`},
		{"publish", publish, "Ready", `error: want ready or serving, not "Ready"`},
		{"publish", publish, "", `error: want ready or serving, not ""`},
		{"publish", publish, "ready serving", `error: want ready or serving, not "ready serving"`},

		{"pod_names", podNames, "ready", fmt.Sprint(NamesReady)},
		{"pod_names", podNames, "serving", fmt.Sprint(NamesServing)},
		{"pod_names", podNames, "all", fmt.Sprint(NamesAll)},
		{"pod_names", podNames, "none", `error: want ready or serving or all, not "none"`},
		{"pod_names", podNames, "", `error: want ready or serving or all, not ""`},

		{"fallback", fallback, "draining", fmt.Sprint(FallbackDraining)},
		{"fallback", fallback, "none", fmt.Sprint(FallbackNone)},
		{"fallback", fallback, "off", `error: want draining or none, not "off"`},
		{"fallback", fallback, "", `error: want draining or none, not ""`},

		{"srv_tiers", srvTiers, "published", fmt.Sprint(SRVPublished)},
		{"srv_tiers", srvTiers, "all", fmt.Sprint(SRVAll)},
		{"srv_tiers", srvTiers, "good", `error: want published or all, not "good"`},
		{"srv_tiers", srvTiers, "", fmt.Sprint(SRVAll)},
		{"srv_tiers", srvTiers, "all published", `error: want published or all, not "all published"`},

		{"fail_open", failOpen, "off", fmt.Sprint(FailOpenOff)},
		{"fail_open", failOpen, "1", "1"},
		{"fail_open", failOpen, "50%", "50"},
		{"fail_open", failOpen, "100", "100"},
		{"fail_open", failOpen, "100%", "100"},
		{"fail_open", failOpen, "0", percentage + `"0"`},
		{"fail_open", failOpen, "0%", percentage + `"0%"`},
		{"fail_open", failOpen, "101", percentage + `"101"`},
		{"fail_open", failOpen, "-1", percentage + `"-1"`},
		{"fail_open", failOpen, "0.5", percentage + `"0.5"`},
		{"fail_open", failOpen, "50%%", percentage + `"50%%"`},
		{"fail_open", failOpen, "%", percentage + `"%"`},
		{"fail_open", failOpen, "99999999999999999999", percentage + `"99999999999999999999"`},
		{"fail_open", failOpen, "50 %", percentage + `"50 %"`},
		{"fail_open", failOpen, "on", percentage + `"on"`},
		{"fail_open", failOpen, "", percentage + `""`},

		{"damping", damping, "off", "off"},
		{"damping", damping, "observe", "observe 2m0s"},
		{"damping", damping, "on", "on 2m0s"},
		{"damping", damping, "on 90s", "on 1m30s"},
		{"damping", damping, "observe 10s", "observe 10s"},
		{"damping", damping, "on 172s", "on 2m52s"},
		{"damping", damping, "", "error: want off, observe or on, and a half-life"},
		{"damping", damping, "on 60s 60s", "error: want off, observe or on, and a half-life"},
		{"damping", damping, "yes", `error: want off or observe or on, not "yes"`},
		{"damping", damping, "off 60s", "error: off has no half-life"},
		{"damping", damping, "on 60", halfLife + `"60"`},
		{"damping", damping, "on soon", halfLife + `"soon"`},
		{"damping", damping, "on 0s", halfLife + `"0s"`},
		{"damping", damping, "on 9.999s", halfLife + `"9.999s"`},
		{"damping", damping, "on -60s", halfLife + `"-60s"`},
		{"damping", damping, "on 173s", "error: with a half-life of 2m53s no endpoint would ever be damped: a penalty that decays within 5m0s stays below 2500"},
		{"damping", damping, "observe 3m", "error: with a half-life of 3m0s no endpoint would ever be damped: a penalty that decays within 5m0s stays below 2500"},
		{"damping", damping, "on 2000000h", "error: with a half-life of 2000000h0m0s no endpoint would ever be damped: a penalty that decays within 5m0s stays below 2500"},
	} {
		t.Run(c.option+" "+c.text, func(t *testing.T) {
			if got := c.parse(c.text); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestHalfLivesThatNeverDampAreRefused(t *testing.T) {
	for half := 10 * time.Second; half <= 10*time.Minute; half += time.Second {
		possible := 750*math.Exp2(300/half.Seconds()) >= 2500
		if _, err := ParseDamping([]string{"on", half.String()}); (err == nil) != possible {
			t.Errorf("%v: %v", half, err)
		}
	}
}

func TestPolicyAsText(t *testing.T) {
	for _, c := range []struct {
		policy Policy
		want   string
	}{
		{Policy{}, "publish ready, pod_names ready, fallback draining, fail_open off, damping off, srv_tiers published"},
		{Policy{}.Checked(), "publish ready, pod_names ready, fallback draining, fail_open 1% by check, damping off, srv_tiers published"},
		{Policy{FailOpen: FailOpenOff}.Checked(), "publish ready, pod_names ready, fallback draining, fail_open off, damping off, srv_tiers published"},
		{
			Policy{Publish: ByServing, PodNames: NamesAll, Fallback: FallbackNone, FailOpen: 50, Damping: on, SRVTiers: SRVAll},
			"publish serving, pod_names all, fallback none, fail_open 50%, damping on 2m0s, srv_tiers all",
		},
		{
			Policy{PodNames: NamesServing, FailOpen: 100, Damping: Damping{DampingObserve, 90 * time.Second}},
			"publish ready, pod_names serving, fallback draining, fail_open 100%, damping observe 1m30s, srv_tiers published",
		},
	} {
		if got := c.policy.String(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// What String writes is what the Parse functions read.
func TestPolicyAsTextCanBeRead(t *testing.T) {
	for _, p := range []Policy{
		{FailOpen: FailOpenOff},
		{Publish: ByServing, PodNames: NamesAll, Fallback: FallbackNone, FailOpen: 1, Damping: on, SRVTiers: SRVAll},
		{PodNames: NamesServing, FailOpen: 100, Damping: Damping{DampingObserve, 90 * time.Second}},
	} {
		// Damping that is off has a half-life too, which does not matter.
		want := p
		if want.Damping.Mode == DampingOff {
			want.Damping.HalfLife = DefaultHalfLife
		}
		if got := read(t, p.String()); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func read(t *testing.T, text string) (p Policy) {
	t.Helper()
	for option := range strings.SplitSeq(text, ", ") {
		fields := strings.Fields(option)
		var err error
		switch args := fields[1:]; fields[0] {
		case "publish":
			p.Publish, err = ParsePublish(args)
		case "pod_names":
			p.PodNames, err = ParsePodNames(args)
		case "fallback":
			p.Fallback, err = ParseFallback(args)
		case "fail_open":
			p.FailOpen, err = ParseFailOpen(args)
		case "damping":
			p.Damping, err = ParseDamping(args)
		case "srv_tiers":
			p.SRVTiers, err = ParseSRVTiers(args)
		default:
			t.Fatalf("an unknown option: %s", option)
		}
		if err != nil {
			t.Fatalf("%s: %v", option, err)
		}
	}
	return p
}
