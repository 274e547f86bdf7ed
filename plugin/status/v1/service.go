package v1

// Service is what "/services/NAMESPACE/NAME" gives.
type Service struct {
	Header
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Type is "headless" or "ExternalName", State one of the states.
	Type  string `json:"type"`
	State string `json:"state"`
	// Selector is true where the cluster makes its EndpointSlices.
	Selector bool `json:"selector"`
	// Stanza is by whose rules this is so, and Others are those that serve it, too.
	Stanza Stanza   `json:"stanza"`
	Others []Stanza `json:"others,omitempty"`
	// At is the time that was asked about, absent where that is now. Then Endpoints and Policy
	// are as they were, and there are no Names.
	At Time `json:"at,omitzero"`
	// KnownFrom is since when what happened to it is known, absent without history.
	KnownFrom Time      `json:"knownFrom,omitzero"`
	Findings  []Finding `json:"findings"`
	Names     []Name    `json:"names,omitempty"`
	// Carried is how many endpoints the name has, of EndpointsTotal.
	Carried int   `json:"carried"`
	Tiers   Tiers `json:"tiers"`
	// Endpoints are a page of them, those in trouble first. Gone are those that were there in
	// the window and are not there any more.
	Endpoints      []Endpoint `json:"endpoints"`
	EndpointsTotal int        `json:"endpointsTotal"`
	Gone           []Endpoint `json:"gone,omitempty"`
	// From and To are the window of Steps, of spans and of History.
	From    Time         `json:"from,omitzero"`
	To      Time         `json:"to,omitzero"`
	Steps   []Step       `json:"steps,omitempty"`
	Lost    []Loss       `json:"lost,omitempty"`
	Policy  []PolicyLine `json:"policy"`
	Slices  []SliceLine  `json:"slices,omitempty"`
	Targets []Target     `json:"targets,omitempty"`
	// Places are what clients get by where they are, absent where all get the same.
	Places []Place `json:"places,omitempty"`
	// Digest is of what answers are made of: servers whose digests are the same answer the
	// same. It is absent where At is given.
	Digest  string     `json:"digest,omitempty"`
	History []Decision `json:"history,omitempty"`
	// Next is the path of the next page of Endpoints, absent at the last.
	Next string `json:"next,omitempty"`
}

// Name is what one question gets now.
type Name struct {
	// Name ends in a dot.
	Name  string `json:"name"`
	Type  string `json:"type"`
	Rcode string `json:"rcode"`
	// TTL is in seconds: of the records, or of the denial.
	TTL int `json:"ttl"`
	// Total is how many records there are, and Records the data of the first of them.
	Total   int      `json:"total"`
	Records []string `json:"records,omitempty"`
	// Truncated is true where they do not fit into 1232 bytes, and an answer over TCP has
	// more. AtMost is how many an answer has where that is bounded, by chance.
	Truncated bool `json:"truncated"`
	AtMost    int  `json:"atMost,omitempty"`
	// EDE is the reason that stands beside the answer.
	EDE string `json:"ede,omitempty"`
}

// Endpoint is one address of a Service.
type Endpoint struct {
	// Name is what records call it.
	Name    string `json:"name"`
	Pod     string `json:"pod,omitempty"`
	Address string `json:"address"`
	// Tier is "good", "damped", "draining", "sick", "starting" or "dying", since Since. Where
	// SinceBefore is true, it was so when the server began to watch.
	Tier        string `json:"tier"`
	Since       Time   `json:"since,omitzero"`
	SinceBefore bool   `json:"sinceBefore,omitempty"`
	// Published is true where the name of the Service has it, and Named where it has one of
	// its own.
	Published bool `json:"published"`
	Named     bool `json:"named"`
	// Conditions are those of the slice that hold: "ready", "serving", "terminating".
	Conditions []string `json:"conditions,omitempty"`
	TakenOut   bool     `json:"takenOut,omitempty"`
	// Why says why it is published, or not.
	Why string `json:"why"`
	// DampedUntil is when its damping ends.
	DampedUntil Time `json:"dampedUntil,omitzero"`
	// Flaps is how often it went down in the last hour. It is absent without history.
	Flaps *int `json:"flaps1h,omitempty"`
	// Zone and Node are where it is, and ForZones for whose use, as far as slices say it and
	// somebody asks for that.
	Zone     string   `json:"zone,omitempty"`
	Node     string   `json:"node,omitempty"`
	ForZones []string `json:"forZones,omitempty"`
	// Check is "passes", "fails", "unknown" or "refused", absent where it is not checked.
	Check string `json:"check,omitempty"`
	// CheckSince is since when the check fails.
	CheckSince Time   `json:"checkSince,omitzero"`
	Spans      []Span `json:"spans,omitempty"`
	// More is how many spans of the window are left out, the oldest.
	More int `json:"more,omitempty"`
}

// Span is a time in which an endpoint stood as it did.
type Span struct {
	From      Time   `json:"from"`
	To        Time   `json:"to"`
	Tier      string `json:"tier"`
	Published bool   `json:"published"`
	// Address is where that is not the one of the Endpoint.
	Address string `json:"address,omitempty"`
}

// PolicyLine is one option that is in force.
type PolicyLine struct {
	// Option is as the Corefile has it.
	Option string `json:"option"`
	Value  string `json:"value"`
	// From is "default", "corefile" or "annotation", and Where "FILE:LINE".
	From  string `json:"from"`
	Where string `json:"where,omitempty"`
}

// SliceLine is one EndpointSlice.
type SliceLine struct {
	Name      string   `json:"name"`
	Version   uint64   `json:"version"`
	Endpoints int      `json:"endpoints"`
	Ports     []string `json:"ports,omitempty"`
	// Triggered is when that happened which led to its last change, as the controller noted.
	Triggered Time `json:"triggered,omitzero"`
	// LeftOut is why it does not count.
	LeftOut string `json:"leftOut,omitempty"`
}

// Target is one name that an ExternalName Service leads to, or that a slice has.
type Target struct {
	// Name is without its final dot. It may be an address.
	Name string `json:"name"`
	// State is "in use", "passed", "refused" or "not looked up", and Text why.
	State string `json:"state"`
	Text  string `json:"text,omitempty"`
	// Addresses are those that were found last, at Found, good until Until.
	Addresses []string `json:"addresses,omitempty"`
	Found     Time     `json:"found,omitzero"`
	Until     Time     `json:"until,omitzero"`
}

// Place is what clients at one place get.
type Place struct {
	// Zone is where they are.
	Zone string `json:"zone"`
	// Type is that of the records, and Got how many of All these clients get, by Result.
	Type   string `json:"type"`
	Got    int    `json:"got"`
	All    int    `json:"all"`
	Result string `json:"result"`
}
