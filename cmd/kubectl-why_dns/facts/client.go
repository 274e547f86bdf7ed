package facts

// Client is whoever asks DNS, and gets something else than expected. The zero value is not known.
type Client struct {
	// Known is true where anything is.
	Known bool
	// Pod is "N/P", or empty where this process is the client.
	Pod string
	// Source is where the following comes from, such as /etc/resolv.conf.
	Source string
	// Nameservers are addresses. Empty is not known.
	Nameservers []string
	Search      []string
	Ndots       int
	// Policy is the dnsPolicy of the Pod.
	Policy string
	// Mesh says what makes the Pod part of a mesh.
	Mesh string
	// Answer is what the first nameserver says, nil where it was not asked.
	Answer *Answer
}
