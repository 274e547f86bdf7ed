package manifests

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

const (
	// maxFile is the size of the largest manifest that is read, in bytes.
	maxFile = 64 << 20
	// writeTime is how long a file must stay as it is before it is read: whoever
	// writes it may be at it.
	writeTime = 500 * time.Millisecond
	// longestWriteTime is how long a file that is written all the time keeps its last
	// good state: then it is read as it is, in part or not.
	longestWriteTime = 5 * time.Second
	// holdTime is how long a file that looks cut, or is empty, must stay so
	// before it counts.
	holdTime = 10 * time.Second
)

// file is one manifest: what counts of it, and what is known of the file on disk.
type file struct {
	path string
	// content is the last good state; read reports whether there was one.
	content
	read   bool
	digest uint64
	// source is the file on disk that content was read of.
	source fs.FileInfo

	// info is the file on disk as it was seen last, nil where there is none.
	info fs.FileInfo
	// unread is set from a change on. The first one that is not read was noticed at
	// changed, and the last one to the same file on disk at noticed.
	unread           bool
	changed, noticed time.Time
	// held is what is on disk and does not count; nil where that counts.
	held *held
}

// held is a state of a file that does not count, for now or for good.
type held struct {
	digest uint64
	since  time.Time
	// err is why it cannot be read; nil where it only may not be whole.
	err error
	// logged is what was said about it.
	logged complaint
}

// notice compares the file on disk with what was seen last. A file that somebody
// was told to have changed has, whatever its size and time say.
func (f *file) notice(info fs.FileInfo, told bool, now time.Time) {
	if !told && isSameState(f.info, info) {
		return
	}
	if !f.unread {
		f.changed, f.noticed = now, now
	}
	// Another file in its place is whole as soon as it is there, so that files that are
	// replaced all the time do not wait for ever.
	if f.info == nil || info == nil || os.SameFile(f.info, info) {
		f.noticed = now
	}
	f.info, f.unread = info, true
}

