package endpoints

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

func TestServicesThatSayTheSameShareTheirOptions(t *testing.T) {
	c := newCache(corefile.Settings{Annotations: corefile.AllAnnotations, Checks: check.DefaultTerms()}, false)
	of := func(kind model.ServiceKind, selector bool, annotations map[string]string) *model.Service {
		return &model.Service{Kind: kind, HasSelector: selector, Annotations: model.NewAnnotations(annotations)}
	}
	first, err := c.optionsOf.service(of(model.Headless, false, map[string]string{"publish": "serving", "ttl": "7"}))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name    string
		service *model.Service
		shares  bool
	}{
		{"the same", of(model.Headless, false, map[string]string{"ttl": "7", "publish": "serving"}), true},
		{"another text", of(model.Headless, false, map[string]string{"publish": "serving", "ttl": "8"}), false},
		{"less", of(model.Headless, false, map[string]string{"ttl": "7"}), false},
		{"a text that looks like two", of(model.Headless, false, map[string]string{"publish": "serving\x03ttl\x017"}), false},
		{"a selector", of(model.Headless, true, map[string]string{"publish": "serving", "ttl": "7"}), false},
		{"an alias", of(model.ExternalName, false, map[string]string{"publish": "serving", "ttl": "7"}), false},
	} {
		if o, _ := c.optionsOf.service(tc.service); (o == first) != tc.shares {
			t.Errorf("%s: shares is %v, want %v", tc.name, o == first, tc.shares)
		}
	}
	runtime.KeepAlive(first)
}

func TestOptionsThatAreWrongAreSaidToBeEachTime(t *testing.T) {
	c := newCache(corefile.Settings{Annotations: corefile.AllAnnotations}, false)
	for range 2 {
		if _, err := c.optionsOf.service(&model.Service{Kind: model.Headless, Annotations: model.NewAnnotations(map[string]string{"ttl": "soon"})}); err == nil {
			t.Error("ttl: soon is taken")
		}
	}
}

// Whoever may write annotations may write another one each second.
func TestOptionsOfNobodyAreForgotten(t *testing.T) {
	c := newCache(corefile.Settings{Annotations: corefile.AllAnnotations}, false)
	for i := range 100 * leastAlike {
		if _, err := c.optionsOf.service(&model.Service{Kind: model.Headless, Annotations: model.NewAnnotations(map[string]string{"txt": fmt.Sprint(i)})}); err != nil {
			t.Fatal(err)
		}
		if i%leastAlike == 0 {
			runtime.GC()
		}
	}
	if n := len(c.optionsOf.alike.known); n > 4*leastAlike {
		t.Errorf("%d options are remembered of nobody", n)
	}
}
