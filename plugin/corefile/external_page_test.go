package corefile

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

const externalPage = "docs/external.md"

// row returns the first row of a table whose first cell begins with a word, as its cells.
func row(text, word string) (cells []string) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "| `"+word+"`") {
			for cell := range strings.SplitSeq(strings.ReplaceAll(strings.Trim(line, "|\n "), `\|`, "/"), " | ") {
				cells = append(cells, strings.TrimSpace(cell))
			}
			return cells
		}
	}
	return nil
}

func TestThePageOfExternalEndpointsHasEveryOption(t *testing.T) {
	page := readFile(t, externalPage)
	d := check.DefaultTerms()
	short := func(d time.Duration) string { return strings.TrimSuffix(d.String(), "0s") }
	for option, want := range map[string]string{
		"checks":           "`" + check.Off.String() + "`",
		"check_allow":      "nothing",
		"check_interval":   fmt.Sprintf("`%v idle %s`", d.Interval, short(d.Idle)),
		"check_timeout":    fmt.Sprintf("`%v`", d.Timeout),
		"check_thresholds": fmt.Sprintf("`%d %d`", d.Fall, d.Rise),
		"check_rate":       fmt.Sprintf("`%d inflight %d`", d.Rate, d.Inflight),
		"check_paths":      "`/healthz /livez /readyz /health /ready /-/healthy /-/ready /ping`",
		"check_ca":         "those of the system",
	} {
		if cells := row(page, option); len(cells) != 3 || cells[2] != want {
			t.Errorf("%s: got the row %q, want the default %s", option, cells, want)
		}
	}
	for option := range options {
		if strings.HasPrefix(option, "check") && len(row(page, option)) == 0 {
			t.Errorf("%s has no row", option)
		}
	}
}

// The list is in no other place that can be asked.
func TestThePathsOfThePageAreThoseThatMayBeAskedFor(t *testing.T) {
	cells := row(readFile(t, externalPage), "check_paths")
	if len(cells) != 3 {
		t.Fatalf("got the row %q", cells)
	}
	terms := check.DefaultTerms()
	terms.Mode = check.On
	for _, path := range strings.Fields(strings.Trim(cells[2], "`")) {
		if _, err := terms.Parse("http path=" + path); err != nil {
			t.Error(err)
		}
	}
	if _, err := terms.Parse("http path=/elsewhere"); err == nil {
		t.Error("a path that is not on the page may be asked for")
	}
}

func TestThePageOfExternalEndpointsHasEveryKind(t *testing.T) {
	_, kinds, _ := strings.Cut(readFile(t, externalPage), "\n## Kinds\n")
	kinds, _, _ = strings.Cut(kinds, "\n## ")
	for k := check.TCP; k < check.Kinds; k++ {
		if cells := row(kinds, k.String()); len(cells) != 7 || cells[6] != fmt.Sprint(k.Units()) {
			t.Errorf("%s: got the row %q, want one with %d units", k, cells, k.Units())
		}
	}
}

// What a rate is enough for follows from the units.
func TestThePageSaysForHowManyEndpointsTheRateIsEnough(t *testing.T) {
	_, enough, _ := strings.Cut(readFile(t, externalPage), "is enough for any of these:\n")
	enough, _, _ = strings.Cut(enough, "\nWhere it is not enough")
	rate := check.DefaultTerms().Rate
	for k := check.TCP; k < check.Kinds; k++ {
		at := strings.Index(enough, "`"+k.String()+"`")
		if at < 0 {
			t.Errorf("%s is not there", k)
			continue
		}
		line, _, _ := strings.Cut(enough[at:], "\n")
		cells := strings.Split(strings.ReplaceAll(line, ",", ""), "|")
		for i, seconds := range []int{10, 60} {
			if got, want := strings.TrimSpace(cells[i+1]), fmt.Sprint(rate*seconds/k.Units()); got != want {
				t.Errorf("%s each %d s: got %s endpoints, want %s", k, seconds, got, want)
			}
		}
	}
}

// example is what the page shows of one kind of object.
func example[T any](t *testing.T, kind string) (all []T) {
	t.Helper()
	for _, fenced := range regexp.MustCompile(`(?ms)^~~~ yaml\n(.*?)^~~~$`).FindAllStringSubmatch(readFile(t, externalPage), -1) {
		for text := range strings.SplitSeq(fenced[1], "---\n") {
			var head metav1.TypeMeta
			var object T
			if err := yaml.Unmarshal([]byte(text), &head); err != nil {
				t.Fatal(err)
			}
			if head.Kind != kind {
				continue
			}
			if err := yaml.UnmarshalStrict([]byte(text), &object); err != nil {
				t.Fatal(err)
			}
			all = append(all, object)
		}
	}
	return all
}

