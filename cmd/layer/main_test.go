package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func layerOf(t *testing.T, program string) []byte {
	t.Helper()
	var layer bytes.Buffer
	if err := write(&layer, strings.NewReader(program), int64(len(program))); err != nil {
		t.Fatal(err)
	}
	return layer.Bytes()
}

func TestTheLayerHoldsTheProgramAlone(t *testing.T) {
	r := tar.NewReader(bytes.NewReader(layerOf(t, "a program")))
	header, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	if header.Name != "coredns" || header.Mode != 0o755 || header.Uid != 0 || header.Gid != 0 || !header.ModTime.Equal(time.Unix(0, 0)) {
		t.Errorf("got %+v, want /coredns of root with mode 0755, from 1970", header)
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != "a program" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want the end of the layer", err)
	}
}

// The bytes are those that setcap has written on a Debian.
func TestTheProgramMayBindPort53(t *testing.T) {
	header, err := tar.NewReader(bytes.NewReader(layerOf(t, ""))).Next()
	if err != nil {
		t.Fatal(err)
	}
	const want = "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	if got := header.PAXRecords["SCHILY.xattr.security.capability"]; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAProgramThatGrewIsNoLayer(t *testing.T) {
	if err := write(io.Discard, strings.NewReader("grown"), 4); err == nil {
		t.Error("got no error")
	}
}
