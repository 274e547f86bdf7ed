package status

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestWhoMayRead(t *testing.T) {
	for _, row := range []struct {
		name, method, host, path string
		header                   []string
		code                     int
		reason                   string
	}{
		{"a name that is only here", "GET", "localhost:8053", "/", nil, 200, ""},
		{"another port, by kubectl port-forward", "GET", "LocalHost:12345", "/", nil, 200, ""},
		{"an address", "GET", "127.0.0.1:8053", "/", nil, 200, ""},
		{"an address without a port", "GET", "10.1.0.5", "/", nil, 200, ""},
		{"an address of IPv6", "GET", "[::1]:8053", "/", nil, 200, ""},
		{"an address of IPv6 without a port", "GET", "[::1]", "/", nil, 200, ""},
		{"HEAD", "HEAD", "localhost:8053", "/", nil, 200, ""},
		{"a name that leads here", "GET", "rebound.example:8053", "/", nil, 421, byHost},
		{"a name that begins like a good one", "GET", "localhost.evil.example", "/", nil, 421, byHost},
		{"a name below a good one", "GET", "a.localhost", "/", nil, 421, byHost},
		{"a number that a browser takes for an address", "GET", "2130706433", "/", nil, 421, byHost},
		{"an address of an interface", "GET", "[fe80::1%25eth0]:8053", "/", nil, 421, byHost},
		{"nobody", "GET", "", "/", nil, 421, byHost},
		{"what a page loads, by such a name", "GET", "rebound.example:8053", "/style.css", nil, 421, byHost},
		{"POST", "POST", "localhost:8053", "/", nil, 405, byMethod},
		{"PUT, of a name that leads here", "PUT", "rebound.example", "/", nil, 421, byHost},
		{"OPTIONS, which asks what another site may", "OPTIONS", "localhost:8053", "/", nil, 405, byMethod},
		{"TRACE", "TRACE", "localhost:8053", "/", nil, 405, byMethod},
		{"somebody who types the address", "GET", "localhost:8053", "/", []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 200, ""},
		{"the page itself", "GET", "localhost:8053", "/", []string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "cors"}, 200, ""},
		{"a link of another site", "GET", "localhost:8053", "/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 200, ""},
		{"a script of another site", "GET", "localhost:8053", "/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "script"}, 403, byFetch},
		{"a frame of another site", "GET", "localhost:8053", "/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, 403, byFetch},
		{"another port of this host", "GET", "localhost:8053", "/?format=json", []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors"}, 403, byFetch},
		{"a URL of 2 KiB", "GET", "localhost:8053", "/services?q=" + strings.Repeat("a", maxURL-len("/services?q=")), nil, 200, ""},
		{"a longer URL", "GET", "localhost:8053", "/services?q=" + strings.Repeat("a", maxURL), nil, 414, ""},
		{"no page", "GET", "localhost:8053", "/nothing", nil, 404, ""},
		{"a page below none", "GET", "localhost:8053", "/services/a/b/c/d", nil, 404, ""},
		{"a Service that nobody knows", "GET", "localhost:8053", "/services/shop/nobody", nil, 404, ""},
		{"no form", "GET", "localhost:8053", "/?format=xml", nil, 400, ""},
		{"a page that is read anew too often", "GET", "localhost:8053", "/?refresh=1", nil, 400, ""},
		{"a time that is none", "GET", "localhost:8053", "/services/shop/web?at=yesterday", nil, 400, ""},
		{"a window that ends before it begins", "GET", "localhost:8053", "/services/shop/web?from=03:00&to=02:00", nil, 400, ""},
		{"page 0", "GET", "localhost:8053", "/services?page=0", nil, 400, ""},
	} {
		before := 0.0
		if row.reason != "" {
			before = testutil.ToFloat64(rejectedTotal.WithLabelValues(row.reason))
		}
		r := httptest.NewRequest(row.method, row.path, nil)
		r.Host = row.host
		for i := 0; i < len(row.header); i += 2 {
			r.Header.Set(row.header[i], row.header[i+1])
		}
		w := httptest.NewRecorder()
		newGate((&router{aBadNight(), func() time.Time { return now }}).reply).ServeHTTP(w, r)
		if w.Code != row.code {
			t.Errorf("%s: got %d, want %d", row.name, w.Code, row.code)
		}
		if row.reason != "" && testutil.ToFloat64(rejectedTotal.WithLabelValues(row.reason)) != before+1 {
			t.Errorf("%s: it is not counted as %s", row.name, row.reason)
		}
		if row.code == 421 && w.Body.String() != "open this page as localhost or by an address\n" {
			t.Errorf("%s: it is told %q", row.name, w.Body)
		}
		if row.method == "HEAD" && w.Body.Len() > 0 {
			t.Errorf("%s: it has a body", row.name)
		}
		checkHeaders(t, row.name, w.Header())
	}
}

// checkHeaders wants what each reply has, whatever it is.
func checkHeaders(t *testing.T, name string, got http.Header) {
	t.Helper()
	for header, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; " +
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
	} {
		if got.Get(header) != want {
			t.Errorf("%s: %s is %q", name, header, got.Get(header))
		}
	}
	for header := range got {
		if strings.HasPrefix(header, "Access-Control-") || header == "Set-Cookie" {
			t.Errorf("%s: it has %s", name, header)
		}
	}
}

func TestForms(t *testing.T) {
	for _, row := range []struct {
		name, query, accept, kind string
	}{
		{"curl", "", "*/*", "text/plain; charset=utf-8"},
		{"a browser", "", "text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"},
		{"a browser that wants text", "?format=text", "text/html", "text/plain; charset=utf-8"},
		{"a program", "?format=json", "*/*", "application/json"},
	} {
		w := get(t, aBadNight(), "/"+row.query, "Accept", row.accept)
		if w.Header().Get("Content-Type") != row.kind || w.Header().Get("Vary") != "Accept" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: got %v", row.name, w.Header())
		}
	}
	w := get(t, aBadNight(), "/?refresh=10", "Accept", "text/html")
	if w.Header().Get("Refresh") != "10" {
		t.Errorf("the page is not read anew: %v", w.Header())
	}
	if w := get(t, aBadNight(), "/?refresh=10"); w.Header().Get("Refresh") != "" {
		t.Errorf("text is read anew: %v", w.Header())
	}
}

func TestFilesAreKeptForAnHour(t *testing.T) {
	for _, path := range []string{"/style.css", "/why.js", "/favicon.svg"} {
		w := get(t, aBadNight(), path)
		etag := w.Header().Get("ETag")
		if w.Code != 200 || etag == "" || w.Header().Get("Cache-Control") != "max-age=3600" || w.Body.Len() == 0 {
			t.Errorf("%s: got %d with %v", path, w.Code, w.Header())
		}
		if w := get(t, aBadNight(), path, "If-None-Match", etag); w.Code != 304 || w.Body.Len() > 0 {
			t.Errorf("%s again: got %d with %d bytes", path, w.Code, w.Body.Len())
		}
	}
}

func TestASearchWithOneHitLeadsThere(t *testing.T) {
	f := aBadNight()
	f.services.Services, f.services.Total = f.services.Services[4:5], 1
	f.services.Services[0].Matches = []string{"web-2 had 10.1.9.31 until 02:00:00"}
	if w := get(t, f, "/services?q=10.1.9.31"); w.Code != 200 || !strings.Contains(w.Body.String(), "web-2 had 10.1.9.31 until 02:00:00") {
		t.Errorf("an address of the past gets %d and %s", w.Code, w.Body)
	}
	f.services.Services[0].Matches = []string{"10.1.9.31"}
	w := get(t, f, "/services?q=10.1.9.31&format=text")
	if w.Code != 303 || w.Header().Get("Location") != "/services/shop/web?format=text" {
		t.Errorf("got %d to %q", w.Code, w.Header().Get("Location"))
	}
	if w := get(t, f, "/services"); w.Code != 200 {
		t.Errorf("a list of one is %d", w.Code)
	}
}

func TestTimes(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{"03:03:00", "2026-11-28T03:03:00Z"}, {"03:03", "2026-11-28T03:03:00Z"}, {"23:00", "2026-11-27T23:00:00Z"},
		{"10m", "2026-11-28T02:57:42Z"}, {"2026-11-20T01:02:03+01:00", "2026-11-20T00:02:03Z"},
	} {
		f := aBadNight()
		get(t, f, "/services/shop/web?at="+strings.ReplaceAll(row.text, "+", "%2B"))
		if got := f.asked.(*ServiceQuery).At.Truncate(time.Second).Format(time.RFC3339); got != row.want {
			t.Errorf("%s is %s, want %s", row.text, got, row.want)
		}
	}
	f := aBadNight()
	get(t, f, "/services/shop/web?from=2026-01-01T00:00:00Z")
	if q := f.asked.(*ServiceQuery); q.To.Sub(q.From) != MaxWindow {
		t.Errorf("the window is %s", q.To.Sub(q.From))
	}
}