// whole returns the settings of the stanza that the page shows with its examples.
func whole(t *testing.T) Settings {
	t.Helper()
	_, last, _ := strings.Cut(readFile(t, externalPage), "\nWith this stanza:\n")
	_, last, _ = strings.Cut(last, "\n~~~ txt\n")
	last, _, _ = strings.Cut(last, "\n~~~")
	stanzas := stanzasOf(t, last+"\n")
	if len(stanzas) != 1 {
		t.Fatalf("%d stanzas stand with the examples", len(stanzas))
	}
	return stanzas[0].Settings
}

func TestTheExamplesOfExternalEndpointsAreGood(t *testing.T) {
	settings, services := whole(t), example[corev1.Service](t, "Service")
	if len(services) < 2 {
		t.Fatalf("there are %d Services", len(services))
	}
	slicesOf := make(map[string][]discoveryv1.EndpointSlice)
	for _, slice := range example[discoveryv1.EndpointSlice](t, "EndpointSlice") {
		name := slice.Labels[discoveryv1.LabelServiceName]
		slicesOf[name] = append(slicesOf[name], slice)
	}
	for i := range services {
		service, err := model.NewService(&services[i])
		if err != nil {
			t.Fatal(err)
		}
		o, err := settings.Of(service)
		if err != nil || o.Check == (check.Wanted{}) {
			t.Errorf("%s: got %+v and %v, want a check", service, o.Check, err)
		}
		if service.Kind == model.ExternalName {
			if _, ok := o.Check.PortIn(service.Ports); !ok {
				t.Errorf("%s has not the port of its check", service)
			}
			continue
		}
		all := slicesOf[services[i].Name]
		if len(all) == 0 {
			t.Errorf("%s has no slice", service)
		}
		for j := range all {
			checkIsMade(t, settings, service.Namespace, &o.Check, &all[j])
		}
	}
}

func checkIsMade(t *testing.T, settings Settings, namespace string, w *check.Wanted, object *discoveryv1.EndpointSlice) {
	t.Helper()
	slice, err := model.NewSlice(object)
	if err != nil {
		t.Fatal(err)
	}
	port, ok := w.PortIn(slice.Ports)
	if !ok || len(slice.Endpoints) == 0 {
		t.Errorf("%s has not the port of its check: %t, and %d endpoints", object.Name, ok, len(slice.Endpoints))
	}
	guard := settings.Checks.Guard()
	for i := range slice.Endpoints {
		at := netip.AddrPortFrom(slice.Endpoints[i].Address, port)
		if refusal := guard.Admit(namespace, at, w.Spec.Kind); refusal != check.NoRefusal {
			t.Errorf("%s is not checked: %s", at, refusal)
		}
	}
}

// Each word that a Service may say of external endpoints has a row, and no other has one.
func TestThePageOfExternalEndpointsHasTheWordsOfTheAnnotation(t *testing.T) {
	_, section, _ := strings.Cut(readFile(t, externalPage), "\n## The annotation\n")
	section, _, _ = strings.Cut(section, "\n## ")
	form := regexp.MustCompile(`\[(path=[^\]]*)\]`).FindStringSubmatch(section)
	if form == nil {
		t.Fatal("the page does not say how the annotation is written")
	}
	rows := make(map[string]struct{})
	for _, match := range regexp.MustCompile("(?m)^\\| `([a-z=]+)`").FindAllStringSubmatch(section, -1) {
		rows[match[1]] = struct{}{}
	}
	delete(rows, "off")
	words := strings.Fields(form[1])
	slices.Sort(words)
	if got := slices.Sorted(maps.Keys(rows)); !slices.Equal(got, words) {
		t.Errorf("the rows are those of %q, want %q", got, words)
	}
	terms := check.DefaultTerms()
	terms.Mode = check.On
	for _, match := range regexp.MustCompile("`((?:[a-z]+) [^`]*)` ·|`(redis)`\n").FindAllStringSubmatch(section, -1) {
		if _, err := terms.Parse(match[1] + match[2]); err != nil {
			t.Errorf("%q: %v", match[1]+match[2], err)
		}
	}
}
