package status

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"
)

// form is how a page is written.
type form string

// The forms.
const (
	inHTML form = "html"
	inText form = "text"
	inJSON form = "json"
)

// kinds are the media types of the forms.
var kinds = map[form]string{
	inHTML: "text/html; charset=utf-8",
	inText: "text/plain; charset=utf-8",
	inJSON: "application/json",
}

// most is how many bytes a reply may have.
var most = map[form]int{inHTML: 2 << 20, inText: 2 << 20, inJSON: 8 << 20}

// Bounds of how often a page reads itself anew, in seconds.
const (
	minRefresh = 2
	maxRefresh = 3600
)

// formOf returns the form that is asked for: by name, else what browsers take, else text.
func formOf(r *http.Request, query url.Values) (form, error) {
	switch text := query.Get("format"); {
	case kinds[form(text)] != "":
		return form(text), nil
	case text != "":
		return inText, fmt.Errorf("format: want html, text or json, not %q", shorten(text))
	case strings.Contains(r.Header.Get("Accept"), "text/html"):
		return inHTML, nil
	}
	return inText, nil
}

// reply is what a request gets.
type reply struct {
	form   form
	code   int
	body   []byte
	header map[string]string
}

// send sends it.
func (p *reply) send(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", kinds[p.form])
	h.Set("Vary", "Accept")
	for name, value := range p.header {
		h.Set(name, value)
	}
	h.Set("Content-Length", strconv.Itoa(len(p.body)))
	count(string(p.form), p.code)
	w.WriteHeader(p.code)
	if r.Method != http.MethodHead {
		_, _ = w.Write(p.body)
	}
}

// refuse is a reply that says what is wrong.
func (q *request) refuse(code int, text string) *reply {
	now := v1.At(q.now)
	p := &reply{form: q.form, code: code}
	switch q.form {
	case inHTML:
		p.body = clean(renderError(q, code, text))
	case inJSON:
		p.body = encode(&v1.Error{APIVersion: v1.APIVersion, Kind: v1.KindError, Now: now, Code: code, Message: text})
	default:
		p.body = clean([]byte(text + "\n"))
	}
	return p
}

// page is what can be written in each form.
type page struct {
	json any
	text func(*bytes.Buffer)
	html func(*bytes.Buffer)
}

// write writes a page in the form that is asked for.
func (q *request) write(p *page) *reply {
	out := &reply{form: q.form, code: http.StatusOK}
	var b bytes.Buffer
	switch q.form {
	case inHTML:
		p.html(&b)
	case inText:
		p.text(&b)
	default:
		b.Write(encode(p.json))
	}
	if b.Len() > most[q.form] {
		return q.refuse(http.StatusInternalServerError, fmt.Sprintf("this page would have more than %d bytes: ask for less of it", most[q.form]))
	}
	out.body = b.Bytes()
	if q.form != inJSON {
		out.body = clean(out.body)
	}
	if q.refresh > 0 && q.form == inHTML {
		out.header = map[string]string{"Refresh": strconv.Itoa(int(q.refresh / time.Second))}
	}
	return out
}

// encode writes JSON. What it gets is of package v1, of which all can be written.
func encode(of any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	_ = e.Encode(of)
	return b.Bytes()
}
