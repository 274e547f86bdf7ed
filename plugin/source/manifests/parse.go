package manifests

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"
)

const (
	// maxLists bounds how many lists may stand inside one another: the text of
	// an item is copied once for each of them.
	maxLists = 10
	// maxObjects bounds the documents of a file and the items in them: the time
	// that they take, however short each is.
	maxObjects = 500_000
	// maxMessage bounds the text of an error, in bytes: it may repeat a key of
	// the file, which may be long.
	maxMessage = 2000
	// noObject stands for the kind of a document that is no Kubernetes object.
	noObject = "none"
)

// content is what a manifest says.
type content struct {
	objects []object
	// skipped counts by kind what was passed over.
	skipped map[string]int
	// hasEnd reports whether the text ends as lines, mappings and lists do.
	hasEnd bool
}

// isEmpty reports whether a manifest holds no document.
func (c *content) isEmpty() bool { return len(c.objects) == 0 && len(c.skipped) == 0 }

// parse returns what the data of a file says. An error names path and a line.
func parse(maker maker, path string, data []byte) (content, error) {
	p := parser{maker: maker, content: content{skipped: make(map[string]int)}}
	if err := p.file(path, data); err != nil {
		return content{}, errors.New(model.Shorten(fmt.Sprintf("%s:%v", path, err), maxMessage))
	}
	return p.content, nil
}

// parser collects what one file says.
type parser struct {
	maker maker
	content
	// seen counts the documents and the items.
	seen int
}

func (p *parser) file(path string, data []byte) error {
	text, err := textOf(data)
	if err != nil {
		return err
	}
	p.hasEnd = len(text) == 0 || bytes.IndexByte([]byte("\n]}"), text[len(text)-1]) >= 0
	for doc, err := range documents(path, text) {
		if err == nil {
			err = p.document(doc)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// documents splits the text of a file. What a name ends in does not say what
// the file holds, but in a .json file nothing that begins as JSON is taken for
// YAML, which bears a comma too many.
func documents(path string, text []byte) iter.Seq2[document, error] {
	begin := bytes.TrimLeft(text, " \t\n")
	if filepath.Ext(path) == ".json" && len(begin) > 0 && (begin[0] == '{' || begin[0] == '[') {
		return jsonDocuments(text, 1)
	}
	return yamlDocuments(text)
}

// document takes a document of a file. One without apiVersion and kind is for
// another program.
func (p *parser) document(doc document) error {
	if doc.isNull() {
		return nil
	}
	if err := p.count(doc); err != nil {
		return err
	}
	meta := typeOf(doc)
	if meta.APIVersion == "" || meta.Kind == "" {
		p.skipped[noObject]++
		return nil
	}
	return p.typed(doc, meta, 0)
}

// count refuses a document or an item that is one too many.
func (p *parser) count(doc document) error {
	if p.seen++; p.seen > maxObjects {
		return doc.wrong("more than %d documents and items in a file", maxObjects)
	}
	return nil
}

// typeOf returns what a document says that it is; empty where it says nothing,
// or nothing that could be one.
func typeOf(doc document) (meta metav1.TypeMeta) {
	var says struct {
		APIVersion any `json:"apiVersion"`
		Kind       any `json:"kind"`
	}
	if !doc.isMapping() || kjson.UnmarshalCaseSensitivePreserveInts(doc.json, &says) != nil {
		return meta
	}
	meta.APIVersion, _ = says.APIVersion.(string)
	meta.Kind, _ = says.Kind.(string)
	return meta
}

// typed takes what is of a type, below so many lists.
func (p *parser) typed(doc document, meta metav1.TypeMeta, lists int) error {
	if strings.HasSuffix(meta.Kind, "List") {
		return p.list(doc, meta, lists)
	}
	return p.object(doc, meta)
}

// list takes the items of a list. They are of the list's type where they do not
// say what they are: so are those of the lists that an API server answers with.
func (p *parser) list(doc document, meta metav1.TypeMeta, lists int) error {
	if lists == maxLists {
		return doc.wrong("more than %d lists inside one another", maxLists)
	}
	var list struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := decode(doc, &list); err != nil {
		return err
	}
	if list.Items == nil && !hasField(doc, "items") && meta.Kind != "List" {
		p.skipped[meta.Kind]++ // A kind whose name ends so.
		return nil
	}
	of := metav1.TypeMeta{APIVersion: meta.APIVersion, Kind: strings.TrimSuffix(meta.Kind, "List")}
	for i, raw := range list.Items {
		item := document{json: raw, place: place{doc.line, doc.field(fmt.Sprintf("items[%d]", i))}}
		if err := p.item(item, of, lists+1); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) item(doc document, of metav1.TypeMeta, lists int) error {
	if err := p.count(doc); err != nil {
		return err
	}
	if !doc.isMapping() {
		return doc.wrong("an item is not an object")
	}
	meta := typeOf(doc)
	if meta.APIVersion == "" && meta.Kind == "" {
		meta = of
	}
	switch {
	case meta.APIVersion == "":
		return doc.wrong("apiVersion is missing")
	case meta.Kind == "":
		return doc.wrong("kind is missing")
	}
	return p.typed(doc, meta, lists)
}

func hasField(doc document, name string) bool {
	var all map[string]json.RawMessage
	if decode(doc, &all) != nil {
		return false
	}
	_, has := all[name]
	return has
}

func (p *parser) object(doc document, meta metav1.TypeMeta) error {
	switch meta {
	case metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}:
		return add(p, doc, p.maker.service)
	case metav1.TypeMeta{APIVersion: "discovery.k8s.io/v1", Kind: "EndpointSlice"}:
		return add(p, doc, p.maker.slice)
	case metav1.TypeMeta{APIVersion: "discovery.k8s.io/v1beta1", Kind: "EndpointSlice"}:
		return add(p, doc, p.maker.betaSlice)
	case metav1.TypeMeta{APIVersion: "v1", Kind: "Endpoints"}:
		return add(p, doc, p.maker.endpoints)
	case metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}:
		return add(p, doc, p.maker.namespace)
	case metav1.TypeMeta{APIVersion: "v1", Kind: "Node"}:
		if p.maker.nodes {
			return add(p, doc, p.maker.node)
		}
	}
	p.skipped[meta.Kind]++
	return nil
}

func add[T corev1.Service | discoveryv1.EndpointSlice | betaSlice | legacyEndpoints | corev1.Namespace | corev1.Node](
	p *parser, doc document, make func(*T) object) error {
	if len(doc.json) > maxValues && countValues(doc.json) > maxValues {
		return doc.wrong("an object of more than %d values", maxValues)
	}
	var obj T
	if err := decode(doc, &obj); err != nil {
		return err
	}
	o := make(&obj)
	o.place = doc.place
	p.objects = append(p.objects, o)
	return nil
}
