package check

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// termsWith returns default terms that are on, after edits.
func TestATargetIsAskedByItsOwnName(t *testing.T) {
	for _, c := range []struct {
		kind       Kind
		spec       Spec
		host, name string
	}{
		{HTTP, Spec{}, "db.example.org", ""},
		{HTTPS, Spec{}, "db.example.org", "db.example.org"},
		{HTTPS, Spec{Host: "other", Name: "third"}, "other", "third"},
		{TLS, Spec{}, "", "db.example.org"},
		{DNS, Spec{Name: "example.com"}, "", "example.com"},
		{Postgres, Spec{}, "", ""},
	} {
		c.spec.Kind = c.kind
		if got := c.spec.For("db.example.org"); got.Host != c.host || got.Name != c.name {
			t.Errorf("%s: got the host %q and the name %q, want %q and %q", c.kind, got.Host, got.Name, c.host, c.name)
		}
		if got := c.spec.For(""); got != c.spec {
			t.Errorf("%s: an address is asked as %+v", c.kind, got)
		}
	}
}

func termsWith(edits ...func(*Terms)) Terms {
	t := DefaultTerms()
	t.Mode, t.Allow = On, "* to 10.0.0.0/8 ports 1-65535 kinds tcp"
	for _, edit := range edits {
		edit(&t)
	}
	return t
}

// specWith returns the default Spec of a kind, after an edit.
func specWith(kind Kind, edit func(*Spec)) Spec {
	s := Spec{Kind: kind, Interval: 10 * time.Second, Idle: time.Minute, Timeout: 2 * time.Second, Fall: 3, Rise: 2}
	edit(&s)
	return s
}

func asItIs(*Spec) {}

func TestAServiceSaysHowItIsChecked(t *testing.T) {
	const ca = "-----BEGIN CERTIFICATE-----"
	for _, c := range []struct {
		name, text string
		want       Wanted
	}{
		{"a kind alone", "tcp", Wanted{specWith(TCP, asItIs), ""}},
		{"a kind in capitals, with spaces around", " \tPostgres\n", Wanted{specWith(Postgres, asItIs), ""}},
		{"a number", "postgres 5432", Wanted{specWith(Postgres, asItIs), "5432"}},
		{"a number with zeros in front", "postgres 005432", Wanted{specWith(Postgres, asItIs), "5432"}},
		{"the name of a port", "redis Redis-Main", Wanted{specWith(Redis, asItIs), "redis-main"}},
		{"a name that has digits first", "redis 6379-main", Wanted{specWith(Redis, asItIs), "6379-main"}},
		{"a path and a host", "https port-name path=/healthz host=DB.example.org.", Wanted{
			specWith(HTTPS, func(s *Spec) { s.Path, s.Host, s.Name = "/healthz", "db.example.org", "db.example.org" }), "port-name"}},
		{"a host, and another name in the handshake", "https path=/ping host=a.example.org name=b.example.org", Wanted{
			specWith(HTTPS, func(s *Spec) { s.Path, s.Host, s.Name = "/ping", "a.example.org", "b.example.org" }), ""}},
		{"an address of IPv6 as host", "https path=/ping host=2001:DB8::1", Wanted{
			specWith(HTTPS, func(s *Spec) { s.Path, s.Host, s.Name = "/ping", "[2001:db8::1]", "2001:db8::1" }), ""}},
		{"an address of IPv4 as host", "http path=/ping host=::ffff:10.0.0.1", Wanted{
			specWith(HTTP, func(s *Spec) { s.Path, s.Host = "/ping", "10.0.0.1" }), ""}},
		{"a service of gRPC, with capitals", "grpc 9000 service=orders.v1.Orders", Wanted{
			specWith(GRPC, func(s *Spec) { s.Service = "orders.v1.Orders" }), "9000"}},
		{"the server as a whole", "grpc service=", Wanted{specWith(GRPC, asItIs), ""}},
		{"a certificate to verify", "tls 636 verify name=ldap.example.org", Wanted{
			specWith(TLS, func(s *Spec) { s.Verify, s.CA, s.Name = true, ca, "ldap.example.org" }), "636"}},
		{"a certificate to verify, without a port", "tls Verify", Wanted{specWith(TLS, func(s *Spec) { s.Verify, s.CA = true, ca }), ""}},
		{"a certificate of an address", "tls verify name=[2001:db8::1]", Wanted{
			specWith(TLS, func(s *Spec) { s.Verify, s.CA, s.Name = true, ca, "2001:db8::1" }), ""}},
		{"a zone", "dns name=_Foo.Example.org.", Wanted{specWith(DNS, func(s *Spec) { s.Name = "_foo.example.org" }), ""}},
		{"the root", "dns 53 name=.", Wanted{specWith(DNS, func(s *Spec) { s.Name = "." }), "53"}},
		{"how it is closed", "tcp 3000 close=reset", Wanted{specWith(TCP, func(s *Spec) { s.Reset = true }), "3000"}},
		{"a longer interval", "tcp interval=30s", Wanted{specWith(TCP, func(s *Spec) { s.Interval = 30 * time.Second }), ""}},
		{"an interval longer than the idle one", "tcp INTERVAL=5m", Wanted{
			specWith(TCP, func(s *Spec) { s.Interval, s.Idle = 5*time.Minute, 5*time.Minute }), ""}},
		{"no check", "off", Wanted{}},
		{"no check, in capitals", " OFF ", Wanted{}},
	} {
		terms := termsWith(func(t *Terms) { t.CA = ca })
		if got, err := terms.Parse(c.text); err != nil || got != c.want {
			t.Errorf("%s: got %+v and the error %v, want %+v", c.name, got, err, c.want)
		}
	}
}

