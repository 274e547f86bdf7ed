package corefile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
)

// Bounds in bytes: of what a Service may declare, and of one string of a TXT record
// (RFC 1035, section 3.3).
const (
	maxText   = 4096
	maxString = 255
)

// text reads the strings of a TXT record, one in each line.
func text(o *records.Options, value string) error {
	if len(value) > maxText {
		return fmt.Errorf("%d bytes are more than %d", len(value), maxText)
	}
	var all []string
	for line := range strings.Lines(value) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, characterStrings(line)...)
		}
	}
	if len(all) == 0 {
		return errors.New("want one or more strings, each in a line of its own")
	}
	o.Declared.TXT = all
	return nil
}

// configPrefix stands in front of the service configs of a gRPC client in a TXT record.
const configPrefix = "grpc_config="

// serviceConfig reads the list of service configs that a gRPC client chooses from.
func serviceConfig(o *records.Options, value string) error {
	if len(value) > maxText {
		return fmt.Errorf("%d bytes are more than %d", len(value), maxText)
	}
	var list []map[string]any
	if err := json.Unmarshal([]byte(value), &list); err != nil {
		return fmt.Errorf("want a list of service configs in JSON: %w", err)
	}
	var compact bytes.Buffer
	// It has just been read.
	_ = json.Compact(&compact, []byte(value))
	o.Declared.ServiceConfig = characterStrings(configPrefix + compact.String())
	return nil
}

func soa(o *records.Options, value string) error {
	switch strings.TrimSpace(value) {
	case "true":
		o.Declared.SOA = true
	case "false":
		o.Declared.SOA = false
	default:
		return fmt.Errorf("want true or false, not %q", value)
	}
	return nil
}

// characterStrings cuts a text into strings that a TXT record can have: who reads them
// puts them together again. A backslash is written as in a zone file.
func characterStrings(text string) (all []string) {
	for len(text) > 0 {
		n := min(len(text), maxString)
		all = append(all, strings.ReplaceAll(text[:n], `\`, `\\`))
		text = text[n:]
	}
	return all
}
