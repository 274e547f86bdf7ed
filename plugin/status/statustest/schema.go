// Package statustest checks replies of the status page against their schema, in tests.
package statustest

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// A Schema is that of the replies.
type Schema struct{ root map[string]any }

// Read reads the schema of a file.
func Read(file string) (*Schema, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	s := new(Schema)
	return s, json.Unmarshal(text, &s.root)
}

// Check says what is wrong with a reply.
func (s *Schema) Check(reply []byte) error {
	var value any
	if err := json.Unmarshal(reply, &value); err != nil {
		return err
	}
	return valid(s.root, s.root, value, "reply")
}

// valid checks a value against a schema, as far as ours goes: types, enums, constants,
// patterns, bounds and references. It wants that each property is described.
func valid(root, schema map[string]any, value any, at string) error {
	if ref, ok := schema["$ref"].(string); ok {
		of, ok := root["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
		if !ok {
			return fmt.Errorf("%s: %s is not there", at, ref)
		}
		return valid(root, of, value, at)
	}
	if one, ok := schema["oneOf"].([]any); ok {
		var errs []string
		for _, each := range one {
			err := valid(root, each.(map[string]any), value, at)
			if err == nil {
				return nil
			}
			errs = append(errs, err.Error())
		}
		return fmt.Errorf("%s is none of these: %s", at, strings.Join(errs, "; "))
	}
	if want, ok := schema["const"]; ok && !reflect.DeepEqual(want, value) {
		return fmt.Errorf("%s is %v, not %v", at, value, want)
	}
	if enum, ok := schema["enum"].([]any); ok && !slices.Contains(enum, value) {
		return fmt.Errorf("%s is %v, none of %v", at, value, enum)
	}
	switch value := value.(type) {
	case map[string]any:
		return validObject(root, schema, value, at)
	case []any:
		if schema["type"] != "array" || atMost(schema["maxItems"], len(value)) || atLeast(schema["minItems"], len(value)) {
			return fmt.Errorf("%s is a list of %d", at, len(value))
		}
		for i, each := range value {
			if err := valid(root, schema["items"].(map[string]any), each, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	case string:
		pattern, _ := schema["pattern"].(string)
		if schema["type"] != nil && schema["type"] != "string" || !regexp.MustCompile(pattern).MatchString(value) {
			return fmt.Errorf("%s is %q", at, value)
		}
	case float64:
		if schema["type"] != "number" && (schema["type"] != "integer" || value != float64(int64(value)) || value < schema["minimum"].(float64)) {
			return fmt.Errorf("%s is %v", at, value)
		}
	case bool:
		if schema["type"] != "boolean" {
			return fmt.Errorf("%s is %v", at, value)
		}
	default:
		return fmt.Errorf("%s is %v", at, value)
	}
	return nil
}

func atMost(bound any, n int) bool  { most, ok := bound.(float64); return ok && n > int(most) }
func atLeast(bound any, n int) bool { least, ok := bound.(float64); return ok && n < int(least) }

func validObject(root, schema, value map[string]any, at string) error {
	if schema["type"] != "object" {
		return fmt.Errorf("%s is an object", at)
	}
	properties, _ := schema["properties"].(map[string]any)
	for name, each := range value {
		of, ok := properties[name].(map[string]any)
		if !ok {
			of, ok = schema["additionalProperties"].(map[string]any)
		}
		if !ok {
			return fmt.Errorf("%s.%s is not described", at, name)
		}
		if err := valid(root, of, each, at+"."+name); err != nil {
			return err
		}
	}
	required, _ := schema["required"].([]any)
	for _, name := range required {
		if _, there := value[name.(string)]; !there {
			return fmt.Errorf("%s.%s is missing", at, name)
		}
	}
	return nil
}