func TestNothingIsAskedForWhereChecksAreOff(t *testing.T) {
	for _, text := range []string{"postgres 5432", "nonsense"} {
		if got, err := (Terms{}).Parse(text); err != nil || got != (Wanted{}) {
			t.Errorf("%s: got %+v and the error %v", text, got, err)
		}
	}
}

func TestMistakesInACheck(t *testing.T) {
	const (
		kinds = "tcp tls http https grpc dns postgres redis"
		paths = "/healthz /livez /readyz /health /ready /-/healthy /-/ready /ping"
	)
	noPath := func(path string) string {
		return fmt.Sprintf("path=%q is no path that a check may ask for: want "+
			`a / and up to 255 characters of a URL behind it, without a segment . or .., and without escapes of control characters or of . / \ and %%`, path)
	}
	for _, c := range []struct {
		name, text, want string
		refusal          Refusal
	}{
		{"nothing", " ", "it is empty: want " + form + ", or off", 0},
		{"a kind that nobody knows", "udp 53", `"udp" is no kind of check: want one of ` + kinds + ", or off", 0},
		{"a port in place of a kind", "5432", `"5432" is no kind of check: want one of ` + kinds + ", or off", 0},
		{"MySQL", "mysql 3306", "there is no kind mysql: to the server, each check without a user is a broken handshake, " +
			"and after max_connect_errors of them it blocks this host; want one of " + kinds + ", or off", 0},
		{"off with more", "off 5432", "off ends a check: nothing can stand behind it", 0},
		{"the port 0", "tcp 0", "port 0 is not in range [1, 65535]", 0},
		{"a port too far", "tcp 65536", "port 65536 is not in range [1, 65535]", 0},
		{"a port below 0", "tcp -1", `"-1" is no port: want the name of a port, or a number in range [1, 65535]`, 0},
		{"a port with an underscore", "tcp my_port", `"my_port" is no port: want the name of a port, or a number in range [1, 65535]`, 0},
		{"a second port", "tcp 1 2", `"2" is no part of a check: want ` + form + "; a port stands behind the kind", 0},
		{"an option that nobody knows", "tcp timeout=1s", `"timeout=1s" is no part of a check: want ` + form + "; a port stands behind the kind", 0},
		{"an option of another kind", "redis path=/healthz", "path is nothing for redis: only http https can have it", 0},
		{"closing what is never open", "dns name=a close=reset", "close is nothing for dns: only tcp tls http https grpc postgres redis can have it", 0},
		{"an option twice", "http path=/ping PATH=/ready", "path is given twice", 0},
		{"verify with a value", "tls verify=false", "verify has no value: leave it out where the certificate is not to be verified", 0},
		{"an option without a value", "http path= /ping", "path needs a value, as in path=VALUE without spaces", 0},
		{"a path that the Corefile does not have", "http path=/admin", "path=/admin is not in check_paths of the Corefile: want one of " + paths, ByPath},
		{"a path in other letters", "http path=/Healthz", "path=/Healthz is not in check_paths of the Corefile: want one of " + paths, ByPath},
		{"a path without its slash", "http path=healthz", noPath("healthz"), ByPath},
		{"a URL", "http path=http://169.254.169.254/", noPath("http://169.254.169.254/"), ByPath},
		{"a path up", "http path=/ping/../admin", noPath("/ping/../admin"), ByPath},
		{"a path up with a parameter", "http path=/ping/..;a=b/admin", noPath("/ping/..;a=b/admin"), ByPath},
		{"a path up by escapes", "http path=/ping/%2E%2e/admin", noPath("/ping/%2E%2e/admin"), ByPath},
		{"an escaped end of line", "http path=/ping%0d%0aHost:x", noPath("/ping%0d%0aHost:x"), ByPath},
		{"a path that stays", "http path=/./ping", noPath("/./ping"), ByPath},
		{"an escaped control character", "http path=/ping%7F", noPath("/ping%7F"), ByPath},
		{"an escaped end of line in a query", "http path=/ping?a=%0A", noPath("/ping?a=%0A"), ByPath},
		{"an escape that is none", "http path=/ping%5z", noPath("/ping%5z"), ByPath},
		{"half an escape", "http path=/ping%2", noPath("/ping%2"), ByPath},
		{"a letter that is not of ASCII", "http path=/pïng", noPath("/pïng"), ByPath},
		{"a control character", "http path=/ping\x00", noPath("/ping\x00"), ByPath},
		{"no path", "https 443", "https needs path=, one of " + paths, 0},
		{"a host with a port", "http path=/ping host=a.example.org:80",
			`host="a.example.org:80" is neither a domain name nor an address; the port needs no mention`, 0},
		{"a host with a scheme", "http path=/ping host=http://a", `host="http://a" is neither a domain name nor an address; the port needs no mention`, 0},
		{"a host of a link", "http path=/ping host=fe80::1%eth0", `host="fe80::1%eth0" is neither a domain name nor an address; the port needs no mention`, 0},
		{"a label too long", "tls name=" + strings.Repeat("a", 64), `name="` + strings.Repeat("a", 64) + `" is neither a domain name nor an address`, 0},
		{"an empty label", "dns name=a..b", `name="a..b" is not a domain name`, 0},
		{"no zone", "dns 53", "dns needs name=, a zone that the server answers for, as in name=example.org", 0},
		{"a service with a space in it, escaped", "grpc service=a%20b",
			`service="a%20b" is not the name of a gRPC service such as orders.v1.Orders, of at most 255 letters, digits, and signs . _ / -`, 0},
		{"another way to close", "tcp close=fin", "close=fin is unknown: want close=reset, or leave it out", 0},
		{"an interval that is too short", "tcp interval=9s",
			"interval=9s must be a duration in range [10s, 1h0m0s]; the least one is check_interval of the Corefile", 0},
		{"an interval that is too long", "tcp interval=2h",
			"interval=2h must be a duration in range [10s, 1h0m0s]; the least one is check_interval of the Corefile", 0},
		{"no interval", "tcp interval=30", "interval=30 must be a duration in range [10s, 1h0m0s]; the least one is check_interval of the Corefile", 0},
		{"too much", "tcp " + strings.Repeat("x", 1021), "1025 bytes are more than 1024", 0},
	} {
		got, err := termsWith().Parse(c.text)
		if fmt.Sprint(err) != c.want || got != (Wanted{}) {
			t.Errorf("%s: got %+v and the error\n%v, want\n%s", c.name, got, err, c.want)
		}
		if refusal := RefusalOf(err); refusal != c.refusal {
			t.Errorf("%s: the refusal is %v, want %v", c.name, refusal, c.refusal)
		}
	}
}

