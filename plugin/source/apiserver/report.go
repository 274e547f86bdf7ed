package apiserver

import "github.com/k8s-endpoints/k8s_endpoints/plugin/model"

// report hands the state of an object on.
func (j *join) report(t *table, o *object, rec *record) {
	if o.refused != nil {
		j.withdraw(t, o.key, rec)
		rec.refused, rec.owner = true, o.owner
		j.refusals.Refuse(log, t.kind.String(), o.namespace, o.name, o.refused)
		return
	}
	if rec.refused {
		j.refusals.Forget(t.kind.String(), o.namespace, o.name)
		rec.refused = false
	}
	switch t.kind {
	case model.KindService:
		j.reportService(o, rec)
	case model.KindSlice:
		j.reportSlice(o.slice, rec)
	case model.KindNamespace:
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
		j.withdraw(j.slices, key{s.Namespace, s.Name}, rec)
	}
	j.changes = append(j.changes, model.SliceChange(s))
	if !rec.served {
		j.count[s.Owner()]++
		delete(j.lacking, s.Owner())
	}
	rec.served, rec.owner = true, s.Service
}

func (j *join) reportNamespace(name string, rec *record) {
	if !rec.served {
		j.changes = append(j.changes, model.NamespaceChange(name))
		rec.served = true
	}
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
		j.withdrawSlice(k, rec.ownerOf(k))
	case model.KindNamespace:
		j.changes = append(j.changes, model.NamespaceChange(k.name).Removal())
	}
}

func (j *join) withdrawService(k key) {
	// The key was good when the Service was reported.
	service, _ := model.NewServiceKey(k.namespace, k.name)
	j.changes = append(j.changes, model.ServiceChange(&model.Service{ServiceKey: service}).Removal())
	j.endNeed(service)
	delete(j.lacking, service)
}

func (j *join) withdrawSlice(k key, owner model.ServiceKey) {
	s := &model.Slice{SliceKey: model.SliceKey{Namespace: k.namespace, Name: k.name}, Service: owner.Name}
	j.changes = append(j.changes, model.SliceChange(s).Removal())
	if j.count[owner]--; j.count[owner] > 0 {
		return
	}
	delete(j.count, owner)
	if j.selects(owner) {
		j.expectSlice(owner)
	}
}

// selects reports whether a headless Service with a selector is served.
func (j *join) selects(service model.ServiceKey) bool {
	return j.services.records[key{service.Namespace, service.Name}].selecting
}
