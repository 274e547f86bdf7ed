package v1

// ServiceList is what "/services" gives.
type ServiceList struct {
	Header
	// Query and State are what was asked for.
	Query string `json:"query,omitempty"`
	State string `json:"state,omitempty"`
	// Services are a page of those that match, by name, of Total.
	Services []ServiceLine `json:"services"`
	Total    int           `json:"total"`
	// Next is the path of the next page, absent at the last.
	Next string `json:"next,omitempty"`
}

// The states of a Service, the worst first. Those behind StatePart are no trouble.
const (
	// StateEmpty is that the name has nothing though there are endpoints.
	StateEmpty = "empty"
	// StateVacant is that there are no endpoints, though the name had some within the hour.
	StateVacant = "vacant"
	// StateUnresolved is that what an ExternalName Service leads to does not resolve.
	StateUnresolved = "unresolved"
	// StateWaits is that the name waits for endpoints (min-endpoints).
	StateWaits = "waits"
	// StateOpen is that the name has endpoints that do not serve, since too few do, or
	// nobody does.
	StateOpen = "open"
	// StateDraining and StateDamped are that the name has only such endpoints.
	StateDraining = "draining"
	StateDamped   = "damped"
	// StatePart is that some endpoints are not as they should be.
	StatePart = "part"
	// StateFull is that the name has all that it should have.
	StateFull = "full"
	// StateNone is that there have been no endpoints for more than an hour, or ever.
	StateNone = "none"
	// StateExternal is an ExternalName Service.
	StateExternal = "external"
)

// ServiceLine is a Service in a list.
type ServiceLine struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Type is "headless" or "ExternalName".
	Type string `json:"type"`
	// State is one of the states, and Level how bad that is.
	State string `json:"state"`
	Level string `json:"level"`
	// Text says what is wrong, if anything is.
	Text string `json:"text,omitempty"`
	// Rcode is what a question for addresses gets, where that is not NOERROR.
	Rcode string `json:"rcode,omitempty"`
	// Carried is how many endpoints the name has, of Endpoints.
	Carried   int   `json:"carried"`
	Endpoints int   `json:"endpoints"`
	Tiers     Tiers `json:"tiers"`
	// Since is when it changed last, absent where nobody knows.
	Since Time `json:"since,omitzero"`
	// Target is what an ExternalName Service leads to.
	Target string `json:"target,omitempty"`
	// Steps are how many endpoints the name had in the last hour. Only Overview has them.
	Steps []Step `json:"steps,omitempty"`
	// Where is the stanza that serves it, where there are several.
	Where string `json:"where,omitempty"`
	// Matches are the endpoints that a search has found in it, up to three.
	Matches []string `json:"matches,omitempty"`
}
