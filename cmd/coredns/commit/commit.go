// Package commit finds the commit that the program was built from.
package commit

import "runtime/debug"

// Current returns the commit that the program was built from, with -dirty where
// there were changes. A program that was built from a module has no commit:
// Current returns the module's version, or words that say that neither is
// known.
func Current() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = new(debug.BuildInfo)
	}
	return source(info)
}

func source(info *debug.BuildInfo) string {
	settings := make(map[string]string)
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	commit := settings["vcs.revision"]
	switch {
	case commit == "" && info.Main.Version != "" && info.Main.Version != "(devel)":
		return "module " + info.Main.Version
	case commit == "":
		return "commit unknown"
	case settings["vcs.modified"] == "true":
		return commit + "-dirty"
	}
	return commit
}