func TestPathsOfTheCorefile(t *testing.T) {
	for _, c := range []struct {
		name, paths, path string
		want              bool
	}{
		{"the default list", "", "/-/ready", true},
		{"outside of the default list", "", "/", false},
		{"an own list", "/up /down?a=b", "/down?a=b", true},
		{"the default list, where there is an own one", "/up", "/ping", false},
		{"another query", "/down?a=b", "/down?a=c", false},
		{"any path", "any", "/a..b/...;c/b%20c;d?e=%3A", true},
		{"a path up, where any is allowed", "any", "/a/..", false},
	} {
		terms := termsWith(func(t *Terms) { t.Paths = c.paths })
		got, err := terms.Parse("http path=" + c.path)
		if (err == nil) != c.want || c.want && got.Spec.Path != c.path {
			t.Errorf("%s: got %+v and the error %v", c.name, got, err)
		}
	}
	if _, err := termsWith(func(t *Terms) { t.Paths = "any" }).Parse("http"); fmt.Sprint(err) != "http needs path=, as in path=/healthz" {
		t.Errorf("without a path where any is allowed: %v", err)
	}
}

func TestAPortIsOneOfTheTarget(t *testing.T) {
	port := func(name string, protocol model.Protocol, number uint16) model.Port {
		return model.Port{Name: name, Protocol: protocol, Number: number}
	}
	sql, admin := port("sql", model.TCP, 5432), port("admin", model.TCP, 8080)
	dnsTCP, dnsUDP := port("dns-tcp", model.TCP, 53), port("dns", model.UDP, 53)
	for _, c := range []struct {
		name  string
		kind  Kind
		port  string
		ports []model.Port
		want  uint16
	}{
		{"the only one", Postgres, "", []model.Port{sql}, 5432},
		{"the only one of its protocol", TCP, "", []model.Port{dnsUDP, sql}, 5432},
		{"one number with two names", TCP, "", []model.Port{sql, port("other", model.TCP, 5432)}, 5432},
		{"any of two", TCP, "", []model.Port{sql, admin}, 0},
		{"none at all", TCP, "", nil, 0},
		{"by name", TCP, "admin", []model.Port{sql, admin}, 8080},
		{"by the name of nothing", TCP, "nothing", []model.Port{sql, admin}, 0},
		{"by number", TCP, "5432", []model.Port{sql, admin}, 5432},
		{"by a number that the target does not have", TCP, "22", []model.Port{sql, admin}, 0},
		{"by a number that is a name", TCP, "5432", []model.Port{port("5432", model.TCP, 22)}, 0},
		{"one without a name", TCP, "", []model.Port{port("", model.TCP, 5432)}, 5432},
		{"DNS by UDP", DNS, "", []model.Port{dnsTCP, dnsUDP}, 53},
		{"DNS by number, where UDP has another one", DNS, "53", []model.Port{dnsTCP, port("dns", model.UDP, 5353)}, 0},
		{"DNS where there is TCP only", DNS, "", []model.Port{dnsTCP}, 0},
		{"a UDP port by the name of it", TCP, "dns", []model.Port{dnsUDP}, 0},
		{"SCTP", TCP, "", []model.Port{port("s", model.SCTP, 38412)}, 0},
	} {
		w := Wanted{Spec: Spec{Kind: c.kind}, Port: c.port}
		if got, ok := w.PortIn(c.ports); got != c.want || ok != (c.want != 0) {
			t.Errorf("%s: got %d, %v, want %d", c.name, got, ok, c.want)
		}
	}
}

