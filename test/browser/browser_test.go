package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// tab is one page in a browser, and what the browser complained about.
type tab struct {
	t *testing.T
	context.Context

	mu         sync.Mutex
	complaints []string
}

// open starts a browser without a window. Without Chromium there is no test.
func open(t *testing.T) *tab {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("Chromium is not installed: apt-get install chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WindowSize(1280, 900),
		chromedp.Flag("host-resolver-rules", "MAP rebound.example 127.0.0.1"), chromedp.Flag("disable-background-networking", true))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(cancel)
	b := &tab{t: t, Context: ctx}
	chromedp.ListenTarget(ctx, func(event any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		switch e := event.(type) {
		case *log.EventEntryAdded:
			// Pages that are not there, or not for this name, are asked for on purpose.
			if !strings.Contains(e.Entry.Text, "Failed to load resource") {
				b.complaints = append(b.complaints, e.Entry.Text)
			}
		case *runtime.EventExceptionThrown:
			b.complaints = append(b.complaints, e.ExceptionDetails.Error())
		}
	})
	b.do(log.Enable(), runtime.Enable())
	return b
}

func (b *tab) do(actions ...chromedp.Action) {
	b.t.Helper()
	if err := chromedp.Run(b, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// is returns what an expression has.
func (b *tab) is(expression string) (value any) {
	b.t.Helper()
	b.do(chromedp.Evaluate(expression, &value))
	return value
}

func (b *tab) wants(what, expression string, want any) {
	b.t.Helper()
	if got := b.is(expression); got != want {
		b.t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func (b *tab) waits(what, expression string) {
	b.t.Helper()
	eventually(b.t, func() error {
		if got := b.is(expression); got != true {
			return fmt.Errorf("%s is %v", what, got)
		}
		return nil
	})
}

// key presses one, as people do.
func (b *tab) key(key string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(key))
}

// emptySearch takes away the key that led there: unlike those of people, it is typed even where
// the page has taken it.
func (b *tab) emptySearch() {
	b.t.Helper()
	b.is("document.activeElement.value = ''")
}

// picture keeps what a page looks like, where somebody wants that.
func (b *tab) picture(name string) {
	b.t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	var png []byte
	b.do(chromedp.FullScreenshot(&png, 100))
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// rules is what holds for each page: nothing is wider than the window, graphics and inputs have
// names, and tables heads, as far as they have any; and all text can be told from what is
// behind it (WCAG 2.2, 1.4.3).
const rules = `(() => {
  const wrong = []
  if (document.scrollingElement.scrollWidth > document.scrollingElement.clientWidth) wrong.push('it is wider than the window: ' + document.scrollingElement.scrollWidth)
  for (const e of document.querySelectorAll('svg')) if (!e.getAttribute('aria-label') && e.getAttribute('aria-hidden') != 'true') wrong.push('a graphic without a name: ' + e.outerHTML.slice(0, 80))
  for (const e of document.querySelectorAll('input:not([type=submit])')) if (!e.labels.length && !e.getAttribute('aria-label')) wrong.push('an input without a name')
  for (const e of document.querySelectorAll('thead tr')) if (e.querySelector('td')) wrong.push('a head without th')
  if (document.documentElement.lang != 'en') wrong.push('no language')
  if (document.querySelector('[style], style, script:not([src])')) wrong.push('something inline')
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id)
  if (new Set(ids).size != ids.length) wrong.push('an id twice')
  const parse = c => { const m = c.match(/[\d.]+/g).map(Number); return c.startsWith('color(') ? [m[0] * 255, m[1] * 255, m[2] * 255, m[3] ?? 1] : [m[0], m[1], m[2], m[3] ?? 1] }
  const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b }
  const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] == 1) return c.slice(0, 3) } return [255, 255, 255] }
  const seen = new Set()
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let n; n = walk.nextNode();) {
    const e = n.parentElement
    if (!n.data.trim() || e.closest('.skip, title, noscript, script') || !e.getClientRects().length) continue
    const style = getComputedStyle(e), front = parse(e.closest('svg') ? style.fill : style.color).slice(0, 3), back = behind(e)
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x), ratio = (a + .05) / (b + .05)
    const text = ratio.toFixed(2) + ' between ' + front + ' and ' + back
    if (ratio < 4.5 && !seen.has(text)) { seen.add(text); wrong.push(text + ': ' + n.data.trim().slice(0, 30)) }
  }
  return wrong.join('\n')
})()`

// scheme turns the lights off or on.
func (b *tab) scheme(name string) chromedp.Action {
	return emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}})
}

func TestTheStatusPageInABrowser(t *testing.T) {
	b, s := open(t), start(t)
	s.serve(t, "shop", "rr-r")
	s.shows(t, "/services/shop/queue", "No endpoint is up")
	for _, path := range []string{"/", "/services", "/services?state=trouble", "/services/shop/web", "/services/shop/queue", "/services/shop/billing", "/services/shop/web?at=1s",
		"/services/shop/web/history", "/history", "/help", "/nothing"} {
		for _, scheme := range []string{"light", "dark"} {
			for _, width := range []int64{1280, 720} {
				b.do(b.scheme(scheme), chromedp.EmulateViewport(width, 900), chromedp.Navigate(s.url(path)))
				if wrong := b.is(rules); wrong != "" {
					t.Errorf("%s, %s, %d wide:\n%s", path, scheme, width, wrong)
				}
				b.picture(fmt.Sprintf("%s-%s-%d", strings.NewReplacer("/", "_", "?", "_", "=", "_").Replace(path), scheme, width))
			}
		}
	}
	b.do(b.scheme("dark"), chromedp.Navigate(s.url("/")))
	b.wants("the background in the dark", "getComputedStyle(document.body).backgroundColor", "rgb(19, 20, 22)")
	b.do(b.scheme("light"), chromedp.EmulateViewport(1280, 900))
	b.do(emulation.SetEmulatedMedia().WithMedia("print"), chromedp.Navigate(s.url("/services/shop/web")))
	b.wants("a form on paper", "getComputedStyle(document.querySelector('form')).display", "none")
	b.do(emulation.SetEmulatedMedia().WithMedia(""))
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, text := range b.complaints {
		t.Errorf("the browser complains: %s", text)
	}
}

func TestKeys(t *testing.T) {
	b, s := open(t), start(t)
	s.serve(t, "shop", "rr-r")
	s.shows(t, "/services/shop/web", "! web-2")
	b.do(chromedp.Navigate(s.url("/services")))
	const focused = "new URL(document.activeElement.href).pathname"
	b.key("j")
	b.wants("what j goes to", focused, "/services/shop/billing")
	b.key("j")
	b.key("k")
	b.wants("what j, j, k goes to", focused, "/services/shop/billing")
	b.key("j")
	b.key(kb.Enter)
	b.waits("what Enter opens", "location.pathname == '/services/shop/queue' && document.readyState == 'complete'")
	b.key("u")
	b.waits("what u opens", "location.pathname == '/' && document.readyState == 'complete'")
	b.key("/")
	b.wants("what / goes to", "document.activeElement.type", "search")
	b.emptySearch()
	b.key("j")
	b.wants("j in the search", "document.activeElement.value", "j")
	b.key(kb.Escape)
	b.wants("what Esc leaves", "document.activeElement == document.body", true)
	b.key("p")
	b.wants("what p says", "document.querySelector('#pause').textContent", "go on")
	b.do(chromedp.Navigate(s.url("/help")), chromedp.Click("#keys"))
	b.do(chromedp.Navigate(s.url("/services")))
	b.key("j")
	b.wants("j where keys are off", "document.activeElement == document.body", true)
	b.is("localStorage.keys = 'on'")
	// A search with one hit leads there.
	b.do(chromedp.Navigate(s.url("/")))
	b.key("/")
	b.emptySearch()
	b.do(chromedp.KeyEvent("10.1.3.2" + kb.Enter))
	b.waits("where the search leads", "location.pathname == '/services/shop/web' && document.readyState == 'complete'")
}

func TestARefreshKeepsWhereOneIs(t *testing.T) {
	b, s := open(t), start(t)
	s.serve(t, "shop", "rr-r")
	s.shows(t, "/services/shop/web", "! web-2")
	b.do(chromedp.Navigate(s.url("/")))
	b.is("window.stays = true")
	b.key("j")
	before := b.is("document.activeElement.getAttribute('href')")
	said := b.is("document.querySelector('.say').textContent.includes('lost')")
	if said != true {
		t.Errorf("the page does not say that the API server is lost")
	}
	b.is("window.box = document.querySelector('.say')")
	s.serve(t, "shop", "r--r")
	b.waits("the page after a refresh", "document.body.textContent.includes('web-1 stopped being ready')")
	b.wants("that it is the same document", "window.stays", true)
	b.wants("what has the focus", "document.activeElement.getAttribute('href')", before)
	// A page that is paused stays as it is.
	b.key("p")
	s.serve(t, "shop", "rrrr")
	s.shows(t, "/services/shop/web", "✓ web-1")
	b.wants("a page that is paused", "document.body.textContent.includes('web-1 is ready again')", false)
	b.key("p")
	b.waits("the page that goes on", "document.body.textContent.includes('web-1 is ready again')")
}

func TestWithoutJavaScript(t *testing.T) {
	b, s := open(t), start(t)
	b.do(emulation.SetScriptExecutionDisabled(true), chromedp.Navigate(s.url("/")))
	var text, href string
	b.do(chromedp.Text("#pause", &text), chromedp.AttributeValue("#pause", "href", &href, nil))
	if text != "each 10 s" || href != "/?refresh=10" {
		t.Errorf("without JavaScript, the link says %q and leads to %q", text, href)
	}
	b.do(chromedp.Click(`a[href="/services"]`), chromedp.WaitVisible("h1"), chromedp.Text("h1", &text))
	if !strings.HasPrefix(text, "Services") {
		t.Errorf("the link leads to %q", text)
	}
}

// A name that leads here, as that of another site may, reads nothing.
func TestAReboundNameReadsNothing(t *testing.T) {
	b, s := open(t), start(t)
	response, err := chromedp.RunResponse(b, chromedp.Navigate(strings.Replace(s.url("/"), "127.0.0.1", "rebound.example", 1)))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.TrimSpace(b.is("document.body.textContent").(string))
	if response.Status != 421 || text != "open this page as localhost or by an address" {
		t.Errorf("it gets %d and %q", response.Status, text)
	}
	// Another site gets nothing by a script either.
	var got any
	fetch := fmt.Sprintf("fetch(%q, {mode: 'no-cors'}).then(r => r.type + r.status, e => 'refused')", s.url("/?format=json"))
	b.do(chromedp.Navigate("about:blank"), chromedp.Evaluate(fetch, &got, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	if got != "refused" && got != "opaque0" {
		t.Errorf("another site gets %v", got)
	}
}
