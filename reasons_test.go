package endpoints

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// documentedReasons returns what matches the texts of Extended DNS Errors that
// docs/health.md explains.
func documentedReasons(t *testing.T) (reasons []*regexp.Regexp) {
	t.Helper()
	page, err := os.ReadFile("docs/health.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "\n## Why is a Pod missing?\n")
	if !found {
		t.Fatal("docs/health.md does not say why a Pod is missing")
	}
	section, _, _ = strings.Cut(section, "\n### explain\n")
	numbers := regexp.MustCompile(`[0-9]+`)
	placeholders := strings.NewReplacer(
		`\d+ starting, \d+ sick`, `\d+ \w+(, \d+ \w+)*`, "N/S", `\S+/\S+`, "namespace N", `namespace \S+`,
		"name T", `name \S+`, `\.\.\.`, `\S+`, "SERVFAIL", `[A-Z]+`)
	for _, quoted := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(section, -1) {
		text := numbers.ReplaceAllLiteralString(regexp.QuoteMeta(strings.Join(strings.Fields(quoted[1]), " ")), `\d+`)
		reasons = append(reasons, regexp.MustCompile("^"+placeholders.Replace(text)+"$"))
	}
	return reasons
}
