package endpoints

import (
	"encoding/binary"
	"weak"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
)

// optionsOf has how Services are compiled by the same settings.
type optionsOf struct {
	settings *corefile.Settings
	// plain are the options of a Service without annotations.
	plain *records.Options
	alike optionsOfAlike
}

func newOptionsOf(s *corefile.Settings) optionsOf {
	return optionsOf{settings: s, plain: new(s.Options())}
}

// service returns how a Service is compiled. Those without annotations share one value, and
// headless ones that say the same share another one: a platform team has hundreds of these.
func (o *optionsOf) service(object *model.Service) (*records.Options, error) {
	switch {
	case len(object.Annotations) == 0:
		return o.plain, nil
	case object.Kind != model.Headless:
		own, err := o.settings.Of(object)
		return &own, err
	}
	said := saidBy(object)
	if known := o.alike.known[said].Value(); known != nil {
		return known, nil
	}
	own, err := o.settings.Of(object)
	if err == nil {
		o.alike.add(said, &own)
	}
	return &own, err
}

// saidBy returns all that the options of a headless Service depend on.
func saidBy(object *model.Service) string {
	said := []byte{0}
	if object.HasSelector {
		said[0] = 1
	}
	for _, a := range object.Annotations {
		for _, text := range [...]string{a.Name, a.Text} {
			said = append(binary.AppendUvarint(said, uint64(len(text))), text...)
		}
	}
	return string(said)
}

// optionsOfAlike has the options of Services that say the same, for as long as there is one of
// them. The zero value has none.
type optionsOfAlike struct {
	known map[string]weak.Pointer[records.Options]
	// most is how many there may be until those are looked for that are gone.
	most int
}

// leastAlike is below what looking for those pays for.
const leastAlike = 64

func (a *optionsOfAlike) add(said string, o *records.Options) {
	if a.known == nil {
		a.known, a.most = make(map[string]weak.Pointer[records.Options]), leastAlike
	}
	a.known[said] = weak.Make(o)
	if len(a.known) <= a.most {
		return
	}
	for said, of := range a.known {
		if of.Value() == nil {
			delete(a.known, said)
		}
	}
	a.most = max(2*len(a.known), leastAlike)
}
