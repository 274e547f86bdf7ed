package check

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"time"
)

// Remembered is a check that fails, as it outlives the process.
type Remembered struct {
	At netip.AddrPort
	// Spec is the Digest of how it is checked.
	Spec  Digest
	Since time.Time
}

// Digest tells Specs apart, also in another process.
type Digest [16]byte

// Digest returns the digest of a Spec. It has all that says what is asked, and nothing that
// says how often.
func (s *Spec) Digest() Digest {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %q %q %q %q %t %q", s.Kind, s.Path, s.Host, s.Name, s.Service, s.Verify, s.CA))
	return Digest(sum[:16])
}
