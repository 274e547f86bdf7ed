package manifests

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestManifestsThatWouldTakeTooMuchAreRefused(t *testing.T) {
	const half = maxValues / 2
	list := "apiVersion: v1\nkind: List\nitems:\n"
	for _, row := range []struct {
		name, file string
		content    []byte
		want       string
	}{
		{"a YAML document of too many values in one line", "a.yaml", bytes.Repeat([]byte("a,"), maxValues+1),
			"a.yaml:1: a document of more than 2000000 values; make several of it, or write it as JSON"},
		{"a YAML document of too many short lines, the second one", "a.yaml", append([]byte("# first\n---\n"), bytes.Repeat([]byte("-\n"), maxValues)...),
			"a.yaml:3: a document of more than 2000000 values; make several of it, or write it as JSON"},
		{"a YAML document of too many keys that look like the end of one", "a.yaml", bytes.Repeat([]byte("---a: b\n"), half+1),
			"a.yaml:1: a document of more than 2000000 values; make several of it, or write it as JSON"},
		{"a JSON object of too many values", "a.json",
			fmt.Appendf(nil, `{"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","endpoints":[%s{}]}`, bytes.Repeat([]byte("{},"), half)),
			"a.json:1: an object of more than 2000000 values"},
		{"the aliases of many documents together", "a.yaml", []byte(strings.Repeat("apiVersion: v1\nkind: Pod\na: &a "+strings.Repeat("b", 1<<20)+"\nc: *a\n---\n", 5)),
			"a.yaml:21: the aliases of the file stand for more than 4 MiB"},
		{"a long text that aliases stand for", "a.yaml", fmt.Appendf(nil, "a: &a %s\nb: [%s]\n", bytes.Repeat([]byte("b"), 1<<20), bytes.Repeat([]byte("*a,"), 500)),
			"a.yaml:1: the aliases of the file stand for more than 4 MiB"},
		{"a long text that is a key again and again", "a.yaml", fmt.Appendf(nil, "a: &a %s\nb: [%s]\n", bytes.Repeat([]byte("b"), 1<<20), bytes.Repeat([]byte("{*a : 1},"), 500)),
			"a.yaml:1: the aliases of the file stand for more than 4 MiB"},
		{"lists inside lists", "a.yaml", []byte(strings.Repeat("{apiVersion: v1, kind: List, items: [", 11) + strings.Repeat("]}", 11)),
			"a.yaml:1: items[0].items[0].items[0].items[0].items[0].items[0].items[0].items[0].items[0].items[0]: more than 10 lists inside one another"},
		{"lists inside one another", "a.yaml", []byte(strings.Repeat("[", 100_000)), "a.yaml:1: exceeded max depth of 10000"},
		{"lists inside one another without brackets", "a.yaml", []byte(strings.Repeat("- ", 100_000)), "a.yaml:1: exceeded max depth of 10000"},
		{"lists inside one another in JSON", "a.json", []byte(strings.Repeat("[", 100_000)), "a.json:1: invalid character '[' exceeded max depth"},
		{"an error that repeats a megabyte", "a.yaml", fmt.Appendf(nil, "a: *%s\n", bytes.Repeat([]byte("b"), 1<<20)), "bbbb..."},
		{"a list that is none, at great length", "a.yaml", []byte(list + "  a: " + strings.Repeat("b", 1<<20)), "a.yaml:1: items is a mapping; it must be a list"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			must(t, os.WriteFile(row.file, row.content, 0o600))
			s, err := New(".", Options{})
			if err == nil || !strings.Contains(err.Error(), row.want) || len(err.Error()) > maxMessage || s != nil {
				t.Errorf("got  %.500v\nwant %s", err, row.want)
			}
		})
	}
}

// The bound is reached in a moment: documents of which each takes its time would
// hold up the test, too.
func TestDocumentsAndItemsOfAFileAreBounded(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"documents", "---\na\n---\nb\n---\nc\n", "6: more than 500000 documents and items in a file"},
		{"items", `{"apiVersion":"v1","kind":"PodList","items":[{},{}]}`, "1: items[1]: more than 500000 documents and items in a file"},
	} {
		p := parser{seen: maxObjects - 2, maker: newMaker(Options{}), content: content{skipped: make(map[string]int)}}
		if err := p.file("a.yaml", []byte(row.text)); err == nil || err.Error() != row.want {
			t.Errorf("%s: got %v, want %s", row.name, err, row.want)
		}
	}
}

