package apiserver

import (
	"unique"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// report hands the state of an object on. One that is left out is handed on as such, so
// that answers can say so; it is withdrawn where it is nobody's.
func (j *join) report(t *table, o *object, rec *record) {
	if o.node != nil && rec.isHeartbeat(o) {
		return
	}
	if o.refused != nil {
		j.refusals.Refuse(log, t.kind.String(), o.namespace(), o.name, o.refused)
	} else if rec.refused {
		j.refusals.Readmit(log, t.kind.String(), o.namespace(), o.name)
	}
	rec.refused = o.refused != nil
	switch {
	case o.service != nil:
		j.reportService(o, rec)
	case o.slice != nil:
		j.reportSlice(o.slice, rec)
	case o.node != nil:
		j.reportNode(o.node, rec)
	case rec.refused:
		j.withdraw(t, o.key, rec)
		rec.owner = o.owner
	default:
		j.reportNamespace(o.name, rec)
	}
}

func (j *join) reportService(o *object, rec *record) {
	s := o.service
	j.changes = append(j.changes, model.ServiceChange(s))
	before := rec.selecting
	rec.served, rec.owner = true, s.Name
	rec.selecting = s.Kind == model.Headless && s.HasSelector
	switch {
	case s.Kind != model.Headless:
		j.endNeed(s.ServiceKey)
		delete(j.lacking, s.ServiceKey)
	case !rec.selecting:
		delete(j.lacking, s.ServiceKey)
	case !before && !o.made:
		j.need(s.ServiceKey)
	default:
		j.expectSlice(s.ServiceKey)
	}
}

func (j *join) reportSlice(s *model.Slice, rec *record) {
	if rec.served && rec.owner != s.Service {
		j.withdraw(j.slices, keyOf(s.Namespace, s.Name), rec)
	}
	j.changes = append(j.changes, model.SliceChange(s))
	rec.served, rec.owner = true, s.Service
	j.countSlice(s.Owner(), rec, s.Refused == "")
}

// countSlice takes note of whether a slice of a Service has endpoints to offer. One
// that is left out is no sign that its controller has seen the Service.
func (j *join) countSlice(owner model.ServiceKey, rec *record, counts bool) {
	before := rec.counted
	rec.counted = counts
	switch {
	case before == counts:
	case counts:
		j.count[owner]++
		delete(j.lacking, owner)
	default:
		if j.count[owner]--; j.count[owner] > 0 {
			return
		}
		delete(j.count, owner)
		if j.selects(owner) {
			j.expectSlice(owner)
		}
	}
}

func (j *join) reportNamespace(name string, rec *record) {
	if !rec.served {
		j.changes = append(j.changes, model.NamespaceChange(name))
		rec.served = true
	}
}

// isHeartbeat reports whether an event changes nothing of a Node that anybody reads.
// There is one at least every few minutes of each, and it ends here.
func (r *record) isHeartbeat(o *object) bool {
	return r.node != nil && r.node.Equal(o.node) && r.refused == (o.refused != nil)
}

func (j *join) reportNode(n *model.Node, rec *record) {
	rec.served = true
	if rec.node != nil && rec.node.Equal(n) {
		return
	}
	rec.node = n
	j.changes = append(j.changes, model.NodeChange(n))
}

// withdraw takes back what the Receiver knows of an object.
func (j *join) withdraw(t *table, k key, rec *record) {
	if !rec.served {
		return
	}
	rec.served, rec.selecting = false, false
	switch t.kind {
	case model.KindService:
		j.withdrawService(k)
	case model.KindSlice:
		j.withdrawSlice(k, rec)
	case model.KindNamespace:
		j.changes = append(j.changes, model.NamespaceChange(k.name).Removal())
	case model.KindNode:
		rec.node = nil
		j.changes = append(j.changes, model.NodeChange(&model.Node{Name: unique.Make(k.name)}).Removal())
	}
}

func (j *join) withdrawService(k key) {
	// The key was good when the Service was reported.
	service, _ := model.NewServiceKey(k.namespace(), k.name)
	j.changes = append(j.changes, model.ServiceChange(&model.Service{ServiceKey: service}).Removal())
	j.endNeed(service)
	delete(j.lacking, service)
}

func (j *join) withdrawSlice(k key, rec *record) {
	owner := rec.ownerOf(k)
	s := &model.Slice{SliceKey: model.SliceKey{Namespace: k.namespace(), Name: k.name}, Service: owner.Name}
	j.changes = append(j.changes, model.SliceChange(s).Removal())
	j.countSlice(owner, rec, false)
}

// selects reports whether a headless Service with a selector is served.
func (j *join) selects(service model.ServiceKey) bool {
	return j.services.get(keyOf(service.Namespace, service.Name)).selecting
}
