package status

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write what pages look like to testdata")

// get asks for a page.
func get(t *testing.T, pages Pages, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Host = "localhost:8053"
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	newGate((&router{pages, func() time.Time { return now }}).reply).ServeHTTP(w, r)
	return w
}

// TestPages compares each page in each form. -update writes them, to be looked at.
func TestPages(t *testing.T) {
	calm := aBadNight()
	calm.overview = aCalmDay()
	then := aBadNight()
	then.service.At, then.service.Names = at("03:03:00"), nil
	for _, row := range []struct {
		name  string
		pages Pages
		path  string
	}{
		{"overview", aBadNight(), "/?"},
		{"overview-calm", calm, "/?"},
		{"services", aBadNight(), "/services?"},
		{"service", aBadNight(), "/services/shop/web?"},
		{"service-at", then, "/services/shop/web?at=03:03:00&"},
		{"service-history", aBadNight(), "/services/shop/web/history?from=02:00&endpoint=web-2&"},
		{"history", aBadNight(), "/history?"},
		{"error", aBadNight(), "/services/shop/none?"},
		{"help", aBadNight(), "/help?"},
	} {
		for _, form := range []string{"html", "text", "json"} {
			got := get(t, row.pages, row.path+"format="+form).Body.Bytes()
			file := filepath.Join("testdata", row.name+"."+map[string]string{"html": "html", "text": "txt", "json": "json"}[form])
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("%s is not what %s has: run with -update, and look at the difference", row.path+"format="+form, file)
			}
		}
	}
}

// TestSizes holds a page to what somebody far away can load.
func TestSizes(t *testing.T) {
	if n := get(t, aBadNight(), "/services/shop/web", "Accept", "text/html").Body.Len(); n > 30_000 {
		t.Errorf("the page of a Service has %d bytes", n)
	}
	if n := len(assets["/style.css"].content) + len(assets["/why.js"].content); n > 9_000 {
		t.Errorf("what pages load has %d bytes", n)
	}
}
