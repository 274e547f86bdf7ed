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
		{"from one to the other and back", func() { refuse("a", "wrong"); refuse("a", "wrong too"); refuse("a", "wrong") }, 0},
		{"after it was away", func() { forget("a"); refuse("a", "wrong too") }, 1},
	} {
		row.do()
		if got := lines(); len(got) != row.logged {
			t.Errorf("%s: logged %q, want %d lines", row.name, got, row.logged)
		}
	}
	if n := testutil.ToFloat64(badObjects.WithLabelValues("Thing")) - before; n != 7 {
		t.Errorf("%v were counted, want 7", n)
	}
}

func TestAnObjectThatIsWrongInEverNewWaysIsLoggedAFewTimes(t *testing.T) {
	refuse, forget, lines := refusing(t)
	for i := range 3 * maxReasons {
		refuse("a", fmt.Sprintf("wrong %d", i))
	}
	if got := lines(); len(got) != maxReasons {
		t.Errorf("%d lines, want %d", len(got), maxReasons)
	}
	forget("a")
	refuse("a", "wrong 0")
	if got := lines(); len(got) != 1 {
		t.Errorf("after it was away: %q", got)
	}
}

func TestAnObjectThatCountsAgainIsLogged(t *testing.T) {
	_, _, lines := refusing(t)
	log := clog.NewWithPlugin("test")
	var r Refusals
	readmit := func(name string) { r.Readmit(log, "Thing", "default", name) }
	r.Refuse(log, "Thing", "default", "a", errors.New("wrong"))
	lines()
	for _, row := range []struct {
		name string
		do   func()
		want string
	}{
		{"one that was left out", func() { readmit("a") }, "[INFO] plugin/test: The Thing default/a counts again"},
		{"the same again", func() { readmit("a") }, ""},
		{"one that was never left out", func() { readmit("b") }, ""},
	} {
		row.do()
		if got := strings.Join(lines(), "\n"); !strings.HasSuffix(got, row.want) || row.want == "" && got != "" {
			t.Errorf("%s: logged %q, want %q", row.name, got, row.want)
		}
	}
}

// A file is edited: what is wrong stays so, further down.
func TestAnotherPlaceIsNoOtherReason(t *testing.T) {
	_, _, lines := refusing(t)
	log := clog.NewWithPlugin("test")
	var r Refusals
	for _, place := range []string{"a.yaml:1", "a.yaml:9"} {
		r.Refuse(log, "Thing", "default", "a", At(place, errors.New("wrong")))
	}
	if got := lines(); len(got) != 1 || !strings.HasSuffix(got[0], "Left out the Thing default/a: a.yaml:1: wrong") {
		t.Errorf("logged %q", got)
	}
}

// Two stanzas may read the same objects, each with its own source.
func TestWhatSeveralReadIsLoggedOnce(t *testing.T) {
	_, _, lines := refusing(t)
	log := clog.NewWithPlugin("test")
	one, two := &Refusals{Origin: "here"}, &Refusals{Origin: "here"}
	refuse := func(r *Refusals, why string) { r.Refuse(log, "Thing", "default", "a", errors.New(why)) }
	for _, row := range []struct {
		name   string
		do     func()
		logged int
	}{
		{"both at the start", func() { refuse(one, "wrong"); refuse(two, "wrong") }, 1},
		{"one of another place", func() { refuse(&Refusals{Origin: "there"}, "wrong") }, 1},
		{"another reason", func() { refuse(one, "wrong too"); refuse(two, "wrong too") }, 1},
		{"one has seen that it counts again", func() { one.Readmit(log, "Thing", "default", "a") }, 0},
		{"and the other", func() { two.Readmit(log, "Thing", "default", "a") }, 1},
		{"left out again", func() { refuse(two, "wrong"); refuse(one, "wrong") }, 1},
		{"a reload", func() {
			next := &Refusals{Origin: "here"}
			refuse(next, "wrong")
			one.Close()
			two.Close()
			one = next
		}, 0},
		{"it counts again after the reload", func() { one.Readmit(log, "Thing", "default", "a") }, 1},
		{"nobody looks any more", func() { refuse(one, "wrong"); one.Close() }, 1},
		{"another start", func() { refuse(&Refusals{Origin: "here"}, "wrong") }, 1},
	} {
		row.do()
		if got := lines(); len(got) != row.logged {
			t.Errorf("%s: logged %q, want %d lines", row.name, got, row.logged)
		}
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
		{"a long name", strings.Repeat("a", 1<<20), "wrong", strings.Repeat("a", maxShown-3) + "...: wrong"},
		{"a long reason", "a", strings.Repeat("ä", 1<<20), strings.Repeat("ä", maxReason/2-2) + "..."},
	} {
		refuse(row.object, row.why)
		if got := lines(); len(got) != 1 || !strings.HasSuffix(got[0], row.want) {
			t.Errorf("%s: logged %.2000q, want %q", row.name, got, row.want)
		}
		forget(row.object)
	}
}

func TestALineNamesWhatIsLeftOut(t *testing.T) {
	var out bytes.Buffer
	log.SetOutput(&out)
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	plugin := clog.NewWithPlugin("test")
	for _, row := range []struct {
		name      string
		namespace string
		why       error
		want      string
	}{
		{"an object", "default", errors.New("wrong"), "Left out the Thing default/a: wrong"},
		{"one without a namespace", "", errors.New("wrong"), "Left out the Thing a: wrong"},
		{"a part of one", "", OfPart(errors.New("wrong")), "Left out of the Thing a: wrong"},
		{"a part of one in a file", "default", At("f:1", OfPart(errors.New("wrong"))), "Left out of the Thing default/a: f:1: wrong"},
	} {
		var r Refusals
		out.Reset()
		r.Refuse(plugin, "Thing", row.namespace, "a", row.why)
		if got := out.String(); !strings.HasSuffix(got, row.want+"\n") {
			t.Errorf("%s: logged %q, want %q", row.name, got, row.want)
		}
		out.Reset()
		r.Readmit(plugin, "Thing", row.namespace, "a")
		if !strings.Contains(out.String(), " counts again") {
			t.Errorf("%s: that it is over was logged as %q", row.name, out.String())
		}
	}
}

func TestWhatIsLeftOutCanBeSeen(t *testing.T) {
	refusing(t)
	plugin := clog.NewWithPlugin("test")
	var r Refusals
	r.Refuse(plugin, "Thing", "b", "x", errors.New("wrong"))
	r.Refuse(plugin, "Thing", "a", "y", errors.New("wrong"))
	r.Refuse(plugin, "Thing", "a", "y", errors.New("odd"))
	r.Refuse(plugin, "Thing", "a", "z", errors.New("wrong"))
	r.Forget("Thing", "a", "z")
	if got := fmt.Sprint(r.All()); got != "[{Thing a y odd} {Thing b x wrong}]" {
		t.Errorf("got %s", got)
	}
}
