package drivers

import (
	"embed"
	"strings"
	"text/template"
)

//go:embed testdata
var testdata embed.FS

var manifests = template.Must(template.ParseFS(testdata, "testdata/*.yaml"))

// manifest fills a file of testdata in, most often with a Place.
func manifest(file string, data any) (string, error) {
	var text strings.Builder
	err := manifests.ExecuteTemplate(&text, file, data)
	return text.String(), err
}
