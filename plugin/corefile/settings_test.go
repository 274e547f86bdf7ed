package corefile

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/external"
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
		{"fail-open", "off", func(o *records.Options) { o.Policy.FailOpen = health.FailOpenOff }},
		{"damping", "on 60s", func(o *records.Options) {
			o.Policy.Damping = health.Damping{Mode: health.DampingOn, HalfLife: time.Minute}
		}},
		{"srv-tiers", "all", func(o *records.Options) { o.Policy.SRVTiers = health.SRVAll }},
		{"ttl", "30", func(o *records.Options) { o.Declared.TTL = number(30) }},
		{"negative-ttl", "0", func(o *records.Options) { o.Declared.NegativeTTL = number(0) }},
		{"max-answers", "8", func(o *records.Options) { o.Declared.MaxAnswers = &most }},
		{"ttl", "30\n", func(o *records.Options) { o.Declared.TTL = number(30) }},
		{"drain", "db-1\n\tdb-2\n", func(o *records.Options) { o.Drain = []string{"db-1", "db-2"} }},
		{"txt", "authSource=admin&replicaSet=Rs0", func(o *records.Options) { o.Declared.TXT = []string{"authSource=admin&replicaSet=Rs0"} }},
		{"txt", "\n one, two\n\nb\\n \"c\"\r\n", func(o *records.Options) { o.Declared.TXT = []string{"one, two", `b\\n "c"`} }},
		{"txt", strings.Repeat("x", 300), func(o *records.Options) {
			o.Declared.TXT = []string{strings.Repeat("x", 255), strings.Repeat("x", 45)}
		}},
		{"txt-grpc-config", `[ {"serviceConfig": {"loadBalancingConfig": [{"round_robin": {}}]}} ]`, func(o *records.Options) {
			o.Declared.ServiceConfig = []string{`grpc_config=[{"serviceConfig":{"loadBalancingConfig":[{"round_robin":{}}]}}]`}
		}},
		{"min-endpoints", "3", func(o *records.Options) { o.MinEndpoints = 3 }},
		{"soa", "true", func(o *records.Options) { o.Declared.SOA = true }},
		{"soa", "false\n", func(o *records.Options) {}},
		{"drain", "db-1, DB-2", func(o *records.Options) { o.Drain = []string{"db-1", "db-2"} }},
	} {
		t.Run(c.name+" "+c.value, func(t *testing.T) {
			s := Settings{Policy: health.Policy{Publish: health.ByServing, FailOpen: 50}, Annotations: AllAnnotations}
			want := s.Options()
			c.want(&want)
			got, err := s.Of(&model.Service{Annotations: model.NewAnnotations(map[string]string{c.name: c.value})})
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
		{"txt", "", "txt: want one or more strings, each in a line of its own"},
		{"txt", strings.Repeat("x", 4097), "txt: 4097 bytes are more than 4096"},
		{"txt-grpc-config", `{"serviceConfig": {}}`, "txt-grpc-config: want a list of service configs in JSON: json: cannot unmarshal object"},
		{"txt-grpc-config", "[" + strings.Repeat("{},", 2000) + "{}]", "txt-grpc-config: 6004 bytes are more than 4096"},
		{"min-endpoints", "0", `min-endpoints: want a whole number in range [1, 65535], not "0"`},
		{"min-endpoints", "65536", `min-endpoints: want a whole number in range [1, 65535], not "65536"`},
		{"min-endpoints", "3 of 5", `min-endpoints: want a whole number in range [1, 65535], not "3 of 5"`},
		{"min-endpoints", "", `min-endpoints: want a whole number in range [1, 65535], not ""`},
		{"soa", "yes", `soa: want true or false, not "yes"`},
		{"tll", "5", "annotation k8s-endpoints.coredns.io/tll: unknown"},
		{"pod-names", "all", "annotation k8s-endpoints.coredns.io/pod-names: the Corefile does not allow it"},
	} {
		got, err := s.Of(&model.Service{Annotations: model.NewAnnotations(map[string]string{c.name: c.value, "publish": "serving"})})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %s: got the error %v, want %s", c.name, c.value, err, c.want)
		}
		if want := (records.Options{Policy: health.Policy{Publish: health.ByServing}}); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %s: got %+v", c.name, c.value, got)
		}
	}
}

