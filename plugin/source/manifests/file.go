package manifests

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// maxFile is the size of the largest manifest that is read, in bytes.
const maxFile = 64 << 20

// settleTime is how old a time of modification must be before it stands for
// the content: file systems count in steps of up to two seconds, and a second
// write within a step leaves no trace in it.
const settleTime = 2 * time.Second

// file is one manifest, as it was when it was last read.
type file struct {
	path string
	// info is nil until the file has been read, and where that failed.
	info fs.FileInfo
	// settled tells whether info was old enough to stand for the content.
	settled bool
	// objects is the last good state.
	objects []object
	// failure is what is wrong with the file now; empty where nothing is.
	failure string
}

// isCurrent tells whether the file on disk is the one that was read.
func (f *file) isCurrent() bool {
	if f.info == nil || !f.settled {
		return false
	}
	now, err := os.Stat(f.path)
	return err == nil && os.SameFile(f.info, now) && f.info.Size() == now.Size() && f.info.ModTime().Equal(now.ModTime())
}

// adopt makes objects the state of the file. Slices that are as they were stay
// the same ones: downstream holds them.
func (f *file) adopt(objects []object) {
	old := make(map[model.SliceKey]*model.Slice)
	for i := range f.objects {
		for _, slice := range f.objects[i].slices {
			old[slice.SliceKey] = slice
		}
	}
	for i := range objects {
		for j, slice := range objects[i].slices {
			if same := old[slice.SliceKey]; isSame(same, slice) {
				objects[i].slices[j] = same
			}
		}
	}
	f.objects = objects
}

// read returns the content of the file, and notes which state of it that is.
func (f *file) read() ([]byte, error) {
	f.info = nil
	opened, err := os.Open(f.path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.path, cause(err))
	}
	defer opened.Close()
	info, err := opened.Stat()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.path, cause(err))
	}
	// A large file takes long to read, and may be written to meanwhile.
	settled := time.Since(info.ModTime()) > settleTime
	data, err := io.ReadAll(io.LimitReader(opened, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.path, cause(err))
	}
	f.info, f.settled = info, settled
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s: larger than %d MiB, the most that is read of a file", f.path, maxFile>>20)
	}
	return data, nil
}
