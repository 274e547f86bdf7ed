package dnsperf

import (
	"strings"
	"testing"
)

const statistics = `Statistics:

  Queries sent:         74810
  Queries completed:    74808 (100.00%)
  Queries lost:         2 (0.00%)

  Response codes:       NOERROR 74808 (100.00%)
  Average packet size:  request 57, response 1221.50
  Run time (s):         1.003219
  Queries per second:   74567.966033

  Average Latency (s):  0.002606 (min 0.000123, max 0.005208)
  Latency StdDev (s):   0.000261
`

func TestParse(t *testing.T) {
	for _, tc := range []struct{ name, out, err string }{
		{"all answers are right", statistics, ""},
		{"some answers are negative", strings.Replace(statistics, "(100.00%)\n  Average", "(50.00%), NXDOMAIN 3 (50.00%)\n  Average", 1), "other than NOERROR"},
		{"all answers are negative", strings.Replace(statistics, "NOERROR", "SERVFAIL", 1), "other than NOERROR"},
		{"there is no rate", strings.Replace(statistics, "per second", "per hour", 1), "no match"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := parse(tc.out)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("got %v, want %q in the error", err, tc.err)
				}
				return
			}
			if want := (Result{PerSecond: 74567.966033, Answered: 74808, ResponseBytes: 1221.5, Lost: 2}); err != nil || got != want {
				t.Errorf("got %+v, %v, want %+v", got, err, want)
			}
		})
	}
}
