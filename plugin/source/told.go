package source

import "sync"

// told are the lines that hold, and how many Refusals have them: two sources may
// read the same objects, and a reload starts one before the other has ended.
var told = struct {
	mu sync.Mutex
	by map[line]int
}{by: make(map[line]int)}

type line struct {
	origin string
	refusal
	reason string
}

// tell takes note of one more who has a line, and reports whether it is the first. Without
// an origin, each is.
func (l line) tell() (first bool) {
	if l.origin == "" {
		return true
	}
	told.mu.Lock()
	defer told.mu.Unlock()
	told.by[l]++
	return told.by[l] == 1
}

// withdraw takes note of one less, and reports whether it was the last.
func (l line) withdraw() (last bool) {
	if l.origin == "" {
		return true
	}
	told.mu.Lock()
	defer told.mu.Unlock()
	told.by[l]--
	if told.by[l] > 0 {
		return false
	}
	delete(told.by, l)
	return true
}
