package history

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

// A file is, one after the other: the mark; the version, 1 byte; when it was written, 8 bytes,
// in milliseconds since 1970; the length of the origin, 2 bytes, and the origin; blocks, each
// with its length in front; a length of 0; and the SHA-256 of it all. Numbers of these are
// big-endian, and all others varints. The first block has the clock, and each other one begins
// with what it is: a series, or a Service that has not changed yet.
const (
	fileMark    = "k8s_endpoints history\n"
	fileVersion = 1

	blockSeries = 1
	blockQuiet  = 2
)

// Bounds of a file, in bytes.
const (
	maxOrigin = 4 << 10
	maxName   = 512
	// maxBlock is more than a Service with a million endpoints and its entries take.
	maxBlock = 256 << 20
	// maxFile is more than what a Recorder of MaxSize holds, and all keyframes.
	maxFile = MaxSize + 1<<30
)

// What may be wrong with a file.
var (
	ErrDamaged = errors.New("the file is damaged")
	ErrVersion = errors.New("the file is of another version of this plugin")
)

// Header tells where a file is from.
type Header struct {
	// Origin names the cluster and what of it is read, in up to 4 KiB.
	Origin string
	// Written is when it was.
	Written time.Time
}

// Encode writes what is known, so that another process can go on with it. Served are the
// Services that are served now: of those that have not changed the file has a digest, since the
// next process has to know whether they changed while nobody looked.
func (r *Recorder) Encode(to io.Writer, origin string, served iter.Seq2[string, *State], now Instant) error {
	if len(origin) > maxOrigin {
		return fmt.Errorf("the origin has %d bytes, more than %d", len(origin), maxOrigin)
	}
	sum := sha256.New()
	w := fileWriter{to: bufio.NewWriterSize(io.MultiWriter(to, sum), 64<<10)}
	w.head(origin, now)
	digests := make(map[string]uint64)
	for service, state := range served {
		digests[service] = digestOf(state)
	}
	clock, services := r.overview(now)
	w.block(clock)
	for _, service := range services {
		w.block(r.seriesBlock(service, now))
		delete(digests, service)
	}
	// Who changed meanwhile is not quiet.
	_, services = r.overview(now)
	for _, service := range services {
		delete(digests, service)
	}
	for service, digest := range digests {
		w.block(binary.AppendUvarint(appendText([]byte{blockQuiet}, service), digest))
	}
	w.block(nil)
	if err := w.end(); err != nil {
		return err
	}
	_, err := to.Write(sum.Sum(nil))
	return err
}

// fileWriter writes a file until something fails.
type fileWriter struct {
	to  *bufio.Writer
	err error
}

func (w *fileWriter) write(data []byte) {
	if w.err == nil {
		_, w.err = w.to.Write(data)
	}
}

func (w *fileWriter) head(origin string, now Instant) {
	head := append([]byte(fileMark), fileVersion)
	head = binary.BigEndian.AppendUint64(head, uint64(now.Wall.UnixMilli()))
	head = binary.BigEndian.AppendUint16(head, uint16(len(origin)))
	w.write(append(head, origin...))
}

func (w *fileWriter) block(data []byte) {
	if len(data) > maxBlock && w.err == nil {
		w.err = fmt.Errorf("one Service takes %d bytes, more than %d", len(data), maxBlock)
	}
	w.write(binary.BigEndian.AppendUint32(nil, uint32(len(data))))
	w.write(data)
}

func (w *fileWriter) end() error {
	if w.err == nil {
		w.err = w.to.Flush()
	}
	return w.err
}

// overview returns the block of the clock, and who has a series.
func (r *Recorder) overview(now Instant) (block []byte, services []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range []int64{r.tick(now), r.began, r.forgot, int64(len(r.clock.shifts))} {
		block = binary.AppendUvarint(block, uint64(max(n, 0)))
	}
	for _, s := range r.clock.shifts {
		block = binary.AppendVarint(binary.AppendUvarint(block, uint64(s.tick)), s.wall)
	}
	services = append(services, "")
	for service := range r.places {
		services = append(services, service)
	}
	return block, services
}

// What a series may be, as bits.
const (
	seriesServed = 1 << iota
	seriesCut
	seriesHasEntries
)

// seriesBlock returns what is known of one Service.
func (r *Recorder) seriesBlock(service string, now Instant) []byte {
	s, tick := r.copy(service, nil, now)
	flags := byte(0)
	if s.state != nil {
		flags |= seriesServed
	}
	if s.cut {
		flags |= seriesCut
	}
	if len(s.data) > 0 {
		flags |= seriesHasEntries
	}
	block := append(appendText([]byte{blockSeries}, service), flags)
	block = binary.AppendUvarint(block, uint64(max(s.known, 0)))
	if s.state != nil {
		block = appendState(block, s.state)
	}
	if len(s.data) > 0 {
		block = append(binary.AppendUvarint(block, uint64(max(tick, 0))), s.data...)
	}
	return block
}

// appendState appends a keyframe.
func appendState(dst []byte, s *State) []byte {
	for _, rule := range s.Rules {
		dst = binary.AppendUvarint(dst, uint64(rule))
	}
	dst = appendText(dst, s.About[:min(len(s.About), MaxAbout)])
	dst = binary.AppendUvarint(dst, uint64(s.Roster.Len()))
	var called roster.Called
	called.Take(s.Roster)
	for at := range roster.At(s.Roster.Len()) {
		dst = append(appendWho(dst, s.Roster, &called, at), s.Marks[at])
		if health.Mark(s.Marks[at]).Tier() != health.Damped {
			continue
		}
		// In milliseconds since 1970; 0 is not known.
		until := int64(0)
		if at, known := s.Until[at]; known {
			until = max(at.UnixMilli(), 0)
		}
		dst = binary.AppendUvarint(dst, uint64(until))
	}
	return dst
}

// digestOf tells one state from another, also in another process.
func digestOf(s *State) uint64 {
	if s == nil {
		return 0
	}
	sum := sha256.Sum256(appendState(nil, s))
	return binary.BigEndian.Uint64(sum[:])
}
