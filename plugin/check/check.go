// Package check says what a check of an endpoint is that Kubernetes does not check: what is
// asked (Spec), whether it may be asked (Guard), and what comes of the results (State). It
// dials nothing, and knows no clock.
//
// Reading order: check.go has the words. terms.go and allow.go read what a stanza says,
// spec.go what a Service asks for, and both take names and kinds by names.go and kinds.go.
// guard.go says what may be dialled, never.go what is never, and refusal.go why. state.go
// turns results into a verdict, findings.go has what is known of the endpoints of a Service,
// and remembered.go what outlives the process.
package check

import "time"

// Kind is how a target is asked.
type Kind uint8

// The kinds. None sends credentials, a body or a redirected request.
const (
	// TCP connects.
	TCP Kind = iota + 1
	// TLS shakes hands.
	TLS
	// HTTP and HTTPS get a path, and look at the status alone.
	HTTP
	HTTPS
	// GRPC asks the health service of gRPC, without TLS.
	GRPC
	// DNS asks for an SOA record.
	DNS
	// Postgres asks whether the server would encrypt by GSSAPI: any answer is one.
	Postgres
	// Redis sends PING.
	Redis
	// Kinds is one more than the last kind.
	Kinds
)

// Cause is how a check ended. All that is not Passed or Void is a failure.
type Cause uint8

// The causes. The set is closed: nothing else is told of a target.
const (
	// Passed is a success.
	Passed Cause = iota
	// Void is no result: this process was late, out of sockets, or ended.
	Void
	// Refused is a connection that was refused, and TimedOut one, or a reply, that did not come.
	Refused
	TimedOut
	// Reset is a connection that was broken off, Unreachable a network that has no way there.
	Reset
	Unreachable
	// BadTLS is a handshake that failed, BadStatus a reply that says no, BadReply one that is
	// none of the protocol.
	BadTLS
	BadStatus
	BadReply
	// Other is anything else.
	Other
	// Causes is how many there are.
	Causes
)

// Verdict is what the results of a check come to.
type Verdict uint8

// The verdicts.
const (
	// Unknown is that there are not enough results yet: the endpoint is as Kubernetes says.
	Unknown Verdict = iota
	Passing
	Failing
	// NotAllowed is that the check is never made.
	NotAllowed
	// Verdicts is how many there are.
	Verdicts
)

// Spec says how one address and port is checked. Specs can be compared: equal ones of one
// address and port are one check, however many Services want it.
type Spec struct {
	Kind Kind
	// Path is that of HTTP and HTTPS. Host is the Host header of these, and Name the name that
	// TLS asks for and verifies, or the one that DNS asks for. Service is that of GRPC. Empty
	// is the address, or nothing; the root of DNS is a dot, and no other name ends with one.
	// An address of IPv6 has brackets in Host only.
	Path, Host, Name, Service string
	// Verify makes TLS and HTTPS verify the certificate, by the authorities in CA, PEM text;
	// empty are those of the system.
	Verify bool
	CA     string
	// Reset closes with RST, which leaves no entry in a table of connections.
	Reset bool
	// Interval is how long after the beginning of a check the next one comes, and Idle the same
	// where nobody has asked for the Service of late.
	Interval, Idle time.Duration
	// Timeout is how long a check may take.
	Timeout time.Duration
	// Fall and Rise are how many results in a row turn a verdict.
	Fall, Rise uint8
}

// String returns the kind as the Corefile has it.
func (k Kind) String() string {
	return [...]string{"", "tcp", "tls", "http", "https", "grpc", "dns", "postgres", "redis"}[k]
}

// Units is what one check of the kind costs of check_rate, in units of what one of TCP does.
func (k Kind) Units() int {
	switch k {
	case HTTP:
		return 2
	case GRPC:
		return 4
	case TLS, HTTPS:
		return 12
	}
	return 1
}

// String returns the cause as it stands in metrics and the log.
func (c Cause) String() string {
	return [...]string{"passed", "void", "refused", "timeout", "reset", "unreachable", "tls", "status", "protocol", "other"}[c]
}

// Fails reports whether the cause is a failure.
func (c Cause) Fails() bool { return c > Void }

// String returns the verdict as it stands in metrics.
func (v Verdict) String() string { return [...]string{"unknown", "pass", "fail", "refused"}[v] }