func TestListsHavePages(t *testing.T) {
	f := aBadNight()
	f.services.Total = 2*RowsPerPage + 1
	w := get(t, f, "/services?q=shop&format=json&page=2")
	if want := `"next":"/services?format=json\u0026page=3\u0026q=shop"`; !strings.Contains(w.Body.String(), want) || f.asked.(*ServicesQuery).Page != 1 {
		t.Errorf("got %s", w.Body)
	}
	if w := get(t, f, "/services?page=3&format=json"); strings.Contains(w.Body.String(), `"next"`) {
		t.Errorf("the last one has another one: %s", w.Body)
	}
	for range LinesPerPage {
		f.history.Events = append(f.history.Events, f.history.Events[0])
	}
	w = get(t, f, "/history?format=text")
	if !strings.Contains(w.Body.String(), "The lines before; more: /history?format=text&from=2026-11-28T02%3A07%3A42.100Z&page=2&to=2026-11-28T03%3A07%3A42.100Z") {
		t.Errorf("got %.300s", w.Body)
	}
}

// A server at a port that is free.
func serving(t *testing.T, pages Pages, p patience) *Server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := serve(listener, pages, p)
	t.Cleanup(s.End)
	return s
}

func dial(t *testing.T, s *Server) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// ask sends a request, and returns the code of the reply, or 0 where none comes in time.
func ask(t *testing.T, c net.Conn, path string, within time.Duration) int {
	t.Helper()
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)
	if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	// What is left of it is of no interest.
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

