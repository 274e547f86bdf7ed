package manifests

import (
	"bytes"

	"golang.org/x/text/encoding/unicode"
)

// mark is the byte order mark in UTF-8.
const mark = "\uFEFF"

// textOf returns the content of a manifest in UTF-8, without byte order marks,
// and with lines that end in \n alone.
//
// UTF-16 is told by its mark: Windows PowerShell writes it where the output of
// kubectl is sent to a file. A mark in the middle is where two such files were
// joined.
func textOf(data []byte) ([]byte, error) {
	if bytes.HasPrefix(data, []byte("\xFF\xFE")) || bytes.HasPrefix(data, []byte("\xFE\xFF")) {
		var err error
		if data, err = unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewDecoder().Bytes(data); err != nil {
			return nil, errorAt(1, "UTF-16: %w", err)
		}
	}
	data = replace(data, "\r\n", "\n")
	data = replace(data, "\r", "\n")
	data = bytes.TrimPrefix(data, []byte(mark))
	data = replace(data, "\n"+mark, "\n")
	return replace(data, "}"+mark, "} "), nil
}

// replace copies only where there is something to replace.
func replace(data []byte, old, with string) []byte {
	if !bytes.Contains(data, []byte(old)) {
		return data
	}
	return bytes.ReplaceAll(data, []byte(old), []byte(with))
}
