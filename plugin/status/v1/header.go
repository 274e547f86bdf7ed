package v1

// Header is what every reply begins with.
type Header struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Now is when the reply was made, by the clock of the server.
	Now    Time   `json:"now"`
	Server Server `json:"server"`
	// AsOf is since when nothing is seen of the cluster: what follows is as it was then.
	AsOf Time `json:"asOf,omitzero"`
	// Stale is true where answers are from a snapshot, or from before a reload, until the
	// first list is complete.
	Stale bool `json:"stale"`
}

// Server is the process that answers.
type Server struct {
	// Name is that of its host, which in a cluster is the Pod.
	Name string `json:"name"`
	// Address is where the question came to. It may be a loopback one.
	Address string `json:"address,omitempty"`
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	CoreDNS string `json:"coredns,omitempty"`
	Started Time   `json:"started,omitzero"`
}

// Stanza is where in the Corefile something stands, and for which zones.
type Stanza struct {
	// Where is "FILE:LINE", and Zones are without their final dots.
	Where string   `json:"where"`
	Zones []string `json:"zones"`
}

// The levels of a Finding.
const (
	LevelOK      = "ok"
	LevelWarning = "warning"
	LevelError   = "error"
)

// Finding is one thing that is to be said, in a sentence or more.
type Finding struct {
	// ID stays the same for the same thing, and is never used for another one.
	ID string `json:"id"`
	// Level is "ok", "warning" or "error".
	Level string `json:"level"`
	Text  string `json:"text"`
	// Detail is more, for those who want to know.
	Detail string `json:"detail,omitempty"`
	// Endpoint and Services ("N/S") are what it is about.
	Endpoint string   `json:"endpoint,omitempty"`
	Services []string `json:"services,omitempty"`
}

// Tiers are how many endpoints are in each tier.
type Tiers struct {
	Good     int `json:"good"`
	Damped   int `json:"damped"`
	Draining int `json:"draining"`
	Sick     int `json:"sick"`
	Starting int `json:"starting"`
	Dying    int `json:"dying"`
}

// Step is how many endpoints a name had, from a time on.
type Step struct {
	At      Time `json:"at"`
	Carried int  `json:"carried"`
}
