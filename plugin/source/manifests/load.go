package manifests

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/source"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"
)

// loader makes objects from manifests.
type loader struct {
	filter filter
	// version is the Version of the slice that was made last.
	version uint64
}

// load reads the file. On an error f keeps the objects that it has.
func (l *loader) load(f *file) error {
	data, err := f.read()
	if err != nil {
		return err
	}
	objects, err := l.parse(f.path, data)
	if err != nil {
		if text := err.Error(); len(text) > maxMessage {
			return errors.New(source.Shorten(text, maxMessage))
		}
		return err
	}
	f.adopt(objects)
	return nil
}

// maxMessage bounds the text of an error, in bytes: it may repeat a key of the
// file, which may be long.
const maxMessage = 2000

// parse returns the objects in the content of a file that are of a kind we
// need.
func (l *loader) parse(path string, data []byte) ([]object, error) {
	m := manifest{loader: l}
	for doc, err := range documents(path, data) {
		if err == nil {
			err = m.document(doc)
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%w", path, err)
		}
	}
	return m.objects, nil
}

// manifest collects the objects of one file.
type manifest struct {
	*loader
	objects []object
}

func (m *manifest) document(doc document) error {
	if doc.isNull() {
		return nil
	}
	meta, err := typeOf(doc)
	if err != nil {
		return err
	}
	if item, ok := listItem[meta]; ok {
		return m.list(doc, item)
	}
	return m.object(doc, meta)
}

// listItem holds what the items of a list are, where they do not say so
// themselves: those of the lists that an API server answers with do not.
var listItem = map[metav1.TypeMeta]metav1.TypeMeta{
	{APIVersion: "v1", Kind: "List"}:                               {},
	{APIVersion: "v1", Kind: "ServiceList"}:                        {APIVersion: "v1", Kind: "Service"},
	{APIVersion: "v1", Kind: "EndpointsList"}:                      {APIVersion: "v1", Kind: "Endpoints"},
	{APIVersion: "v1", Kind: "NamespaceList"}:                      {APIVersion: "v1", Kind: "Namespace"},
	{APIVersion: "discovery.k8s.io/v1", Kind: "EndpointSliceList"}: {APIVersion: "discovery.k8s.io/v1", Kind: "EndpointSlice"},
}

func (m *manifest) list(list document, item metav1.TypeMeta) error {
	for doc, err := range list.items() {
		if err != nil {
			return err
		}
		meta := item
		if meta.Kind == "" {
			if meta, err = typeOf(doc); err != nil {
				return err
			}
		}
		if err := m.object(doc, meta); err != nil {
			return err
		}
	}
	return nil
}

func typeOf(doc document) (metav1.TypeMeta, error) {
	var meta metav1.TypeMeta
	if !doc.isMapping() {
		return meta, errorAt(doc.line, "a document is not an object; it must begin with apiVersion and kind")
	}
	if err := decode(doc, &meta); err != nil {
		return meta, err
	}
	if meta.APIVersion == "" {
		return meta, errorAt(doc.line, "apiVersion is missing")
	}
	if meta.Kind == "" {
		return meta, errorAt(doc.line, "kind is missing")
	}
	return meta, nil
}

func (m *manifest) object(doc document, meta metav1.TypeMeta) error {
	switch meta {
	case metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}:
		return add(m, doc, m.newService)
	case metav1.TypeMeta{APIVersion: "discovery.k8s.io/v1", Kind: "EndpointSlice"}:
		return add(m, doc, m.newSlice)
	case metav1.TypeMeta{APIVersion: "v1", Kind: "Endpoints"}:
		return add(m, doc, m.newEndpoints)
	case metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}:
		return add(m, doc, m.newNamespace)
	}
	skippedObjects.WithLabelValues(kindLabel(meta.Kind)).Inc()
	return nil
}

func add[T corev1.Service | discoveryv1.EndpointSlice | legacyEndpoints | corev1.Namespace](
	m *manifest, doc document, make func(*T) object) error {
	if len(doc.json) > maxValues && countValues(doc.json) > maxValues {
		return errorAt(doc.line, "an object of more than %d values", maxValues)
	}
	var obj T
	if err := decode(doc, &obj); err != nil {
		return err
	}
	o := make(&obj)
	o.line = doc.line
	m.objects = append(m.objects, o)
	return nil
}

// decode reads an object as an API server does: fields that it does not know
// are passed over, names of fields are told apart by case, and no field may be
// given twice.
func decode(doc document, to any) error {
	if !doc.isMapping() {
		return errorAt(doc.line, "a document is not an object")
	}
	twice, err := kjson.UnmarshalStrict(doc.json, to, kjson.DisallowDuplicateFields)
	if err == nil && len(twice) > 0 {
		err = twice[0]
	}
	if err == nil {
		return nil
	}
	line := doc.line
	if mismatch, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && mismatch.Field != "" {
		line = doc.lineAt(mismatch.Offset)
		err = fmt.Errorf("%s is %s; it must be %s", mismatch.Field, valueName(mismatch.Value), typeName(mismatch.Type))
	}
	return &lineError{line, err}
}

// valueName puts an article to what the decoder calls a value.
func valueName(value string) string {
	switch value {
	case "array":
		return "a list"
	case "object":
		return "a mapping"
	case "bool":
		return "true or false"
	}
	return "a " + value
}

func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int32, reflect.Int64:
		return fmt.Sprintf("an integer of %d bits", t.Bits())
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Slice:
		return "a list"
	}
	return "a mapping"
}
