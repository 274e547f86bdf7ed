package v1

// Overview is what "/" gives.
type Overview struct {
	Header
	Stanzas  []Stanza  `json:"stanzas"`
	Findings []Finding `json:"findings"`
	Served   Served    `json:"served"`
	// Trouble are the Services that are in trouble, the worst first, of TroubleTotal.
	Trouble      []ServiceLine `json:"trouble"`
	TroubleTotal int           `json:"troubleTotal"`
	Sources      []Source      `json:"sources"`
	// Changed are the last changes of Services, the last first. It is absent without history.
	Changed []Changed `json:"changed,omitempty"`
	LeftOut []LeftOut `json:"leftOut,omitempty"`
	// LeftOutTotal is of how many these are the first.
	LeftOutTotal int        `json:"leftOutTotal"`
	Snapshots    []Snapshot `json:"snapshots,omitempty"`
	Recorder     *Recorder  `json:"recorder,omitempty"`
	// Topology and Checks are absent where no stanza has them.
	Topology *Crossing    `json:"topology,omitempty"`
	Checks   *CheckCounts `json:"checks,omitempty"`
}

// Served is what is served in all.
type Served struct {
	Headless     int   `json:"headless"`
	ExternalName int   `json:"externalName"`
	Namespaces   int   `json:"namespaces"`
	Tiers        Tiers `json:"tiers"`
}

// Source is one stream of what is read: a list, and its changes.
type Source struct {
	// Stream is as in metrics, and From where it comes from: a URL or a directory.
	Stream string `json:"stream"`
	From   string `json:"from"`
	Up     bool   `json:"up"`
	// LastEvent is when the source last told something, Relists how often the list was read
	// anew, and Errors how many requests failed.
	LastEvent Time  `json:"lastEvent,omitzero"`
	Relists   int64 `json:"relists"`
	Errors    int64 `json:"errors"`
	// Lost is when there was no connection, in the last hour, the last of it last.
	Lost []Loss `json:"lost,omitempty"`
}

// Loss is a time in which a source did not answer. To is absent while it goes on.
type Loss struct {
	From Time   `json:"from"`
	To   Time   `json:"to,omitzero"`
	Why  string `json:"why,omitempty"`
}

// Changed is one change of one Service.
type Changed struct {
	At        Time   `json:"at"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Carried is how many endpoints the name had before and after.
	Carried [2]int `json:"carried"`
	Text    string `json:"text"`
}

// LeftOut is an object, or a part of one, that does not count.
type LeftOut struct {
	// Kind is as in metrics, such as "Service annotation".
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Text      string `json:"text"`
}

// Snapshot is the file that outlives the process.
type Snapshot struct {
	File string `json:"file"`
	// Written is when it was, and Size how many bytes it has.
	Written Time  `json:"written,omitzero"`
	Size    int64 `json:"size,omitempty"`
	// MaxAgeSeconds is for how long it is good.
	MaxAgeSeconds int64 `json:"maxAgeSeconds"`
}

// Recorder is what histories hold, in bytes.
type Recorder struct {
	Bytes   int64 `json:"bytes"`
	Most    int64 `json:"most"`
	Dropped int64 `json:"dropped"`
	// Reaches is since when the history of every Service is known, or it is whole.
	Reaches Time `json:"reaches,omitzero"`
}

// Crossing says what came of looking near clients, and how much of what they got is of other
// zones.
type Crossing struct {
	// Results counts the answers by what came of looking near the client, as metrics do.
	Results map[string]int64 `json:"results"`
	// Answers are those to clients in a known zone. FarOfAll is which share of all addresses,
	// from 0 to 1, was of other zones, and FarOfGot which share of those that clients got.
	Answers  int64   `json:"answers"`
	FarOfAll float64 `json:"farOfAll"`
	FarOfGot float64 `json:"farOfGot"`
	// Nodes and Prefixes are how many are known to find clients by.
	Nodes    int `json:"nodes"`
	Prefixes int `json:"prefixes"`
}

// CheckCounts are how many endpoints are checked, and how these checks stand.
type CheckCounts struct {
	Services int `json:"services"`
	Passing  int `json:"passing"`
	Failing  int `json:"failing"`
	Unknown  int `json:"unknown"`
	Refused  int `json:"refused"`
}
