package endpoints

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/status"
	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"
)

// found is a Service of a list.
type found struct {
	view    *view
	key     string
	set     *records.Set
	matches []string
}

func (f *found) compare(o *found) int {
	a, b := f.set.Service, o.set.Service
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(f.view.where(), o.view.where()))
}

// inTrouble is the state of a query for all that are in trouble.
const inTrouble = "trouble"

// listServices returns a page of the Services that a query wants.
func listServices(views []*view, q *status.ServicesQuery) *v1.ServiceList {
	l := &v1.ServiceList{Header: head(views, v1.KindServiceList, q.Now), Query: q.Text, State: q.State, Services: []v1.ServiceLine{}}
	var all []found
	for _, v := range views {
		all = append(all, v.search(q.Text, q.Now)...)
	}
	if q.State != "" {
		all = slices.DeleteFunc(all, func(f found) bool {
			d := f.view.judge(f.key, f.set, q.Now)
			return d.state != q.State && (q.State != inTrouble || !d.isTrouble())
		})
	}
	slices.SortFunc(all, func(a, b found) int { return a.compare(&b) })
	l.Total = len(all)
	first := min(q.Page*status.RowsPerPage, len(all))
	for _, f := range all[first:min(first+status.RowsPerPage, len(all))] {
		d := f.view.judge(f.key, f.set, q.Now)
		line := f.view.line(f.key, f.set, &d, q.Now)
		line.Matches = f.matches
		l.Services = append(l.Services, line)
	}
	return l
}

// search returns the Services that a text is found in: in their names or that of their
// namespace, in the names of endpoints, or as an address. Empty is in all.
func (v *view) search(text string, now time.Time) (all []found) {
	if addr, err := netip.ParseAddr(text); err == nil {
		for _, key := range v.holders(addr.Unmap()) {
			if set := v.set(key); set != nil {
				all = append(all, found{v, key, set, []string{addr.String()}})
			}
		}
		if len(all) == 0 {
			return v.searchPast(addr.Unmap(), now)
		}
		return all
	}
	for key, set := range v.sets.All {
		if text == "" || strings.Contains(set.Service.String(), text) {
			all = append(all, found{v, key, set, nil})
			continue
		}
		if matches := endpointsWith(set, text); len(matches) > 0 {
			all = append(all, found{v, key, set, matches})
		}
	}
	return all
}

// mostSearched is in how many histories a search looks for an address that nobody has, those of
// the Services that changed last.
const mostSearched = 200

// searchPast returns the Services in which an address was within the window of a page.
func (v *view) searchPast(addr netip.Addr, now time.Time) (all []found) {
	r := &v.recording
	if r.tape == nil {
		return nil
	}
	steps := mostSteps
	for _, each := range r.tape.Latest(mostSearched) {
		set := v.set(each.Service)
		if set == nil || now.Sub(each.At) > status.Window {
			continue
		}
		story, err := r.tape.Read(each.Service, set.State(), r.instant())
		if err != nil {
			continue
		}
		if steps -= story.Len(); steps < 0 {
			break
		}
		courses, err := story.Spans(now.Add(-status.Window), now)
		if err != nil {
			continue
		}
		for i := range courses {
			if c := &courses[i]; c.Address == addr && len(c.Spans) > 0 {
				all = append(all, found{v, each.Service, set, []string{why.Had(why.Name(c.Endpoint), addr, c.Spans[len(c.Spans)-1].To)}})
				break
			}
		}
	}
	return all
}

// mostMatches is how many endpoints are named that a search has found in one Service.
const mostMatches = 3

func endpointsWith(set *records.Set, text string) (all []string) {
	for label := range set.Roster().Names {
		if strings.Contains(label, text) && !slices.Contains(all, label) {
			if all = append(all, label); len(all) == mostMatches {
				break
			}
		}
	}
	return all
}
