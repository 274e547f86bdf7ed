package manifests

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// maxKinds bounds the kinds that a summary names.
const maxKinds = 20

// summary is what was read of a directory.
type summary struct {
	files, services, slices, endpoints, nodes int
	// skipped counts the documents that say nothing here, by kind.
	skipped map[string]int
}

// add counts what one file has and is not reported, whatever others have.
func (s *summary) add(c *content) {
	for kind, n := range c.skipped {
		s.skipped[plainKind(kind)] += n
	}
	for i := range c.objects {
		switch o := &c.objects[i]; {
		case o.refused != nil && o.reported == nil && len(o.slices) == 0 && o.node == nil:
			s.skipped["refused "+o.kind]++
		case o.kind == "Service" && !o.served:
			s.skipped["Service that is neither headless nor ExternalName"]++
		}
	}
}

// plainKind returns a kind as the log may show it.
func plainKind(kind string) string {
	if kind == noObject {
		return "document without apiVersion and kind"
	}
	if len(kind) > model.MaxName || strings.ContainsFunc(kind, isNoName) {
		return "document of an odd kind"
	}
	return kind
}

// count counts what is reported, and what others have taken the place of.
func (s *summary) count(state *model.State, remarks []remark) {
	for _, service := range state.Services {
		if service.Refused == "" {
			s.services++
		}
	}
	for _, slice := range state.Slices {
		if slice.Refused == "" {
			s.slices++
			s.endpoints += len(slice.Endpoints)
		}
	}
	s.nodes = len(state.Nodes)
	for _, r := range remarks {
		s.skipped[r.kind]++
	}
}

// log writes the summary in one line. It is a warning where nothing is served.
func (s summary) log(dir string) {
	if s.files == 0 {
		log.Warningf("The directory of manifests %s is empty: no file in it ends in .yaml, .yml or .json", dir)
		return
	}
	tell := log.Infof
	if s.services == 0 && s.slices == 0 {
		tell = log.Warningf
	}
	tell("Read the directory of manifests %s: %s", dir, s)
}

func (s summary) String() string {
	text := fmt.Sprintf("files: %d; Services: %d, EndpointSlices: %d, endpoints: %d", s.files, s.services, s.slices, s.endpoints)
	if s.nodes > 0 {
		text += fmt.Sprintf(", Nodes: %d", s.nodes)
	}
	for i, kind := range slices.Sorted(maps.Keys(s.skipped)) {
		switch {
		case i == maxKinds:
			return text + fmt.Sprintf(", and of %d more kinds", len(s.skipped)-maxKinds)
		case i == 0:
			text += "; skipped: "
		default:
			text += ", "
		}
		text += fmt.Sprintf("%s (%d)", kind, s.skipped[kind])
	}
	return text
}
