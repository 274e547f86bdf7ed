package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"every section, an extended error, and types of all shapes", "sections.txt", `NOERROR qr aa rd
ede 14 (Not Ready): (no sync yet)
ede 22 (No Reachable Authority)
subnet 10.0.1.0/24/16
question _sql._tcp.db.default.svc.cluster.local. IN SRV
answer _sql._tcp.db.default.svc.cluster.local. 5 IN SRV 0 100 5432 db-0.db.default.svc.cluster.local.
answer text.example.org. 0 IN TXT "two  spaces" "1.1.0"
authority cluster.local. 1 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 1
additional db-0.db.default.svc.cluster.local. 5 IN AAAA fd00::1
`},
		{"a name error without a record", "nxdomain.txt", `NXDOMAIN qr aa
question nowhere.example.org. IN A
`},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			got, err := parse(read(t, tc.file))
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != tc.want {
				t.Errorf("got:\n%swant:\n%s", got, tc.want)
			}
		})
	}
}

func TestParseRefusesWhatItCannotReadWhole(t *testing.T) {
	sections := read(t, "sections.txt")
	tests := []struct{ name, out, want string }{
		{"no answer", ";; communications error\n", "no header"},
		{"a record is missing", strings.Replace(sections, "fd00::1", "fd00::1\n;", 1)[:strings.Index(sections, ";; ADDITIONAL")], "section ADDITIONAL, where its header says 1"},
		{"two messages", sections + sections, "second message"},
		{"a record that is none", strings.Replace(sections, "fd00::1", "fd00", 1), "cannot read the line"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := parse(tc.out); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q in it", err, tc.want)
			}
		})
	}
}

func TestDigThatIsMissingIsAnErrorThatSaysWhatInstallsIt(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Dig(t.Context(), "127.0.0.1:1", "example.org", "A")
	if err == nil || !strings.Contains(err.Error(), "`make test` installs it") || !strings.Contains(err.Error(), "bind9-dnsutils") {
		t.Errorf("got %v, want the way to install it", err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