func TestManyDocumentsLoad(t *testing.T) {
	const n = 20_000
	var yaml, json strings.Builder
	json.WriteString(`{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Pod"}`)
	for i := range n {
		fmt.Fprintf(&yaml, "--- # %d\n%s", i, headless(fmt.Sprintf("y%d", i)))
		fmt.Fprintf(&json, ",\n{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"j%d\"},\"spec\":{\"clusterIP\":\"None\"}}", i)
	}
	json.WriteString("]}")
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.yaml": yaml.String(), "a.json": json.String()})
	s, err := New(dir, Options{})
	must(t, err)
	r := newReceiver()
	s.report(r)
	if len(r.state.Services) != 2*n {
		t.Errorf("%d Services, want %d", len(r.state.Services), 2*n)
	}
}

func TestEveryValueOfAManifestCounts(t *testing.T) {
	for name, row := range map[string]struct {
		text string
		want int
	}{
		"a block mapping":       {"a: b\nc: d\n", 4},
		"a block list":          {"- a\n- b\n", 4},
		"lists in a list":       {"- - - a\n", 4},
		"a flow list":           {"[a,b,[c]]", 4},
		"JSON":                  {`{"a":"b","c":[1,{}]}`, 7},
		"text that looks alike": {"uid: 6a6c1b56-2a4f-4d4b-8d0e-000000000001\nip: fd00::1\n", 4},
	} {
		got := bytes.Count([]byte(row.text), []byte("\n")) + countValues([]byte(row.text))
		if got != row.want {
			t.Errorf("%s: %d, want %d", name, got, row.want)
		}
	}
}

// None of these takes another object with it, and each is logged once, however
// often the file is read.
func TestHostileObjectsAreLeftOut(t *testing.T) {
	endpoints := func(addresses, ports int) string {
		text := "apiVersion: v1\nkind: Endpoints\nmetadata: {name: a}\nsubsets:\n- addresses: ["
		text += strings.Repeat("{ip: 10.0.0.1},", addresses) + "]\n  ports: [" + strings.Repeat("{port: 1},", ports) + "]\n"
		return text
	}
	const longName = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	for _, row := range []struct{ name, object, want, reported string }{
		{"a name with a line break", headless(`"a\nb"`),
			`Service default/(a.yaml:6): a.yaml:6: metadata.name "a\nb" is not 1 to 253 letters, digits, hyphens and dots`, ""},
		{"a name with an escaped byte", headless(`'a\000b'`),
			`Service default/(a.yaml:6): a.yaml:6: metadata.name "a\\000b" is not 1 to 253 letters, digits, hyphens and dots`, ""},
		{"a name of 254 bytes", headless(strings.Repeat("a", 254)),
			`Service default/(a.yaml:6): a.yaml:6: metadata.name "` + longName + `" is not 1 to 253 letters, digits, hyphens and dots`, ""},
		{"a namespace with a line break", strings.Replace(headless("b"), "{name: b", `{namespace: "x\ny", name: b`, 1),
			`Service "x\ny"/(a.yaml:6): a.yaml:6: metadata.namespace "x\ny" is not letters, digits, hyphens and dots`, ""},
		{"a name of 64 bytes", headless(longName[:64]),
			`Service default/` + longName[:64] + `: a.yaml:6: the Service name "` + longName[:64] + `" is not a DNS label`, ""},
		{"a slice of names", strings.Replace(slice("s", "a", "example.org"), "IPv4", "FQDN", 1),
			`EndpointSlice default/s: a.yaml:6: address type "FQDN" is not IPv4 or IPv6`,
			"\nSlice default/s of a is left out: type FQDN"},
		{"a million ports of addresses", endpoints(1001, 1000),
			"Endpoints default/a: a.yaml:6: its subsets have 1001000 pairs of an address and a port; they may have at most 1000000", ""},
		{"the same of a Service", headless("a") + "---\n" + endpoints(1001, 1000),
			"Endpoints default/a: a.yaml:11: its subsets have 1001000 pairs of an address and a port; they may have at most 1000000",
			"\nSlice default/endpoints/a/left-out of a is left out: mirrored Endpoints, 1001000 pairs of an address and a port"},
	} {
		t.Run(row.name, func(t *testing.T) {
			log := captureLog(t)
			t.Chdir(t.TempDir())
			content := headless("good") + "---\n" + row.object
			write(t, ".", map[string]string{"a.yaml": content})
			s := newStill(t, ".", Options{})
			for i := range 3 {
				write(t, ".", map[string]string{"a.yaml": content + strings.Repeat("#\n", i)})
				s.settle(t)
			}
			want := "Service default/good headless" + row.reported
			if strings.HasPrefix(row.object, headless("a")) {
				want = "Service default/a headless\n" + want
			}
			s.want(t, want)
			if n := log.count("Left out the "); n != 1 || log.count("Left out the "+row.want) != 1 {
				t.Errorf("logged\n%swant once\n%s", log.text(), row.want)
			}
		})
	}
}
