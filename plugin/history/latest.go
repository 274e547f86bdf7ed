package history

import (
	"slices"
	"time"
)

// A Latest is when a Service changed last.
type Latest struct {
	Service string
	At      time.Time
}

// Latest returns the Services that changed last, the last first, in up to most of them.
func (r *Recorder) Latest(most int) (all []Latest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var last []int32
	for at := range int32(len(r.all)) {
		if s := &r.all[at]; at == server || s.service == "" || s.head == 0 {
			continue
		}
		i, _ := slices.BinarySearchFunc(last, r.all[at].last, func(is int32, tick int64) int {
			// The later one is in front.
			if r.all[is].last >= tick {
				return -1
			}
			return 1
		})
		if i == most {
			continue
		}
		last = slices.Insert(last, i, at)
		last = last[:min(len(last), most)]
	}
	for _, at := range last {
		all = append(all, Latest{r.all[at].service, r.clock.time(r.all[at].last)})
	}
	return all
}

// Changed returns when a Service changed last, the zero time where that is not known.
func (r *Recorder) Changed(service string) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, known := r.places[service]
	if !known || r.all[at].head == 0 {
		return time.Time{}
	}
	return r.clock.time(r.all[at].last)
}

// MaxEntries is how many decisions of a Service a Story has at most.
const MaxEntries = maxEntries

// Len returns how many decisions the Story has.
func (s *Story) Len() int { return len(s.at) }
