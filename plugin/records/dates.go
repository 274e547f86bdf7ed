package records

import (
	"encoding/binary"
	"strings"
)

// dates are the dates of a number of endpoints in a row. Most endpoints of a Service share
// theirs with others: all are known since the start, or since one restart of all. So it is one
// date for all of them; or an index of a byte for each, and then up to 256 dates; or a date for
// each: whichever takes the least. The empty one has no dates.
type dates string

const (
	dateSize = 4
	// maxShared is how many dates an index of a byte tells apart.
	maxShared = 1 << 8
)

// pack returns the dates of endpoints. The same ones are always the same bytes.
func pack(all []dated) dates {
	if len(all) == 0 {
		return dates(make([]byte, dateSize))
	}
	shared, indexes := share(all)
	switch {
	case len(shared) == 1:
		indexes = nil
	case shared == nil || len(all)+dateSize*len(shared) >= dateSize*len(all):
		shared, indexes = all, nil
	}
	var packed strings.Builder
	one := make([]byte, 0, dateSize)
	packed.Grow(len(indexes) + dateSize*len(shared))
	packed.Write(indexes)
	for _, each := range shared {
		one = binary.BigEndian.AppendUint32(one[:0], uint32(each))
		packed.Write(one)
	}
	return dates(packed.String())
}

// share returns the dates that there are, and which of them each endpoint has; nil where there
// are too many.
func share(all []dated) (shared []dated, indexes []byte) {
	indexes = make([]byte, len(all))
	var known knownDates
	for i, each := range all {
		if i > 0 && each == all[i-1] {
			indexes[i] = indexes[i-1]
			continue
		}
		slot := known.slot(each, shared)
		if *slot == 0 {
			if len(shared) == maxShared {
				return nil, nil
			}
			shared = append(shared, each)
			*slot = uint16(len(shared))
		}
		indexes[i] = byte(*slot - 1)
	}
	return shared, indexes
}

// knownDates is a hash table of up to maxShared dates: one more than the index of each, and 0
// where there is none. A map takes five times as long.
type knownDates [2 * maxShared]uint16

// slot returns where a date is, or would be.
func (k *knownDates) slot(d dated, shared []dated) *uint16 {
	const shift = 32 - 9
	for at := uint32(d) * 2654435769 >> shift; ; at = (at + 1) % uint32(len(k)) {
		if slot := &k[at]; *slot == 0 || shared[*slot-1] == d {
			return slot
		}
	}
}

// of returns the date of one of as many endpoints as were packed.
func (d dates) of(at, all int) dated {
	switch len(d) {
	case dateSize:
		at = 0
	case dateSize * all:
		at *= dateSize
	default:
		at = all + dateSize*int(d[at])
	}
	return dated(binary.BigEndian.Uint32([]byte(d[at : at+dateSize])))
}
