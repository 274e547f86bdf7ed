package external

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseTargets(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       Targets
		err        string
	}{
		{"in order", "order db-b.example.org db-c.example.org.", Targets{Others: []Target{{Name: "db-b.example.org."}, {Name: "db-c.example.org."}}}, ""},
		{"an address", "order 192.0.2.7", Targets{Others: []Target{{Address: netip.MustParseAddr("192.0.2.7")}}}, ""},
		{"by weight", "weight .=70 db-b.example.org=30", Targets{Others: []Target{{Name: "db-b.example.org.", Weight: 30}}, ByWeight: true, own: 70}, ""},
		{"a weight of 0", "weight db-b.example.org=0 .=1", Targets{Others: []Target{{Name: "db-b.example.org."}}, ByWeight: true, own: 1}, ""},
		{"an address of IPv6 by weight", "weight .=0 2001:db8::1=1", Targets{Others: []Target{{Address: netip.MustParseAddr("2001:db8::1"), Weight: 1}}, ByWeight: true}, ""},
		{"nothing", "", Targets{}, "want"},
		{"no names", "order", Targets{}, "want"},
		{"another word", "random a b", Targets{}, "want"},
		{"no name", "order a..b", Targets{}, `"a..b" is neither a domain name nor an address`},
		{"twice the same", "order a.example a.example", Targets{}, "a.example is given twice"},
		{"one too many", "order a1 a2 a3 a4 a5 a6 a7 a8", Targets{}, "9 targets are more than 8"},
		{"no weight", "weight .=1 a.example", Targets{}, `not "a.example"`},
		{"a weight that is too large", "weight .=1 a.example=1001", Targets{}, "range [0, 1000]"},
		{"a negative weight", "weight .=1 a.example=-1", Targets{}, "range [0, 1000]"},
		{"no weight of its own", "weight a.example=1", Targets{}, "the weight of spec.externalName is missing"},
		{"two weights of its own", "weight .=1 .=1 a.example=1", Targets{}, "given twice"},
		{"a weight of its own alone", "weight .=1", Targets{}, "want"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseTargets(strings.Fields(c.text))
			wantErr(t, err, c.err)
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func wantErr(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("got the error %v, want %q in it", err, want)
	}
}

func TestParseLastGood(t *testing.T) {
	for text, want := range map[string]LastGood{
		"10s": {For: 10 * time.Second}, "72h": {For: 72 * time.Hour}, "1h nxdomain": {time.Hour, true}, "off": {},
	} {
		got, err := ParseLastGood(strings.Fields(text))
		wantErr(t, err, "")
		if got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
	for _, text := range []string{"", "9s", "73h", "on", "1h off", "1h nxdomain nxdomain", "off nxdomain"} {
		if got, err := ParseLastGood(strings.Fields(text)); err == nil || got != (LastGood{}) {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

func TestAServiceMayNotKeepAnswersLongerThanTheCorefileSays(t *testing.T) {
	hour := LastGood{For: time.Hour}
	for _, c := range []struct {
		stanza LastGood
		text   string
		want   LastGood
		err    string
	}{
		{hour, "10m", LastGood{For: 10 * time.Minute}, ""},
		{hour, "1h nxdomain", LastGood{time.Hour, true}, ""},
		{hour, "2h", hour, "2h0m0s is longer than last_good of the Corefile, which is 1h0m0s"},
		{hour, "off", LastGood{}, ""},
		{hour, "often", hour, "want"},
		{LastGood{}, "2h", LastGood{For: 2 * time.Hour}, ""},
	} {
		got, err := c.stanza.Of(strings.Fields(c.text))
		wantErr(t, err, c.err)
		if got != c.want {
			t.Errorf("%v and %s: got %v, want %v", c.stanza, c.text, got, c.want)
		}
	}
}

func TestParseFlatten(t *testing.T) {
	for text, want := range map[string]string{"on": "true <nil>", "off": "false <nil>", "": `false want on or off, not ""`, "yes": `false want on or off, not "yes"`} {
		on, err := ParseFlatten(strings.Fields(text))
		if got := fmt.Sprint(on, err); !strings.HasPrefix(got, strings.TrimSuffix(want, "<nil>")) {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}
