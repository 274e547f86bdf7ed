package roster

import (
	"hash/maphash"
	"iter"
	"slices"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// Parts are endpoints of one address family by place: by the zone or the node that they
// are in, or by those that they are for. Places have numbers, from 1; the number 0 is of
// those without a place. Parts are immutable: they know no conditions, so that Sets share
// them for as long as nobody moves.
type Parts struct {
	// places are in the order of their numbers. They stand in buckets by a hash, so that one
	// of thousands is found at once: buckets has where each of these begins, and where the
	// last one ends. Few places have no buckets.
	places  []model.Place
	buckets []uint16
	// ends has where the members of each number end. Where all endpoints are in one place
	// there are no members.
	ends    []int32
	members []At
	// numbers has those of the endpoints from first on, where each has one place.
	numbers []uint16
	first   At
}

// Placed is an endpoint and one of the places that it is for.
type Placed struct {
	Place model.Place
	At    At
}

const (
	// fewPlaces are found faster one after the other, and perBucket is as many as a bucket
	// has at most, on average.
	fewPlaces = 8
	perBucket = 4
	// maxPlaces is how many can be told apart. Those in any other one are nowhere.
	maxPlaces = 1<<16 - 1
)

// PartsOf parts endpoints by places that somebody names. Who is for several places comes
// once for each, and those for one place come in the order of the Roster.
func PartsOf(all []Placed) *Parts {
	p, places := new(Parts), make([]model.Place, len(all))
	for i := range all {
		places[i] = all[i].Place
	}
	p.name(places)
	p.fill(func(yield func(uint16, At) bool) {
		for i := range all {
			if !yield(p.number(all[i].Place), all[i].At) {
				return
			}
		}
	})
	return p
}

// Numbers returns how many numbers there are, 0 included.
func (p *Parts) Numbers() int { return len(p.ends) }

// Place returns the place with a number.
func (p *Parts) Place(number int) model.Place { return p.places[number-1] }

// Len returns how many endpoints have a number.
func (p *Parts) Len(number int) int { return int(p.ends[number] - p.begin(number)) }

func (p *Parts) begin(number int) int32 {
	if number == 0 {
		return 0
	}
	return p.ends[number-1]
}

// Of returns the endpoints with a number, in the order of the Roster, which nobody may
// write to. It returns nil where these are all.
func (p *Parts) Of(number int) []At {
	if p.members == nil {
		return nil
	}
	from, to := p.begin(number), p.ends[number]
	return p.members[from:to:to]
}

// NumberOf returns the number of an endpoint. It is not for PartsOf.
func (p *Parts) NumberOf(at At) int { return int(p.numbers[at-p.first]) }

// Find returns the number of a place, or 0.
func (p *Parts) Find(place model.Place) int { return int(p.number(place)) }

func (p *Parts) number(place model.Place) uint16 {
	from, to := 0, len(p.places)
	if p.buckets != nil {
		b := bucketOf(place, len(p.buckets)-1)
		from, to = int(p.buckets[b]), int(p.buckets[b+1])
	}
	for i, each := range p.places[from:to] {
		if each == place {
			return uint16(from + i + 1)
		}
	}
	return 0
}

// numbersOf returns the numbers of places by index plus one, as endpoints have them.
func (p *Parts) numbersOf(places []model.Place) []uint16 {
	numbers := make([]uint16, len(places)+1)
	for i, place := range places {
		numbers[i+1] = p.number(place)
	}
	return numbers
}

var placeSeed = maphash.MakeSeed()

func bucketOf(place model.Place, buckets int) int {
	return int(maphash.Comparable(placeSeed, place) & uint64(buckets-1))
}

// name gives places their numbers. A place may come more than once.
func (p *Parts) name(all []model.Place) {
	for _, place := range all {
		if slices.Contains(p.places, place) {
			continue
		}
		if p.places = append(p.places, place); len(p.places) > fewPlaces {
			p.bucket(all)
			break
		}
	}
	if p.buckets != nil && len(p.places) < len(all) {
		// The first time there were buckets for each time that a place comes.
		p.bucket(p.places)
	}
}

// bucket puts places into buckets, each once.
func (p *Parts) bucket(all []model.Place) {
	size := 1
	for perBucket*size < len(all) {
		size *= 2
	}
	in, next := make([]int32, len(all)), make([]int32, size+1)
	for i, place := range all {
		in[i] = int32(bucketOf(place, size))
		next[in[i]+1]++
	}
	for b := range size {
		next[b+1] += next[b]
	}
	sorted := make([]model.Place, len(all))
	for i, place := range all {
		sorted[next[in[i]]] = place
		next[in[i]]++
	}
	// Now next is where each bucket ends.
	p.places, p.buckets = sorted[:0], make([]uint16, size+1)
	from := int32(0)
	for b, to := range next[:size] {
		first := len(p.places)
		for _, place := range sorted[from:to] {
			if len(p.places) < maxPlaces && !slices.Contains(p.places[first:], place) {
				p.places = append(p.places, place)
			}
		}
		from, p.buckets[b+1] = to, uint16(len(p.places))
	}
}

// fill takes in who has which number.
func (p *Parts) fill(each iter.Seq2[uint16, At]) {
	next, total := make([]int32, len(p.places)+2), int32(0)
	for number := range each {
		next[int(number)+1]++
		total++
	}
	together := slices.Contains(next[2:], total)
	for number := range next[1:] {
		next[number+1] += next[number]
	}
	p.ends = next[1:]
	if together {
		return
	}
	p.members = make([]At, total)
	for number, at := range each {
		p.members[next[number]] = at
		next[number]++
	}
	// Now next is where each number ends.
	p.ends = next[:len(next)-1]
}

// own yields the number of each endpoint.
func (p *Parts) own(yield func(uint16, At) bool) {
	for i, number := range p.numbers {
		if !yield(number, p.first+At(i)) {
			return
		}
	}
}
