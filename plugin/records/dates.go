package records

import "encoding/binary"

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
	packed := make([]byte, len(indexes), len(indexes)+dateSize*len(shared))
	copy(packed, indexes)
	for _, each := range shared {
		packed = binary.BigEndian.AppendUint32(packed, uint32(each))
	}
	return dates(packed)
}

// share returns the dates that there are, and which of them each endpoint has; nil where there
// are too many.
func share(all []dated) (shared []dated, indexes []byte) {
	shared, indexes = []dated{all[0]}, make([]byte, len(all))
	known := map[dated]byte{all[0]: 0}
	for i, each := range all[1:] {
		if each == all[i] {
			indexes[i+1] = indexes[i]
			continue
		}
		index, isKnown := known[each]
		if !isKnown {
			if len(shared) == maxShared {
				return nil, nil
			}
			index = byte(len(shared))
			known[each] = index
			shared = append(shared, each)
		}
		indexes[i+1] = index
	}
	return shared, indexes
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
