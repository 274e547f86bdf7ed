package status

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"
)

// router finds the page for a request.
type router struct {
	pages Pages
	now   func() time.Time
}

// request is what a page is asked for.
type request struct {
	now   time.Time
	form  form
	path  string
	query url.Values
	// refresh is how often the page reads itself anew, 0 where it does not.
	refresh time.Duration
}

// reply returns what a request gets.
func (t *router) reply(r *http.Request) *reply {
	q := &request{now: t.now().UTC(), path: r.URL.Path, query: r.URL.Query()}
	var err error
	if q.form, err = formOf(r, q.query); err != nil {
		return q.refuse(http.StatusBadRequest, err.Error())
	}
	if q.refresh, err = refreshOf(q.query.Get("refresh")); err != nil {
		return q.refuse(http.StatusBadRequest, err.Error())
	}
	p, err := t.page(q)
	if bad := (*mistake)(nil); errors.As(err, &bad) {
		return q.refuse(bad.code, bad.text)
	}
	if to := (*elsewhere)(nil); errors.As(err, &to) {
		return &reply{form: inText, code: http.StatusSeeOther, header: map[string]string{"Location": to.path}}
	}
	return q.write(p)
}

// mistake is what is wrong with a request.
type mistake struct {
	code int
	text string
}

func (m *mistake) Error() string { return m.text }

// elsewhere is where the page is.
type elsewhere struct{ path string }

func (e *elsewhere) Error() string { return e.path }

func refreshOf(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < minRefresh || n > maxRefresh {
		return 0, fmt.Errorf("refresh: want seconds, from %d to %d", minRefresh, maxRefresh)
	}
	return time.Duration(n) * time.Second, nil
}

// page returns the page, or why there is none.
func (t *router) page(q *request) (*page, error) {
	parts := strings.Split(strings.Trim(q.path, "/"), "/")
	switch {
	case q.path == "/":
		of := t.pages.Overview(q.now)
		return &page{of, func(b *bytes.Buffer) { textOverview(b, of) }, func(b *bytes.Buffer) { htmlOverview(b, q, of) }}, nil
	case q.path == "/help":
		return help(q), nil
	case q.path == "/services":
		return t.services(q)
	case q.path == "/history":
		return t.history(q, "", "")
	case len(parts) == 3 && parts[0] == "services":
		return t.service(q, parts[1], parts[2])
	case len(parts) == 4 && parts[0] == "services" && parts[3] == "history":
		return t.history(q, parts[1], parts[2])
	}
	return nil, &mistake{http.StatusNotFound, "no such page: want /, /services, /services/NAMESPACE/NAME or /history"}
}

func (t *router) services(q *request) (*page, error) {
	number, err := pageOf(q)
	if err != nil {
		return nil, err
	}
	of := t.pages.Services(&ServicesQuery{q.now, strings.ToLower(strings.TrimSpace(q.query.Get("q"))), q.query.Get("state"), number})
	if of.Query != "" && of.Total == 1 && len(of.Services) == 1 && !isPast(of) {
		return nil, &elsewhere{linkTo(&of.Services[0], keep(q.query, "format", "refresh"))}
	}
	if more := (number + 1) * RowsPerPage; more < of.Total {
		of.Next = q.with("page", strconv.Itoa(number+2))
	}
	return &page{of, func(b *bytes.Buffer) { textServices(b, of) }, func(b *bytes.Buffer) { htmlServices(b, q, of) }}, nil
}

// isPast reports whether an address was asked for that the Service has no more: the list says
// who had it, and until when.
func isPast(l *v1.ServiceList) bool {
	_, err := netip.ParseAddr(l.Query)
	return err == nil && !slices.Contains(l.Services[0].Matches, l.Query)
}

func (t *router) service(q *request, namespace, name string) (*page, error) {
	want := ServiceQuery{Now: q.now, Namespace: namespace, Name: name, Where: q.query.Get("where")}
	var err error
	if want.Page, err = pageOf(q); err != nil {
		return nil, err
	}
	if want.At, err = timeOf(q, "at", time.Time{}); err != nil {
		return nil, err
	}
	until := q.now
	if !want.At.IsZero() {
		until = want.At
	}
	if want.From, want.To, err = windowOf(q, until); err != nil {
		return nil, err
	}
	of := t.pages.Service(&want)
	if of == nil {
		return nil, &mistake{http.StatusNotFound, fmt.Sprintf("no headless or ExternalName Service %s/%s is served, nor known from before", shorten(namespace), shorten(name))}
	}
	if more := (want.Page + 1) * RowsPerPage; more < of.EndpointsTotal {
		of.Next = q.with("page", strconv.Itoa(want.Page+2))
	}
	return &page{bounded(of), func(b *bytes.Buffer) { textService(b, of) }, func(b *bytes.Buffer) { htmlService(b, q, of) }}, nil
}

