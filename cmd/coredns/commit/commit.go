// Package commit finds the commit that the program was built from.
package commit

import "runtime/debug"

// Current returns the commit that the program was built from, with -dirty where
// there were changes. A program that was built from a module has no commit:
// Current returns nothing then.
func Current() string { return of(buildInfo()) }

// Source returns Current, or else the module's version, or words that say that
// neither is known.
func Source() string { return source(buildInfo()) }

func buildInfo() *debug.BuildInfo {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info
	}
	return new(debug.BuildInfo)
}

func of(info *debug.BuildInfo) string {
	settings := make(map[string]string)
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	commit := settings["vcs.revision"]
	if commit != "" && settings["vcs.modified"] == "true" {
		commit += "-dirty"
	}
	return commit
}

func source(info *debug.BuildInfo) string {
	if commit := of(info); commit != "" {
		return commit
	}
	if version := info.Main.Version; version != "" && version != "(devel)" {
		return "module " + version
	}
	return "commit unknown"
}
