package snapshot

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// Decode reads what Encode wrote, twice: nothing is taken in before the sum over
// all is right and accept, given the header, has returned nil. An error of accept
// is returned as it is; others wrap ErrDamaged, ErrVersion or ErrTooLarge, or
// are of from.
//
// Besides the objects it needs memory for one of them in its form: whoever can
// write a good sum can make that some 50 times MaxObject, and no more.
func Decode(from io.ReadSeeker, accept func(Header) error) (c Content, err error) {
	size, version, err := checkFrame(from)
	if err != nil {
		return c, err
	}
	if _, err := from.Seek(0, io.SeekStart); err != nil {
		return c, err
	}
	r := bufio.NewReaderSize(io.LimitReader(from, size-sumSize), 64<<10)
	h, err := readHeader(r)
	if err != nil {
		return c, err
	}
	if err := accept(h); err != nil {
		return c, err
	}
	if c.Objects, err = readObjects(r); err != nil {
		return Content{}, err
	}
	if version >= withVerdicts {
		if c.Verdicts, err = readVerdicts(r); err != nil {
			return Content{}, err
		}
	}
	if version >= withWaiting {
		if c.Waiting, err = readWaiting(r); err != nil {
			return Content{}, err
		}
	}
	if err := atEnd(r); err != nil {
		return Content{}, err
	}
	return c, nil
}

// checkFrame looks at the mark, the version and the sum, and returns the size of
// all, and the version.
func checkFrame(from io.ReadSeeker) (size int64, version uint32, err error) {
	if size, err = from.Seek(0, io.SeekEnd); err != nil {
		return 0, 0, err
	}
	if size > MaxSize {
		return 0, 0, fmt.Errorf("%w: it has %d bytes, more than %d", ErrTooLarge, size, MaxSize)
	}
	if _, err := from.Seek(0, io.SeekStart); err != nil {
		return 0, 0, err
	}
	head := make([]byte, len(mark)+4)
	if err := fill(from, head); err != nil {
		return 0, 0, err
	}
	if string(head[:len(mark)]) != mark {
		return 0, 0, fmt.Errorf("%w: it does not begin like a snapshot", ErrDamaged)
	}
	version = order.Uint32(head[len(mark):])
	if version < plain || version > withWaiting {
		return 0, 0, fmt.Errorf("%w: it has the version %d of the format, not %d to %d", ErrVersion, version, plain, withWaiting)
	}
	rest := size - int64(len(head)) - sumSize
	if rest < 0 {
		return 0, 0, errShort
	}
	sum := sha256.New()
	sum.Write(head)
	if _, err := io.CopyN(sum, from, rest); err != nil {
		return 0, 0, short(err)
	}
	want := make([]byte, sumSize)
	if err := fill(from, want); err != nil {
		return 0, 0, err
	}
	if !bytes.Equal(sum.Sum(nil), want) {
		return 0, 0, fmt.Errorf("%w: its checksum is wrong", ErrDamaged)
	}
	return size, version, nil
}

func readHeader(r io.Reader) (h Header, err error) {
	head := make([]byte, len(mark)+4+8+2)
	if err := fill(r, head); err != nil {
		return h, err
	}
	at := head[len(mark)+4:]
	h.Current = time.Unix(0, int64(order.Uint64(at)))
	length := order.Uint16(at[8:])
	if length > MaxOrigin {
		return h, fmt.Errorf("%w: the origin has %d bytes, more than %d", ErrDamaged, length, MaxOrigin)
	}
	origin := make([]byte, length)
	err = fill(r, origin)
	h.Origin = string(origin)
	return h, err
}

func readObjects(r io.Reader) (all []model.Change, err error) {
	var buffer bytes.Buffer
	var length [4]byte
	for {
		if err := fill(r, length[:]); err != nil {
			return nil, err
		}
		n := order.Uint32(length[:])
		switch {
		case n == 0:
			return all, nil
		case n > MaxObject:
			return nil, fmt.Errorf("%w: the object %d has %d bytes, more than %d", ErrDamaged, len(all)+1, n, MaxObject)
		}
		buffer.Reset()
		if _, err := io.CopyN(&buffer, r, int64(n)); err != nil {
			return nil, short(err)
		}
		c, err := readObject(buffer.Bytes())
		if err != nil {
			return nil, fmt.Errorf("%w: the object %d: %w", ErrDamaged, len(all)+1, err)
		}
		all = append(all, c)
	}
}

// readObject keeps nothing of data.
func readObject(data []byte) (model.Change, error) {
	obj, _, err := form.Decode(data, nil, nil)
	if err != nil {
		return model.Change{}, err
	}
	return change(obj)
}

func readVerdicts(r io.Reader) (v Verdicts, err error) {
	head := make([]byte, 8+4)
	if err := fill(r, head); err != nil {
		return v, err
	}
	v.Judged = time.Unix(0, int64(order.Uint64(head)))
	n := order.Uint32(head[8:])
	if n > maxVerdicts {
		return v, fmt.Errorf("%w: it has %d verdicts, more than %d", ErrDamaged, n, maxVerdicts)
	}
	if n == 0 {
		return Verdicts{}, nil
	}
	one := make([]byte, sizeVerdict)
	for range n {
		if err := fill(r, one); err != nil {
			return v, err
		}
		v.Failing = append(v.Failing, readVerdict(one))
	}
	return v, nil
}

func readVerdict(data []byte) (c check.Remembered) {
	addr := netip.AddrFrom16([16]byte(data)).Unmap()
	data = data[16:]
	c.At = netip.AddrPortFrom(addr, order.Uint16(data))
	data = data[2:]
	c.Spec = check.Digest(data)
	c.Since = time.Unix(0, int64(order.Uint64(data[len(c.Spec):])))
	return c
}

var errShort = fmt.Errorf("%w: it ends too early", ErrDamaged)

func fill(r io.Reader, p []byte) error {
	_, err := io.ReadFull(r, p)
	return short(err)
}

func short(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errShort
	}
	return err
}

func atEnd(r io.Reader) error {
	if n, err := io.Copy(io.Discard, r); err != nil || n > 0 {
		return fmt.Errorf("%w: %d bytes follow the end", ErrDamaged, n)
	}
	return nil
}
