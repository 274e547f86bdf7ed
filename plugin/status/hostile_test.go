package status

import (
	"fmt"
	"strings"
	"testing"

	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"
)

// What others wrote, be it refused elsewhere, is text and no more.
func TestHostileTexts(t *testing.T) {
	for _, hostile := range []string{
		"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "' onmouseover='alert(1)", "javascript:alert(1)", "</title><script>", "&lt;b&gt;",
		"\x1b[2J\x1b[31mred", "a\nb\r\nc", "\u202Egnp.exe", "\u2066x\u2069", "\x00\x07", strings.Repeat("a", 253), "{{.}}", "\xff\xfe",
	} {
		f := aBadNight()
		f.overview.Findings[0].Text, f.overview.Findings[0].Detail, f.overview.Findings[1].Services = hostile, hostile, []string{hostile}
		f.overview.Trouble[0].Text, f.overview.Trouble[0].Name = hostile, hostile
		f.overview.LeftOut[0].Text, f.overview.Changed[0].Text, f.overview.Sources[0].Stream = hostile, hostile, hostile
		f.services.Query, f.services.Services[0].Target, f.services.Services[0].Matches = hostile, hostile, []string{hostile}
		s := f.service
		s.Findings[0].Text, s.Endpoints[0].Name, s.Endpoints[0].Why, s.Endpoints[0].Node, s.Endpoints[0].Tier = hostile, hostile, hostile, hostile, "sick"
		s.Names[0].EDE, s.Names[0].Records, s.Policy[0].Value, s.Slices[0].Name, s.Slices[0].LeftOut = hostile, []string{hostile}, hostile, hostile, hostile
		s.History[0].Changes[0].Text, s.Lost[0].Why, s.Targets = hostile, hostile, []v1.Target{{Name: hostile, Text: hostile}}
		f.history.Events[0].Text = hostile
		for _, path := range []string{"/", "/services", "/services/shop/web", "/history", "/services?q=" + fmt.Sprintf("%%%x", hostile[0])} {
			html := get(t, f, path, "Accept", "text/html").Body.String()
			for _, never := range []string{"<script>", "<img", "onmouseover='", "\x1b", "\x00", "\u202e", "\u2066", `href="javascript`, "\xff"} {
				if strings.Contains(html, never) {
					t.Errorf("%s has %q of %q", path, never, hostile)
				}
			}
			for _, r := range get(t, f, path).Body.String() {
				if r < ' ' && r != '\n' || r == '\u202e' || r == '\u2066' || r == '\u2069' || r == 0x7f {
					t.Errorf("%s as text has %q of %q", path, r, hostile)
				}
			}
		}
	}
}
