package snapshot

import (
	"net/netip"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
)

// Verdicts are the checks that failed, and when that was so.
type Verdicts struct {
	Judged  time.Time
	Failing []check.Remembered
}

// MaxVerdictAge is how old verdicts may be that a start goes on with: what fails is down for
// a while, most often, and what was down an hour ago is a guess.
const MaxVerdictAge = 5 * time.Minute

// Young returns the checks that fail, where they are not too old. Those of the future are
// as good as new: a clock was wrong.
func (v Verdicts) Young(now time.Time) []check.Remembered {
	if now.Sub(v.Judged) > MaxVerdictAge {
		return nil
	}
	return v.Failing
}

// in reports whether a file with other verdicts need not be written for these.
func (v Verdicts) in(file Verdicts) bool {
	if len(v.Failing) != len(file.Failing) {
		return false
	}
	type of struct {
		at   netip.AddrPort
		spec check.Digest
	}
	known := make(map[of]bool)
	for _, each := range file.Failing {
		known[of{each.At, each.Spec}] = true
	}
	for _, each := range v.Failing {
		if !known[of{each.At, each.Spec}] {
			return false
		}
	}
	return len(v.Failing) == 0 || v.Judged.Sub(file.Judged) < refreshVerdicts
}

// refreshVerdicts is how old verdicts in a file become while checks fail, less than
// MaxVerdictAge.
const refreshVerdicts = time.Minute

// sizeVerdict is that of one check in the file, in bytes: address, port, digest, since.
const sizeVerdict = 16 + 2 + len(check.Digest{}) + 8

// maxVerdicts bounds the checks in a file: there are not so many at once.
const maxVerdicts = 1 << 17

func (v Verdicts) encode() []byte {
	failing := v.Failing[:min(len(v.Failing), maxVerdicts)]
	data := make([]byte, 0, 8+4+sizeVerdict*len(failing))
	data = order.AppendUint64(data, uint64(v.Judged.UnixNano()))
	data = order.AppendUint32(data, uint32(len(failing)))
	for _, each := range failing {
		addr := each.At.Addr().As16()
		data = append(data, addr[:]...)
		data = order.AppendUint16(data, each.At.Port())
		data = append(data, each.Spec[:]...)
		data = order.AppendUint64(data, uint64(each.Since.UnixNano()))
	}
	return data
}
