package corefile

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
)

func TestAnnotationsOverrideTheStanza(t *testing.T) {
	number := func(n uint32) *uint32 { return &n }
	most := 8
	for _, c := range []struct {
		name, value string
		want        func(*records.Options)
	}{
		{"publish", "serving", func(o *records.Options) { o.Policy.Publish = health.ByServing }},
		{"publish", " Ready ", func(o *records.Options) { o.Policy.Publish = health.ByReady }},
		{"pod-names", "all", func(o *records.Options) { o.Policy.PodNames = health.NamesAll }},
		{"fail-open", "30%", func(o *records.Options) { o.Policy.FailOpen = 30 }},
		{"fail-open", "off", func(o *records.Options) { o.Policy.FailOpen = 0 }},
		{"damping", "on 60s", func(o *records.Options) {
			o.Policy.Damping = health.Damping{Mode: health.DampingOn, HalfLife: time.Minute}
		}},
		{"srv-tiers", "all", func(o *records.Options) { o.Policy.SRVTiers = health.SRVAll }},
		{"ttl", "30", func(o *records.Options) { o.Limits.TTL = number(30) }},
		{"negative-ttl", "0", func(o *records.Options) { o.Limits.NegativeTTL = number(0) }},
		{"max-answers", "8", func(o *records.Options) { o.Limits.MaxAnswers = &most }},
		{"ttl", "30\n", func(o *records.Options) { o.Limits.TTL = number(30) }},
		{"drain", "db-1\n\tdb-2\n", func(o *records.Options) { o.Drain = []string{"db-1", "db-2"} }},
		{"drain", "db-1, DB-2", func(o *records.Options) { o.Drain = []string{"db-1", "db-2"} }},
	} {
		t.Run(c.name+" "+c.value, func(t *testing.T) {
			s := Settings{Policy: health.Policy{Publish: health.ByServing, FailOpen: 50}, Annotations: AllAnnotations}
			want := s.Options()
			c.want(&want)
			got, err := s.Of(&model.Service{Annotations: map[string]string{c.name: c.value}})
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestABadAnnotationIsLeftOutAndTheOthersStay(t *testing.T) {
	s := Settings{Annotations: AllAnnotations &^ annotation("pod-names")}
	many := strings.Repeat("a ", maxDrain+1)
	for _, c := range []struct{ name, value, want string }{
		{"ttl", "3601", `annotation k8s-endpoints.coredns.io/ttl: want a whole number in range [0, 3600], not "3601"`},
		{"ttl", "", `ttl: want a whole number in range [0, 3600], not ""`},
		{"negative-ttl", "-1", `negative-ttl: want a whole number in range [0, 3600], not "-1"`},
		{"max-answers", "many", `max-answers: want a whole number in range [0, 65535], not "many"`},
		{"fail-open", "101", "fail-open: want a percentage from 1 to 100, or off"},
		{"damping", "on 1s", "damping: the half-life must be a duration of 10s or more"},
		{"drain", many, "drain: 1001 names are more than 1000"},
		{"tll", "5", "annotation k8s-endpoints.coredns.io/tll: unknown"},
		{"pod-names", "all", "annotation k8s-endpoints.coredns.io/pod-names: the Corefile does not allow it"},
	} {
		got, err := s.Of(&model.Service{Annotations: map[string]string{c.name: c.value, "publish": "serving"}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %s: got the error %v, want %s", c.name, c.value, err, c.want)
		}
		if want := (records.Options{Policy: health.Policy{Publish: health.ByServing}}); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %s: got %+v", c.name, c.value, got)
		}
	}
}

// FuzzAnnotation checks that whatever a Service says leaves good options.
func FuzzAnnotation(f *testing.F) {
	for at, values := range [][]string{
		{"on 60s", "observe", "off", "on 1h", "on 10s 10s"}, {"db-1, db-2", ""}, {"30%", "off", "101"}, {"0", "65535", "-1"}, {"1", "3601"},
		{"all", "ready"}, {"serving", "Ready"}, {"all", "published", ""}, {"30", "soon"},
	} {
		for _, value := range values {
			f.Add(uint8(at), value)
		}
	}
	f.Fuzz(func(t *testing.T, at uint8, value string) {
		name := annotationNames[int(at)%len(annotationNames)]
		s := Settings{Annotations: AllAnnotations}
		o, err := s.Of(&model.Service{Annotations: map[string]string{name: value}})
		if err != nil {
			if !reflect.DeepEqual(o, s.Options()) {
				t.Errorf("%s %q: %v, and yet %+v", name, value, err, o)
			}
			return
		}
		checkOptions(t, o)
	})
}

func checkOptions(t *testing.T, o records.Options) {
	t.Helper()
	for _, ttl := range []*uint32{o.Limits.TTL, o.Limits.NegativeTTL} {
		if ttl != nil && *ttl > maxTTL {
			t.Errorf("a TTL of %d", *ttl)
		}
	}
	if most := o.Limits.MaxAnswers; most != nil && (*most < 0 || *most > maxAnswers) {
		t.Errorf("max_answers is %d", *most)
	}
	if o.Policy.FailOpen < 0 || o.Policy.FailOpen > 100 || len(o.Drain) > maxDrain {
		t.Errorf("got %+v", o)
	}
	// What is written like the stanza can be read again.
	if d := o.Policy.Damping; d.Mode != health.DampingOff {
		if again, err := health.ParseDamping(strings.Fields(d.String())); err != nil || again != d {
			t.Errorf("%v is read as %v: %v", d, again, err)
		}
	}
}
