package v1

// History is what "/history" gives of the server, and "/services/NAMESPACE/NAME/history" of a
// Service.
type History struct {
	Header
	// Namespace and Name are absent where it is the server's.
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	Endpoint  string `json:"endpoint,omitempty"`
	From      Time   `json:"from"`
	To        Time   `json:"to"`
	// KnownFrom is since when what happened is known.
	KnownFrom Time `json:"knownFrom,omitzero"`
	// Decisions are what happened to the Service, and Events what happened to the server, the
	// last first.
	Decisions []Decision `json:"decisions,omitempty"`
	Events    []Event    `json:"events,omitempty"`
	// Next is the path of the next page, absent at the last.
	Next string `json:"next,omitempty"`
}

// Decision is what changed at once.
type Decision struct {
	At Time `json:"at"`
	// Cause is "slice", "service", "time", "check" or another one.
	Cause string `json:"cause"`
	// LateMs is how many milliseconds after what led to it answers changed.
	LateMs int64 `json:"lateMs,omitempty"`
	// Carried is how many endpoints the name had before and after.
	Carried [2]int   `json:"carried"`
	Changes []Change `json:"changes,omitempty"`
	// Texts say what happened to the Service as a whole.
	Texts []string `json:"texts,omitempty"`
	// More is how many changes are left out.
	More int `json:"more,omitempty"`
}

// Change is what happened to one endpoint.
type Change struct {
	Endpoint string `json:"endpoint"`
	Address  string `json:"address"`
	// From and To are tiers, absent where it was not there.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	Text string `json:"text"`
}

// Event is what happened to the server.
type Event struct {
	At Time `json:"at"`
	// Kind is "started", "restored", "lost", "back", "silent", "listed", "reloaded", "clock"
	// or "dropped".
	Kind string `json:"kind"`
	Text string `json:"text"`
}
