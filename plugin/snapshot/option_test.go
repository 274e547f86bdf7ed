package snapshot

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestWhatTheOptionAccepts(t *testing.T) {
	o := Option{MaxAge: time.Hour}
	for _, c := range []struct {
		name string
		h    Header
		want string
	}{
		{"a young file", Header{Origin: "here", Current: time.Now().Add(-59 * time.Minute)}, ""},
		{"a file of the future", Header{Origin: "here", Current: time.Now().Add(time.Hour)}, ""},
		{"an old file", Header{Origin: "here", Current: time.Now().Add(-61 * time.Minute)}, "it is too old"},
		{"a file of something else", Header{Origin: "there", Current: time.Now()}, `it holds "there", and the stanza reads "here"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := o.accept(c.h, "here")
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestLoadGivesWhatWasSavedOrNothing(t *testing.T) {
	save := func(h Header) func(t *testing.T, file string) {
		return func(t *testing.T, file string) {
			if err := Save(file, h, slices.Values(someObjects()), Memory{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	young := Header{Origin: "here", Current: time.Now().Add(-time.Minute)}
	for _, tc := range []struct {
		name   string
		make   func(t *testing.T, file string)
		usable bool
	}{
		{"a good file", save(young), true},
		{"no file", func(*testing.T, string) {}, false},
		{"a file of something else", save(Header{Origin: "there", Current: time.Now()}), false},
		{"a file too old", save(Header{Origin: "here", Current: time.Now().Add(-time.Hour - time.Minute)}), false},
		{"a damaged file", func(t *testing.T, file string) {
			save(young)(t, file)
			if err := os.Truncate(file, 100); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"a directory", func(t *testing.T, file string) {
			if err := os.Mkdir(file, 0o700); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := Option{File: filepath.Join(t.TempDir(), "snapshot"), MaxAge: time.Hour}
			tc.make(t, o.File)
			got, ok := o.Load("here")
			if ok != tc.usable || ok != reflect.DeepEqual(got.Objects, someObjects()) {
				t.Errorf("got %v, %t, want it to be usable: %t", got, ok, tc.usable)
			}
		})
	}
	if got, ok := (Option{}).Load("here"); ok || got.Objects != nil {
		t.Error("without an option there is a snapshot")
	}
}
