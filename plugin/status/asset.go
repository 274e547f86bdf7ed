package status

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
)

//go:embed assets
var files embed.FS

// asset is a file that pages load.
type asset struct {
	content []byte
	kind    string
	etag    string
}

// assets are those files by their paths.
var assets = func() map[string]asset {
	all := make(map[string]asset)
	for name, kind := range map[string]string{
		"style.css":   "text/css; charset=utf-8",
		"why.js":      "text/javascript; charset=utf-8",
		"favicon.svg": "image/svg+xml",
	} {
		// It is embedded.
		content, _ := files.ReadFile(path.Join("assets", name))
		sum := sha256.Sum256(content)
		all["/"+name] = asset{content, kind, `"` + hex.EncodeToString(sum[:12]) + `"`}
	}
	return all
}()

// ServeHTTP implements http.Handler.
func (a asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "max-age=3600")
	h.Set("ETag", a.etag)
	code := http.StatusOK
	if r.Header.Get("If-None-Match") == a.etag {
		code = http.StatusNotModified
	} else {
		h.Set("Content-Type", a.kind)
	}
	count("asset", code)
	w.WriteHeader(code)
	if code == http.StatusOK && r.Method != http.MethodHead {
		_, _ = w.Write(a.content)
	}
}