func (t *router) history(q *request, namespace, name string) (*page, error) {
	want := HistoryQuery{Now: q.now, Namespace: namespace, Name: name, Where: q.query.Get("where"), Endpoint: strings.ToLower(q.query.Get("endpoint"))}
	var err error
	if want.Page, err = pageOf(q); err != nil {
		return nil, err
	}
	if want.From, want.To, err = windowOf(q, q.now); err != nil {
		return nil, err
	}
	of := t.pages.History(&want)
	if of == nil {
		return nil, &mistake{http.StatusNotFound, fmt.Sprintf("nothing is known of a Service %s/%s", shorten(namespace), shorten(name))}
	}
	if len(of.Decisions)+len(of.Events) > LinesPerPage {
		of.Decisions, of.Events = of.Decisions[:min(LinesPerPage, len(of.Decisions))], of.Events[:min(LinesPerPage, len(of.Events))]
		// Another page is of the same window, whenever it is read.
		of.Next = q.with("page", strconv.Itoa(want.Page+2), "from", want.From.Format(v1.Layout), "to", want.To.Format(v1.Layout))
	}
	return &page{of, func(b *bytes.Buffer) { textHistory(b, of) }, func(b *bytes.Buffer) { htmlHistory(b, q, of) }}, nil
}

// maxPage bounds the number of a page.
const maxPage = 10_000

// pageOf returns the number of the page, from 0. People count from 1.
func pageOf(q *request) (int, error) {
	text := q.query.Get("page")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxPage {
		return 0, &mistake{http.StatusBadRequest, fmt.Sprintf("page: want a number from 1 to %d", maxPage)}
	}
	return n - 1, nil
}

// timeOf reads a time: as RFC 3339 has it, of this day or the one before, in UTC, or how long
// ago.
func timeOf(q *request, name string, otherwise time.Time) (time.Time, error) {
	text := strings.TrimSpace(q.query.Get(name))
	if text == "" {
		return otherwise, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.UTC(), nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return q.now.Add(-d), nil
	}
	for _, layout := range []string{"15:04:05", "15:04", "15:04:05.000"} {
		if t, err := time.Parse(layout, text); err == nil {
			y, m, d := q.now.Date()
			at := time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
			if at.After(q.now) {
				at = at.AddDate(0, 0, -1)
			}
			return at, nil
		}
	}
	return otherwise, &mistake{http.StatusBadRequest, name + ": want a time such as 14:03, 2026-11-28T14:03:00Z, or 10m for ten minutes ago"}
}

// windowOf reads from and to.
func windowOf(q *request, until time.Time) (from, to time.Time, err error) {
	if to, err = timeOf(q, "to", until); err != nil {
		return from, to, err
	}
	if from, err = timeOf(q, "from", to.Add(-Window)); err != nil {
		return from, to, err
	}
	switch {
	case !from.Before(to):
		return from, to, &mistake{http.StatusBadRequest, "from: want a time before the one of to"}
	case to.Sub(from) > MaxWindow:
		from = to.Add(-MaxWindow)
	}
	return from, to, nil
}

// with returns the path of this page, with other parameters.
func (q *request) with(pairs ...string) string {
	query := keep(q.query, "q", "state", "format", "refresh", "where", "at", "from", "to", "endpoint")
	for i := 0; i < len(pairs); i += 2 {
		query.Set(pairs[i], pairs[i+1])
		if pairs[i+1] == "" {
			query.Del(pairs[i])
		}
	}
	return linkOf(q.path, query)
}

func linkOf(path string, query url.Values) string {
	u := url.URL{Path: path, RawQuery: query.Encode()}
	return u.String()
}

// keep returns some of the parameters.
func keep(all url.Values, names ...string) url.Values {
	kept := make(url.Values)
	for _, name := range names {
		if value := all.Get(name); value != "" {
			kept.Set(name, value)
		}
	}
	return kept
}

// linkTo returns the path of the page of a Service.
func linkTo(s *v1.ServiceLine, query url.Values) string {
	if s.Where != "" {
		query.Set("where", s.Where)
	}
	return linkOf("/services/"+s.Namespace+"/"+s.Name, query)
}