// A name that is an alias has no other records.
func TestAnAliasDeclaresNoRecordsAtItsName(t *testing.T) {
	s := Settings{Annotations: AllAnnotations}
	alias := &model.Service{Kind: model.ExternalName, Target: "example.org."}
	for name, value := range map[string]string{"txt": "a", "soa": "true"} {
		alias.Annotations = model.NewAnnotations(map[string]string{name: value})
		if o, err := s.Of(alias); err == nil || !strings.Contains(err.Error(), "is an alias") || !reflect.DeepEqual(o, s.Options()) {
			t.Errorf("%s: got %+v and the error %v", name, o, err)
		}
	}
	alias.Annotations = model.NewAnnotations(map[string]string{"txt-grpc-config": "[]"})
	if o, err := s.Of(alias); err != nil || o.Declared.ServiceConfig == nil {
		t.Errorf("below the name: got %+v and the error %v", o, err)
	}
}

func TestWhatAnExternalNameServiceSaysOfItsTargets(t *testing.T) {
	alias := &model.Service{Kind: model.ExternalName, Target: "example.org."}
	s := Settings{Annotations: AllAnnotations, External: external.Terms{LastGood: external.LastGood{For: time.Hour}, Flatten: true}}
	for _, c := range []struct {
		name, value string
		want        func(*external.Wish)
	}{
		{"targets", "order DB-b.example.org\n192.0.2.7", func(w *external.Wish) {
			w.Targets.Others = []external.Target{{Name: "db-b.example.org."}, {Address: netip.MustParseAddr("192.0.2.7")}}
		}},
		{"last-good", "10m nxdomain", func(w *external.Wish) { w.LastGood = external.LastGood{For: 10 * time.Minute, NXDomain: true} }},
		{"last-good", "off", func(w *external.Wish) { w.LastGood = external.LastGood{} }},
		{"flatten", "off", func(w *external.Wish) { w.Flatten = false }},
	} {
		want := s.Options()
		c.want(&want.External)
		alias.Annotations = model.NewAnnotations(map[string]string{c.name: c.value})
		if got, err := s.Of(alias); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %s: got %+v and the error %v, want %+v", c.name, c.value, got, err, want)
		}
	}
	for _, c := range []struct{ name, value, want string }{
		{"last-good", "2h", "last-good: 2h0m0s is longer than last_good of the Corefile, which is 1h0m0s"},
		{"flatten", "yes", `flatten: want on or off, not "yes"`},
		{"targets", "db-b.example.org", `targets: want "order NAME..."`},
	} {
		alias.Annotations = model.NewAnnotations(map[string]string{c.name: c.value})
		if got, err := s.Of(alias); err == nil || !strings.Contains(err.Error(), c.want) || !reflect.DeepEqual(got, s.Options()) {
			t.Errorf("%s: %s: got %+v and the error %v, want %s", c.name, c.value, got, err, c.want)
		}
	}
	for name, value := range map[string]string{"targets": "order a.example", "last-good": "10m", "flatten": "on"} {
		headless := &model.Service{Kind: model.Headless, Annotations: model.NewAnnotations(map[string]string{name: value})}
		if got, err := s.Of(headless); err == nil || !strings.Contains(err.Error(), "only an ExternalName Service") || !reflect.DeepEqual(got, s.Options()) {
			t.Errorf("%s of a headless Service: got %+v and the error %v", name, got, err)
		}
	}
}

