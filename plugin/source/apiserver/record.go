package apiserver

import "github.com/k8s-endpoints/k8s_endpoints/plugin/model"

// record is all that is kept of an object.
type record struct {
	// version is the newest one that was taken, and input the one whose word counts
	// from there on: see join.
	version uint64
	input   *input
	// served means that the Receiver knows the object, refused that something
	// is wrong with its newest state.
	served, refused bool
	// selecting marks a served headless Service with a selector: it has slices.
	selecting bool
	// counted marks a slice that counts as one of its Service.
	counted bool
	// owner is the name of the Service that a slice is of, in its own namespace; of
	// a Service it is that one's.
	owner string
	// node is a Node as the Receiver knows it, to tell heartbeats from news.
	node *model.Node
}

// ownerOf is the Service of the slice or the Service with that key.
func (r record) ownerOf(k key) model.ServiceKey {
	return model.ServiceKey{Namespace: k.namespace(), Name: r.owner}
}

// table holds the records of all objects of one kind.
type table struct {
	kind model.Kind
	// records are apart from the map: half of its places are empty.
	records map[key]*record
}

func newTable(k model.Kind) *table { return &table{kind: k, records: make(map[key]*record)} }

// get returns the record of an object, the zero value where there is none.
func (t *table) get(k key) record {
	if rec := t.records[k]; rec != nil {
		return *rec
	}
	return record{}
}

// put keeps the record of an object.
func (t *table) put(k key, rec record) {
	if kept := t.records[k]; kept != nil {
		*kept = rec
		return
	}
	kept := new(record)
	*kept = rec
	t.records[k] = kept
}

// input is what the join knows of a stream. The lock of the join guards it.
type input struct {
	table *table
	// newest is the newest resource version that the stream has come to.
	newest uint64
	listed bool
	// aside is true where Synced does not wait for the first list.
	aside bool
	// rewound is true while a list is taken that shows a store which was put back to
	// an earlier state: then what is older is right.
	rewound bool
	// fallback is set for the stream of a fallback.
	fallback *fallback
}

// isOld reports whether a version is older than what is known of an object.
func (in *input) isOld(version uint64, of record) bool {
	return version != 0 && version < of.version && !in.rewound
}

// isNews reports whether an object differs from what is known of it. A version
// that is no number does not tell, so such an object always does.
func (in *input) isNews(o *object, from record) bool {
	return from.input == nil || o.version == 0 || o.version > from.version || in.rewound && o.version != from.version
}