func TestTheSeventeenthConnectionWaits(t *testing.T) {
	s := serving(t, aBadNight(), defaultPatience)
	var all []net.Conn
	for range maxConnections {
		c := dial(t, s)
		if code := ask(t, c, "/", 5*time.Second); code != 200 {
			t.Fatalf("a connection gets %d", code)
		}
		all = append(all, c)
	}
	next := dial(t, s)
	if code := ask(t, next, "/", 200*time.Millisecond); code != 0 {
		t.Errorf("the next one gets %d", code)
	}
	all[0].Close()
	if err := next.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if response, err := http.ReadResponse(bufio.NewReader(next), nil); err != nil || response.StatusCode != 200 {
		t.Errorf("after one has left, it gets %v, %v", response, err)
	}
}

func TestWhoWaitsTooLongForAPageIsTurnedAway(t *testing.T) {
	f := aBadNight()
	held, leave := make(chan struct{}, maxRenders), make(chan struct{})
	f.block = func() { held <- struct{}{}; <-leave }
	g := newGate((&router{f, time.Now}).reply)
	g.wait = 10 * time.Millisecond
	var done atomic.Int32
	for range maxRenders {
		go func() {
			r := httptest.NewRequest("GET", "/history", nil)
			r.Host = "localhost"
			g.ServeHTTP(httptest.NewRecorder(), r)
			done.Add(1)
		}()
		<-held
	}
	r := httptest.NewRequest("GET", "/history", nil)
	r.Host = "localhost"
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	if w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("got %d with %v", w.Code, w.Header())
	}
	checkHeaders(t, "busy", w.Header())
	if w := httptest.NewRecorder(); true {
		r := httptest.NewRequest("GET", "/style.css", nil)
		r.Host = "localhost"
		if g.ServeHTTP(w, r); w.Code != 200 {
			t.Errorf("what a page loads gets %d", w.Code)
		}
	}
	close(leave)
	for deadline := time.Now().Add(5 * time.Second); done.Load() < maxRenders; {
		if time.Now().After(deadline) {
			t.Fatal("the others got no page")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestLargeHeadersAndSlowClientsAreCutOff(t *testing.T) {
	s := serving(t, aBadNight(), patience{read: 50 * time.Millisecond, write: 10 * time.Second, idle: time.Minute})
	c := dial(t, s)
	fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: %s\r\n\r\n", strings.Repeat("a", 8<<10))
	if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if response, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || response.StatusCode != 431 {
		t.Errorf("long headers get %v, %v", response, err)
	}
	slow := dial(t, s)
	fmt.Fprintf(slow, "GET / HTTP/1.1\r\nHost: loc")
	if err := slow.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(slow); err != nil {
		t.Errorf("who sends slowly is not cut off: %v", err)
	}
}

// A client that does not read what it gets keeps nobody from theirs, and is cut off.
func TestASlowReaderKeepsNobodyFromTheirs(t *testing.T) {
	f := aBadNight()
	f.overview.Findings[0].Detail = strings.Repeat("a", 1<<20)
	s := serving(t, f, patience{read: time.Minute, write: 300 * time.Millisecond, idle: time.Minute})
	for range maxRenders + 2 {
		c := dial(t, s)
		fmt.Fprintf(c, "GET /?format=json HTTP/1.1\r\nHost: localhost\r\n\r\n")
	}
	if code := ask(t, dial(t, s), "/history", 5*time.Second); code != 200 {
		t.Errorf("another one gets %d", code)
	}
}

func TestAnAddressThatIsTakenIsAnError(t *testing.T) {
	s := serving(t, aBadNight(), defaultPatience)
	if _, err := Listen(netip.MustParseAddrPort(s.Addr().String()), aBadNight()); err == nil {
		t.Error("two pages are at one address")
	}
}

func TestAReplyThatIsTooLargeIsNone(t *testing.T) {
	f := aBadNight()
	f.overview.Findings[0].Detail = strings.Repeat("a ", most[inText])
	for _, form := range []string{"text", "html"} {
		if w := get(t, f, "/?format="+form); w.Code != 500 || w.Body.Len() > 10_000 {
			t.Errorf("%s: got %d with %d bytes", form, w.Code, w.Body.Len())
		}
	}
}
