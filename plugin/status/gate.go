package status

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

const (
	// maxRenders is how many pages are made at once, and maxWait how long others wait.
	maxRenders = 2
	maxWait    = 2 * time.Second
	retryAfter = "2"
)

// headers are on every reply. Nothing that a page holds may be run, framed, or read by
// another site.
var headers = [...][2]string{
	{"Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"},
	{"X-Content-Type-Options", "nosniff"},
	{"Referrer-Policy", "no-referrer"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
	{"Cache-Control", "no-store"},
}

// gate lets in who may read, a few at once.
type gate struct {
	make    func(*http.Request) *reply
	renders chan struct{}
	wait    time.Duration
}

func newGate(render func(*http.Request) *reply) *gate {
	return &gate{render, make(chan struct{}, maxRenders), maxWait}
}

// refusal is why a request is turned away: for the metrics, and for who asks.
type refusal struct {
	reason string
	code   int
	text   string
}

// ServeHTTP implements http.Handler.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for _, h := range headers {
		w.Header().Set(h[0], h[1])
	}
	if why := check(r); why != nil {
		turnAway(w, why)
		return
	}
	if file, ok := assets[r.URL.Path]; ok {
		file.ServeHTTP(w, r)
		return
	}
	if !g.enter(r) {
		w.Header().Set("Retry-After", retryAfter)
		turnAway(w, &refusal{byBusy, http.StatusServiceUnavailable, "busy with other readers: try again"})
		return
	}
	// Who reads slowly does not keep others from theirs.
	g.render(r).send(w, r)
}

// render makes a page, and lets the next one in.
func (g *gate) render(r *http.Request) *reply {
	defer func() { <-g.renders }()
	return g.make(r)
}

func turnAway(w http.ResponseWriter, why *refusal) {
	if why.reason != "" {
		rejectedTotal.WithLabelValues(why.reason).Inc()
	}
	count("text", why.code)
	if why.code == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", "GET, HEAD")
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(why.code)
	_, _ = w.Write([]byte(why.text + "\n"))
}

// check returns why a request is turned away, nil where it is not.
func check(r *http.Request) *refusal {
	switch {
	case !isOwnHost(r.Host):
		return &refusal{byHost, http.StatusMisdirectedRequest, "open this page as localhost or by an address"}
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return &refusal{byMethod, http.StatusMethodNotAllowed, "this page can only be read"}
	case isForeign(r.Header):
		return &refusal{byFetch, http.StatusForbidden, "this page is not for other sites"}
	case len(r.RequestURI) > maxURL:
		return &refusal{"", http.StatusRequestURITooLong, "the address of the page is too long"}
	}
	return nil
}

// isOwnHost reports whether a request was made by the name localhost, or by an address. Any
// other name may be of a site that leads it here, and reads the page in its visitor's name.
func isOwnHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	} else {
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Zone() == ""
}

// isForeign reports whether a browser says that another site asks, other than by a link that
// somebody follows.
func isForeign(h http.Header) bool {
	switch h.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		return h.Get("Sec-Fetch-Mode") != "navigate" || h.Get("Sec-Fetch-Dest") != "document"
	}
	return false
}

// enter waits until a page may be made, and reports false where that takes too long.
func (g *gate) enter(r *http.Request) bool {
	select {
	case g.renders <- struct{}{}:
		return true
	default:
	}
	timer := time.NewTimer(g.wait)
	defer timer.Stop()
	select {
	case g.renders <- struct{}{}:
		return true
	case <-timer.C:
	case <-r.Context().Done():
	}
	return false
}
