package commit

import (
	"runtime/debug"
	"strings"
	"testing"
)

func TestSource(t *testing.T) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	tests := []struct {
		name     string
		version  string
		settings map[string]string
		want     string
	}{
		{
			name:     "a work tree has a commit",
			version:  "(devel)",
			settings: map[string]string{"vcs.revision": commit, "vcs.modified": "false"},
			want:     commit,
		},
		{
			name:     "a work tree with changes says so",
			version:  "v0.1.1-0.20261123103000-0123456789ab+dirty",
			settings: map[string]string{"vcs.revision": commit, "vcs.modified": "true"},
			want:     commit + "-dirty",
		},
		{name: "a module has its version", version: "v0.1.0", want: "module v0.1.0"},
		{name: "a folder without either has neither", version: "(devel)", want: "commit unknown"},
		{name: "a program without build information has neither", want: "commit unknown"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			info := &debug.BuildInfo{Main: debug.Module{Version: test.version}}
			for key, value := range test.settings {
				info.Settings = append(info.Settings, debug.BuildSetting{Key: key, Value: value})
			}
			if got := source(info); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			want := ""
			if strings.HasPrefix(test.want, commit) {
				want = test.want
			}
			if got := of(info); got != want {
				t.Errorf("its commit is %q, want %q", got, want)
			}
		})
	}
}
