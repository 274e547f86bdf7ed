package source

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"testing"

	clog "github.com/coredns/coredns/plugin/pkg/log"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// refusing returns a Refusals, and what it has logged since the last call.
func refusing(t *testing.T) (refuse func(name, why string), forget func(name string), lines func() []string) {
	var out bytes.Buffer
	log.SetOutput(&out)
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	var r Refusals
	plugin := clog.NewWithPlugin("test")
	refuse = func(name, why string) { r.Refuse(plugin, "Thing", "default", name, errors.New(why)) }
	forget = func(name string) { r.Forget("Thing", "default", name) }
	lines = func() []string {
		text := strings.TrimSpace(out.String())
		out.Reset()
		if text == "" {
			return nil
		}
		return strings.Split(text, "\n")
	}
	return refuse, forget, lines
}

func TestARefusalIsLoggedOnceAndCountedEachTime(t *testing.T) {
	refuse, forget, lines := refusing(t)
	before := testutil.ToFloat64(badObjects.WithLabelValues("Thing"))
	for _, row := range []struct {
		name   string
		do     func()
		logged int
	}{
		{"a refusal", func() { refuse("a", "wrong") }, 1},
		{"the same again", func() { refuse("a", "wrong") }, 0},
		{"another reason", func() { refuse("a", "wrong too") }, 1},
		{"after it was good", func() { forget("a"); refuse("a", "wrong too") }, 1},
	} {
		row.do()
		if got := lines(); len(got) != row.logged {
			t.Errorf("%s: logged %q, want %d lines", row.name, got, row.logged)
		}
	}
	if n := testutil.ToFloat64(badObjects.WithLabelValues("Thing")) - before; n != 4 {
		t.Errorf("%v were counted, want 4", n)
	}
}

func TestRefusalsDoNotFloodTheLog(t *testing.T) {
	refuse, forget, lines := refusing(t)
	name := func(i int) string { return fmt.Sprintf("thing-%d", i) }
	for range 2 {
		for i := range 10 * maxRefusals {
			refuse(name(i), "wrong")
		}
	}
	got := lines()
	if len(got) != maxRefusals+1 || !strings.Contains(got[maxRefusals], "Left out more than 1024 objects: others are only counted") {
		t.Fatalf("%d lines, the last one: %s", len(got), got[len(got)-1])
	}
	for i := range maxRefusals / 2 {
		forget(name(i))
	}
	for i := range maxRefusals {
		refuse(name(2*maxRefusals+i), "wrong")
	}
	if got := lines(); len(got) != maxRefusals/2+1 {
		t.Errorf("%d lines after half were mended", len(got))
	}
}

func TestARefusalIsOneShortLine(t *testing.T) {
	refuse, forget, lines := refusing(t)
	for _, row := range []struct{ name, object, why, want string }{
		{"a name with a line break", "a\n[INFO] all is well", "wrong", `Left out the Thing default/"a\n[INFO] all is well": wrong`},
		{"a reason with a line break", "a", "one\ntwo", "Left out the Thing default/a: one; two"},
		{"a reason with an escape", "a", "\x1b[2J", `Left out the Thing default/a: "\x1b[2J"`},
		{"a long name", strings.Repeat("a", 1<<20), "wrong", strings.Repeat("a", maxShown) + " ...: wrong"},
		{"a long reason", "a", strings.Repeat("ä", 1<<20), strings.Repeat("ä", maxReason/2) + " ..."},
	} {
		refuse(row.object, row.why)
		if got := lines(); len(got) != 1 || !strings.HasSuffix(got[0], row.want) {
			t.Errorf("%s: logged %.2000q, want %q", row.name, got, row.want)
		}
		forget(row.object)
	}
}