func isSameState(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// due returns when there is something to do about the file.
func (f *file) due() (at time.Time, ok bool) {
	switch {
	case f.unread && f.read && f.info != nil:
		return earlier(f.noticed.Add(writeTime), f.changed.Add(longestWriteTime)), true
	case f.unread:
		return f.noticed.Add(writeTime), true
	case f.held != nil && (f.held.err == nil || f.held.logged.isNews(f.held.err.Error())):
		return f.held.since.Add(holdTime), true
	}
	return time.Time{}, false
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// isGone reports whether the file has been missing for long enough.
func (f *file) isGone(now time.Time) bool {
	return f.info == nil && now.Sub(f.noticed) >= writeTime
}

// differs reads the file, and reports whether it holds something else than when it
// was read last.
func (f *file) differs() bool {
	data, err := readFile(f.path)
	if err != nil {
		return true
	}
	if f.held != nil {
		return f.held.digest != digestOf(data)
	}
	return f.digest != digestOf(data)
}

// load reads the file for the first time.
func (f *file) load(m maker) error {
	data, err := readFile(f.path)
	if err != nil {
		return err
	}
	made, err := parse(m, f.path, data)
	if err == nil {
		f.adopt(made, digestOf(data))
	}
	return err
}

// take reads the file, and reports whether it says something new. What cannot be
// read keeps its last good state, and so does what may not be whole.
func (f *file) take(m maker, now time.Time) (changed bool) {
	f.unread = false
	data, err := readFile(f.path)
	if err != nil {
		f.fail(0, err, now)
		return false
	}
	digest := digestOf(data)
	if f.read && digest == f.digest {
		f.source = f.info
		f.release()
		return false
	}
	stays := f.held != nil && f.held.digest == digest
	if stays && f.held.err != nil {
		f.fail(digest, f.held.err, now)
		return false
	}
	if stays && now.Sub(f.held.since) < holdTime {
		return false
	}
	made, err := parse(m, f.path, data)
	if err != nil {
		f.fail(digest, err, now)
		return false
	}
	if doubt := f.doubt(&made); doubt != "" && !stays {
		f.hold(digest, doubt, now)
		return false
	}
	f.release()
	f.adopt(made, digest)
	return true
}

// doubt returns why what is on disk may be a part of what somebody is writing;
// nothing where it cannot.
func (f *file) doubt(now *content) string {
	switch {
	case !f.read || f.isEmpty():
		return ""
	case now.isEmpty():
		return "it is empty"
	case !os.SameFile(f.source, f.info):
		return "" // Another file has taken its place, all at once.
	case f.hasEnd && !now.hasEnd:
		return "its last line has no end"
	case isPart(now.objects, f.objects):
		return "the end of it is missing"
	}
	return ""
}

// isPart reports whether objects lack the end of what was there before.
func isPart(now, before []object) bool {
	if len(before) == 0 {
		return false
	}
	if len(now) == 0 {
		return true
	}
	whole, last := &before[len(before)-1], &now[len(now)-1]
	if last.identity == whole.identity {
		return last.isPartOf(whole)
	}
	if at := slices.IndexFunc(now, func(o object) bool { return o.identity == whole.identity }); at >= 0 {
		return false
	}
	if len(now) == len(before) {
		return last.name == "" && whole.name != ""
	}
	return len(now) < len(before) && haveOneOf(now, before)
}

func haveOneOf(now, before []object) bool {
	known := make(map[identity]bool, len(before))
	for i := range before {
		known[before[i].identity] = true
	}
	return slices.ContainsFunc(now, func(o object) bool { return known[o.identity] })
}

// fail counts that the file cannot be read. It logs why once, and once more where
// another reason has stayed: a file that is being written has many.
func (f *file) fail(digest uint64, err error, now time.Time) {
	manifestErrors.Inc()
	text := err.Error()
	if f.held == nil {
		f.held = &held{logged: complaint{text}}
		if f.read {
			log.Errorf("Keeping the last good state of a manifest: %s", text)
		} else {
			log.Errorf("Leaving out a manifest that cannot be read: %s", text)
		}
	}
	if f.held.digest != digest || f.held.err == nil || f.held.err.Error() != text {
		f.held.digest, f.held.err, f.held.since = digest, err, now
	}
	if f.held.logged.isNews(text) && now.Sub(f.held.since) >= holdTime {
		f.held.logged = append(f.held.logged, text)
		if f.read {
			log.Errorf("Keeping the last good state of a manifest, still: %s", text)
		} else {
			log.Errorf("Leaving out a manifest that cannot be read, still: %s", text)
		}
	}
}

// hold keeps the last good state for as long as others may be writing a new one.
func (f *file) hold(digest uint64, why string, now time.Time) {
	if f.held == nil {
		f.held = &held{logged: complaint{why}}
		log.Warningf("Keeping the last good state of a manifest: %s: %s; it counts when it has stayed so for %v", f.path, why, holdTime)
	}
	f.held.digest, f.held.err, f.held.since = digest, nil, now
}

func (f *file) release() {
	if f.held != nil {
		log.Infof("The manifest %s counts again", f.path)
		f.held = nil
	}
}

// adopt makes content what counts. Slices that are as they were stay the same
// ones: they are in use.
func (f *file) adopt(made content, digest uint64) {
	old := make(map[model.SliceKey]*model.Slice)
	for i := range f.objects {
		for _, slice := range f.objects[i].slices {
			old[slice.SliceKey] = slice
		}
	}
	for i := range made.objects {
		for j, slice := range made.objects[i].slices {
			if same := old[slice.SliceKey]; same != nil {
				slice.Version = same.Version
				if slice.Equal(same) {
					made.objects[i].slices[j] = same
				}
			}
		}
	}
	f.content, f.digest, f.source, f.read = made, digest, f.info, true
	for kind, n := range made.skipped {
		skippedObjects.WithLabelValues(kindLabel(kind)).Add(float64(n))
	}
	for i := range made.objects {
		if made.objects[i].skipped != nil {
			skippedObjects.WithLabelValues(kindLabel(made.objects[i].kind)).Inc()
		}
	}
}

var seed = maphash.MakeSeed()

// digestOf tells contents apart. It is 0 for none.
func digestOf(data []byte) uint64 { return max(maphash.Bytes(seed, data), 1) }

// readFile returns the content of a file.
func readFile(path string) ([]byte, error) {
	opened, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, cause(err))
	}
	defer opened.Close()
	info, err := opened.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, cause(err))
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s: larger than %d MiB, the most that is read of a file", path, maxFile>>20)
	}
	data, err := io.ReadAll(io.LimitReader(opened, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("larger than %d MiB, the most that is read of a file", maxFile>>20)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, cause(err))
	}
	return data, nil
}