// FuzzCheck makes sure that whatever a Service says is refused, or a check with nothing in it
// that could end a line, a word or a name.
func FuzzCheck(f *testing.F) {
	for _, text := range []string{
		"postgres 5432", "https port-name path=/healthz host=db.example.org", "grpc 9000 service=orders.v1.Orders", "off", "tls verify name=a close=reset",
		"dns 53 name=.", "http path=/a%0d", "http path=/a/../b", "tcp interval=1h", "http path=/healthz host=[::1]", "tls name=::ffff:1.2.3.4", "redis 70000",
	} {
		f.Add(text, true)
		f.Add(text, false)
	}
	f.Fuzz(func(t *testing.T, text string, anyPath bool) {
		terms := termsWith(func(t *Terms) {
			if anyPath {
				t.Paths = everyPath
			}
		})
		w, err := terms.Parse(text)
		if err != nil {
			if w != (Wanted{}) {
				t.Errorf("%q: %v, and yet %+v", text, err, w)
			}
			return
		}
		if w != (Wanted{}) {
			checkWanted(t, text, w, anyPath)
		}
	})
}

func checkWanted(t *testing.T, text string, w Wanted, anyPath bool) {
	t.Helper()
	s := &w.Spec
	for _, each := range []string{s.Path, s.Host, s.Name, s.Service, w.Port} {
		if len(each) > 256 || strings.ContainsFunc(each, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			t.Errorf("%q: %q can be in nothing that is sent", text, each)
		}
	}
	web := s.Kind == HTTP || s.Kind == HTTPS
	switch {
	case s.Kind < TCP || s.Kind >= Kinds:
		t.Errorf("%q: the kind %d", text, s.Kind)
	case web != (s.Path != ""), web && !anyPath && !slices.Contains(defaultPaths, s.Path), strings.Contains(s.Path+"/", "/../"):
		t.Errorf("%q: the path %q", text, s.Path)
	case s.Kind == DNS && s.Name == "", s.Service != "" && s.Kind != GRPC, s.Verify && s.Kind != TLS && s.Kind != HTTPS:
		t.Errorf("%q: got %+v", text, w)
	case s.Interval < 10*time.Second, s.Idle < s.Interval, s.Interval > time.Hour, s.Timeout != 2*time.Second, s.Fall != 3, s.Rise != 2:
		t.Errorf("%q: it takes %v of %v, %v, %d and %d", text, s.Timeout, s.Interval, s.Idle, s.Fall, s.Rise)
	}
	if _, ok := w.PortIn(nil); ok {
		t.Errorf("%q: a port of nothing", text)
	}
}
