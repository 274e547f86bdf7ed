package question

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/plain"

	"github.com/miekg/dns"
)

func TestNamesAsPeopleTypeThem(t *testing.T) {
	for _, row := range []struct {
		typed string
		want  []string
	}{
		{"web", []string{"web.shop.svc.cluster.local."}},
		{"WEB", []string{"web.shop.svc.cluster.local."}},
		{"web-2.web", []string{"web-2.web.shop.svc.cluster.local.", "web-2.web.svc.cluster.local."}},
		{"web-2.web.db", []string{"web-2.web.db.svc.cluster.local."}},
		{"_http._tcp.web", []string{"_http._tcp.web.shop.svc.cluster.local."}},
		{"_http._tcp.web.db", []string{"_http._tcp.web.db.svc.cluster.local."}},
		{"web.db.svc", []string{"web.db.svc.cluster.local."}},
		{"web.db.svc.cluster.local", []string{"web.db.svc.cluster.local."}},
		{"web.db.svc.cluster.local.", []string{"web.db.svc.cluster.local."}},
		{"web-2.web.db.svc.cluster.local", []string{"web-2.web.db.svc.cluster.local."}},
		{"_http._tcp.web.db.svc.cluster.local", []string{"_http._tcp.web.db.svc.cluster.local."}},
		{"10.1.9.31", []string{"31.9.1.10.in-addr.arpa."}},
		{"fd00::1", []string{"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa."}},
		{"_._tcp.web", []string{"_._tcp.web."}},
		{"db.example.com.", []string{"db.example.com."}},
		{"a.b.c.d.e", []string{"a.b.c.d.e."}},
	} {
		all, err := Parse(row.typed, "shop", "cluster.local.")
		if err != nil {
			t.Errorf("%s: %v", row.typed, err)
			continue
		}
		var got []string
		for i := range all {
			got = append(got, all[i].Name())
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("%s: got %q, want %q", row.typed, got, row.want)
		}
	}
}

func TestWhatIsNoNameIsRefused(t *testing.T) {
	for _, typed := range []string{"", "a b", "web\x1b[31m", "wéb", "a..b", strings.Repeat("a", 64), strings.Repeat("a.", 200), "_" + strings.Repeat("a", 59) + "._" + strings.Repeat("b", 59) + "." + strings.Repeat("c", 60) + "." + strings.Repeat("d", 60) + ".svc", "web;rm", "$(id)", "fe80::1%eth0", "::1%\xa0"} {
		if all, err := Parse(typed, "shop", "cluster.local"); err == nil {
			t.Errorf("%q: got %+v", typed, all)
		} else if text := err.Error(); text != plain.Text(text) {
			t.Errorf("%q: the error has it as it is: %q", typed, text)
		}
	}
}

func TestTimesAsPeopleSayThem(t *testing.T) {
	zone := time.FixedZone("CET", 3600)
	now := time.Date(2026, 11, 28, 14, 7, 10, 0, zone)
	for text, want := range map[string]string{
		"14:03":                     "2026-11-28T13:03:00Z",
		"14:03:05":                  "2026-11-28T13:03:05Z",
		"15:00":                     "2026-11-27T14:00:00Z",
		"10m":                       "2026-11-28T12:57:10Z",
		"2026-11-28T13:03:00Z":      "2026-11-28T13:03:00Z",
		"2026-11-28T13:03:00+01:00": "2026-11-28T12:03:00Z",
	} {
		if got, err := Time(text, now); err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%s: got %v and %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "soon", "25:00", "-10m", "2026-11-29T00:00:00Z", "2000h"} {
		if got, err := Time(text, now); err == nil {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

func TestAWindowHasABeginningAndAnEnd(t *testing.T) {
	now := time.Date(2026, 11, 28, 14, 7, 10, 0, time.UTC)
	for _, row := range []struct {
		from, to string
		ok       bool
	}{
		{"13:00", "14:00", true},
		{"13:00", "", true},
		{"1h", "30m", true},
		{"14:00", "13:00", false},
		{"14:00", "14:00", false},
		{"30h", "1h", false},
		{"30h", "soon", false},
	} {
		if a, b, err := Window(row.from, row.to, now); (err == nil) != row.ok {
			t.Errorf("%s to %s: got %v, %v and %v", row.from, row.to, a, b, err)
		}
	}
}

// Whatever is typed, each reading of it is a name that is read in the same way.
func FuzzQuestion(f *testing.F) {
	for _, seed := range []string{"web", "web-2.web", "_http._tcp.web", "web.db.svc", "web-2.web.db.svc.cluster.local.", "10.1.9.31", "fd00::1", "db.example.com.", "a.b.c.d.e", "_._tcp.web", "..", ".svc"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		all, err := Parse(typed, "shop", "cluster.local")
		if err != nil {
			if text := err.Error(); text != plain.Text(text) {
				t.Fatalf("%q: the error has it as it is: %q", typed, text)
			}
			return
		}
		if len(all) == 0 {
			t.Fatalf("%q has no reading", typed)
		}
		for _, q := range all {
			name := q.Name()
			if _, ok := dns.IsDomainName(name); !ok || name != plain.Text(name) {
				t.Fatalf("%q is read as %q, which is no name", typed, name)
			}
			if q.Outside || q.Address.IsValid() {
				continue
			}
			again, err := Parse(name, "elsewhere", "cluster.local")
			if err != nil || again[0].Name() != name || again[0].Key() != q.Key() || again[0].Endpoint != q.Endpoint || again[0].Port != q.Port {
				t.Fatalf("%q is read as %q, and that as %+v, %v", typed, name, again, err)
			}
		}
	})
}
