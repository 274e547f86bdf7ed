package manifests

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	kjson "sigs.k8s.io/json"
)

// document is one object of a manifest as JSON.
type document struct {
	place
	json []byte
	// flaw is what an object must not have: a key given twice. Whether it is an
	// object is known later.
	flaw error
}

// place is where something stands in a manifest.
type place struct {
	// line is that in which the document begins, from 1.
	line int
	// item is the path in a list, such as "items[3]"; empty for the document
	// itself.
	item string
}

// in names the place for people.
func (p place) in(path string) string {
	if p.item == "" {
		return fmt.Sprintf("%s:%d", path, p.line)
	}
	return fmt.Sprintf("%s:%d, %s", path, p.line, p.item)
}

// lineError is an error in a line of a manifest.
type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return fmt.Sprintf("%d: %v", e.line, e.err) }

// Unwrap makes the cause visible to the package errors.
func (e *lineError) Unwrap() error { return e.err }

func errorAt(line int, format string, args ...any) error {
	return &lineError{line, fmt.Errorf(format, args...)}
}

// wrong returns the error that something is wrong with what stands at p.
func (p place) wrong(format string, args ...any) error {
	if p.item != "" {
		return errorAt(p.line, "%s: %w", p.item, fmt.Errorf(format, args...))
	}
	return errorAt(p.line, format, args...)
}

// field names a field below p.
func (p place) field(name string) string {
	if p.item == "" {
		return name
	}
	return p.item + "." + name
}

// isNull reports whether a document holds nothing but comments.
func (d document) isNull() bool { return string(d.json) == "null" }

func (d document) isMapping() bool { return len(d.json) > 0 && d.json[0] == '{' }

// decode reads an object as an API server does: fields that it does not know
// are passed over, names of fields are told apart by case, and no field may be
// given twice.
func decode(doc document, to any) error {
	if doc.flaw != nil {
		return doc.flaw
	}
	twice, err := kjson.UnmarshalStrict(doc.json, to, kjson.DisallowDuplicateFields)
	if err == nil && len(twice) > 0 {
		err = twice[0]
	}
	if err == nil {
		return nil
	}
	if mismatch, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && mismatch.Field != "" {
		return errorAt(doc.line, "%s is %s; it must be %s", doc.field(mismatch.Field), valueName(mismatch.Value), typeName(mismatch.Type))
	}
	return doc.wrong("%w", err)
}

// valueName puts an article to the decoder's word for a value.
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
