package roster

import (
	"fmt"
	"slices"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"pgregory.net/rapid"
)

// drawCalled returns what the endpoints of slices are called, which often are all called the
// same way.
func drawCalled(t *rapid.T) (*Current, *Called) {
	all := drawSlices(t)
	if way := rapid.SampledFrom([]way{inSeveralWays, byAddress, bySpecifiedName, byPod}).Draw(t, "way"); way != inSeveralWays {
		for _, s := range all {
			for i := range s.Endpoints {
				callInOneWay(t, &s.Endpoints[i], way)
			}
		}
	}
	c, _ := new(Builder).Build(all, rapid.SampledFrom([]Naming{ByHostname, ByPodName}).Draw(t, "naming"))
	called := new(Called)
	if rapid.Bool().Draw(t, "again") {
		called.Take(c.Roster)
		called.findPods()
	}
	called.Take(c.Roster)
	return c, called
}

func callInOneWay(t *rapid.T, e *model.Endpoint, way way) {
	e.Hostname, e.Pod = "", ""
	text := fmt.Sprintf("%c-%d-%d", 'a'+familyOf(e.Address), e.Address.AsSlice()[e.Address.BitLen()/8-1], rapid.IntRange(0, 9).Draw(t, "life")/9)
	switch way {
	case bySpecifiedName:
		e.Hostname, e.Pod = text, text
	case byPod:
		e.Pod = text
	}
}

func TestEndpointsAreCalledAsTheirSlicesCallThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, called := drawCalled(t)
		for at := range At(c.Len()) {
			e, want := c.Endpoint(at), ""
			if target := c.Target(at); target >= 0 {
				want = c.Label(target)
			}
			name, pod := called.Names(at)
			if name != want {
				t.Errorf("%+v is called %q, want %q", e, name, want)
			}
			if pod != "" && (pod != e.Pod || pod == name) {
				t.Errorf("the Pod of %+v, which is called %q, is %q", e, name, pod)
			}
			// A name that others have as theirs is not that of this Pod.
			if target, _ := c.Resolve(e.Pod); pod == "" && e.Pod != "" && e.Pod != name && !slices.Contains(c.targets, target) {
				t.Errorf("nobody knows the Pod of %+v", e)
			}
		}
	})
}

func TestWhoIsCalledTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, ours := drawCalled(t)
		o, theirs := drawCalled(t)
		at, from := rapid.IntRange(0, c.Len()).Draw(t, "at"), rapid.IntRange(0, o.Len()).Draw(t, "from")
		most, want := min(c.Len()-at, o.Len()-from), 0
		for ; want < most; want++ {
			name, pod := ours.Names(At(at + want))
			nameToo, podToo := theirs.Names(At(from + want))
			if name != nameToo || pod != podToo {
				break
			}
		}
		if got := ours.Same(At(at), theirs, At(from), most); got != want {
			t.Errorf("%d of %d are the same, want %d", got, most, want)
		}
	})
}
