package snapshot

import (
	"fmt"
	"io"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// maxWaiting bounds the Services in a file whose names wait: most clusters have none.
const maxWaiting = 1 << 16

// encodeWaiting returns how many Services wait, 4 bytes, and for each the length of its
// namespace and name, 2 bytes, and these with a slash between.
func encodeWaiting(all []model.ServiceKey) []byte {
	all = all[:min(len(all), maxWaiting)]
	data := order.AppendUint32(nil, uint32(len(all)))
	for _, key := range all {
		text := key.String()
		data = order.AppendUint16(data, uint16(len(text)))
		data = append(data, text...)
	}
	return data
}

func readWaiting(r io.Reader) (all []model.ServiceKey, err error) {
	var head [4]byte
	if err := fill(r, head[:]); err != nil {
		return nil, err
	}
	n := order.Uint32(head[:])
	if n > maxWaiting {
		return nil, fmt.Errorf("%w: it has %d Services that wait, more than %d", ErrDamaged, n, maxWaiting)
	}
	for range n {
		key, err := readServiceKey(r)
		if err != nil {
			return nil, err
		}
		all = append(all, key)
	}
	return all, nil
}

func readServiceKey(r io.Reader) (key model.ServiceKey, err error) {
	var head [2]byte
	if err := fill(r, head[:]); err != nil {
		return key, err
	}
	text := make([]byte, order.Uint16(head[:]))
	if err := fill(r, text); err != nil {
		return key, err
	}
	namespace, name, _ := strings.Cut(string(text), "/")
	if key, err = model.NewServiceKey(namespace, name); err != nil {
		return key, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return key, nil
}
