package status

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/status/statustest"
)

// schemaSum is of docs/status.schema.json. Programs rely on it: fields may be added, and
// nothing may be changed or taken away. Who changes this number has looked at that.
const schemaSum = "0963ec8c6a6e428b2a3833269ca33d2fef6e29b2cc44ad911654ba17eaaed016"

const schemaFile = "../../docs/status.schema.json"

func TestTheSchemaIsFrozen(t *testing.T) {
	text, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != schemaSum {
		t.Errorf("%s is another one: %x", schemaFile, sum)
	}
}

// checkSchema checks a reply.
func checkSchema(t *testing.T, name string, reply []byte) {
	t.Helper()
	if err := schema(t).Check(reply); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

func schema(t *testing.T) *statustest.Schema {
	t.Helper()
	s, err := statustest.Read(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRepliesAreAsTheSchemaHasThem(t *testing.T) {
	calm := aBadNight()
	calm.overview = aCalmDay()
	for _, row := range []struct {
		pages Pages
		path  string
	}{
		{aBadNight(), "/"}, {calm, "/"}, {aBadNight(), "/services"}, {aBadNight(), "/services?q=shop&page=2"}, {aBadNight(), "/services/shop/web"},
		{aBadNight(), "/services/shop/web/history"}, {aBadNight(), "/history"}, {aBadNight(), "/nothing"}, {aBadNight(), "/services/shop/none"}, {aBadNight(), "/help"},
	} {
		form := "?format=json"
		if strings.Contains(row.path, "?") {
			form = "&format=json"
		}
		checkSchema(t, row.path, get(t, row.pages, row.path+form).Body.Bytes())
	}
}

func TestTheValidatorRefuses(t *testing.T) {
	root := schema(t)
	good := get(t, aBadNight(), "/services/shop/web?format=json").Body.String()
	for _, row := range []struct{ name, old, by string }{
		{"a time without milliseconds", `"now":"2026-11-28T03:07:42.100Z"`, `"now":"2026-11-28T03:07:42Z"`},
		{"a tier that is none", `"tier":"sick"`, `"tier":"ill"`},
		{"another kind", `"kind":"Service"`, `"kind":"Thing"`},
		{"a field that nobody describes", `"namespace":"shop"`, `"namespace":"shop","extra":1`},
		{"a field that is missing", `"carried":4,`, ``},
		{"a number below zero", `"endpointsTotal":6`, `"endpointsTotal":-6`},
		{"a text for a number", `"endpointsTotal":6`, `"endpointsTotal":"6"`},
		{"three for two", `"carried":[5,4]`, `"carried":[5,4,3]`},
	} {
		text := strings.Replace(good, row.old, row.by, 1)
		if text == good {
			t.Fatalf("%s: it is not there", row.name)
		}
		if root.Check([]byte(text)) == nil {
			t.Errorf("%s is taken", row.name)
		}
	}
}
