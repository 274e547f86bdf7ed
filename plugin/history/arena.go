package history

// Sizes in bytes. A page is small, since each Service has one that is half full.
const (
	pageSize = 128
	pageHead = 16
	pageData = pageSize - pageHead
	// chunkPages are allocated at once, a MiB.
	chunkPages = 1 << 13
	// noEntry is the first of a page in which no entry begins.
	noEntry = 1<<16 - 1
)

// pageID is the number of a page, from 1; 0 is none.
type pageID uint32

// page is a part of the stream of entries of one Service.
type page struct {
	next pageID
	// first is where in data the first entry begins that does here, and at its tick.
	first, used uint16
	at          int64
	data        [pageData]byte
}

// arena has all pages. They are allocated as they are needed, and not given back.
type arena struct {
	chunks [][]page
	// most is how many pages there may be, made how many there are, spare how many of
	// these nobody has, and free the first of them.
	most, made, spare int
	free              pageID
}

func (a *arena) page(id pageID) *page { return &a.chunks[(id-1)/chunkPages][(id-1)%chunkPages] }

// available returns how many pages can be taken.
func (a *arena) available() int { return a.spare + a.most - a.made }

// take returns an empty page. There must be one available.
func (a *arena) take() pageID {
	id := a.free
	if id != 0 {
		a.free = a.page(id).next
		a.spare--
	} else {
		if a.made%chunkPages == 0 {
			a.chunks = append(a.chunks, make([]page, min(chunkPages, a.most-a.made)))
		}
		a.made++
		id = pageID(a.made)
	}
	p := a.page(id)
	p.next, p.first, p.used = 0, noEntry, 0
	return id
}

func (a *arena) give(id pageID) {
	a.page(id).next = a.free
	a.free = id
	a.spare++
}

// bytes returns what is allocated.
func (a *arena) bytes() (n int) {
	for _, chunk := range a.chunks {
		n += len(chunk) * pageSize
	}
	return n
}