func TestAServiceWantsACheck(t *testing.T) {
	on := Settings{Annotations: AllAnnotations, Checks: check.DefaultTerms()}
	on.Checks.Mode = check.On
	none := on
	none.Annotations = 0
	selecting := model.Service{HasSelector: true}
	nameless := model.Service{Kind: model.ExternalName, Target: "example.org.", Ports: []model.Port{{Number: 5432}}}
	for _, c := range []struct {
		name     string
		settings Settings
		service  model.Service
		text     string
		kind     check.Kind
		wrong    string
	}{
		{"of its database", on, model.Service{}, "postgres 5432", check.Postgres, ""},
		{"of an external name, at a port without a name", on, nameless, "postgres 5432", check.Postgres, ""},
		{"of an external name, at the only port", on, nameless, "postgres", check.Postgres, ""},
		{"of an external name, at another port", on, nameless, "postgres 5433", 0, "the port is none of those in spec.ports"},
		{"with a path that has capitals", on, model.Service{}, "http path=/healthz host=DB.example.org", check.HTTP, ""},
		{"and ends it", on, model.Service{}, "off", 0, ""},
		{"which there is not", on, model.Service{}, "mysql", 0, "there is no kind mysql"},
		{"where checks are off", Settings{Annotations: AllAnnotations}, model.Service{}, "tcp", 0, "checks are off in the Corefile"},
		{"of its own Pods", on, selecting, "tcp", 0, "the kubelet checks its Pods"},
		{"that the Corefile does not allow", none, model.Service{}, "tcp", 0, "the Corefile does not allow it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.service.Annotations = model.NewAnnotations(map[string]string{"check": c.text})
			o, err := c.settings.Of(&c.service)
			if o.Check.Spec.Kind != c.kind || (err == nil) != (c.wrong == "") {
				t.Errorf("got %+v and the error %v, want %s and %q", o.Check, err, c.kind, c.wrong)
			}
			if err != nil && !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("got the error %v, want %q", err, c.wrong)
			}
		})
	}
}

// FuzzAnnotation checks that whatever a Service says leaves good options.
func FuzzAnnotation(f *testing.F) {
	for at, values := range [][]string{
		{"postgres 5432", "http web path=/healthz", "off", "mysql"}, {"on 60s", "observe", "off", "on 1h", "on 10s 10s"}, {"db-1, db-2", ""}, {"30%", "off", "101"}, {"0", "65535", "-1"}, {"1", "3601"},
		{"all", "ready"}, {"serving", "Ready"}, {"true", "1"}, {"all", "published", ""}, {"30", "soon"}, {"a\nb", ""}, {`[{"a":1}]`, "{"},
	} {
		for _, value := range values {
			f.Add(uint8(at), value)
		}
	}
	f.Fuzz(func(t *testing.T, at uint8, value string) {
		name := annotationNames[int(at)%len(annotationNames)]
		s := Settings{Annotations: AllAnnotations, Checks: check.DefaultTerms()}
		s.Checks.Mode = check.On
		o, err := s.Of(&model.Service{Annotations: model.NewAnnotations(map[string]string{name: value})})
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
	for _, ttl := range []*uint32{o.Declared.TTL, o.Declared.NegativeTTL} {
		if ttl != nil && *ttl > maxTTL {
			t.Errorf("a TTL of %d", *ttl)
		}
	}
	if most := o.Declared.MaxAnswers; most != nil && (*most < 0 || *most > maxAnswers) {
		t.Errorf("max_answers is %d", *most)
	}
	for _, text := range append(slices.Clone(o.Declared.TXT), o.Declared.ServiceConfig...) {
		if n := len(strings.ReplaceAll(text, `\\`, `\`)); n == 0 || n > 255 {
			t.Errorf("a string of %d bytes: %q", n, text)
		}
	}
	if o.Policy.FailOpen < health.FailOpenOff || o.Policy.FailOpen > 100 || len(o.Drain) > maxDrain {
		t.Errorf("got %+v", o)
	}
	if l := o.External.LastGood; l.For != 0 && (l.For < 10*time.Second || l.For > 72*time.Hour) || len(o.External.Targets.Others) >= external.MaxTargets {
		t.Errorf("got %+v", o.External)
	}
	// What is written like the stanza can be read again.
	if d := o.Policy.Damping; d.Mode != health.DampingOff {
		if again, err := health.ParseDamping(strings.Fields(d.String())); err != nil || again != d {
			t.Errorf("%v is read as %v: %v", d, again, err)
		}
	}
}
