package load

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// drops has how many queries the kernel dropped in front of the UDP sockets of
// a port, by inode: before the load, and by now.
type drops struct {
	port         string
	before, last map[string]int
}

func newDrops(port uint16) drops {
	d := drops{port: fmt.Sprintf(":%04X", port), last: make(map[string]int)}
	d.read()
	d.before, d.last = d.last, make(map[string]int)
	return d
}

// read updates the counters. Without Linux there are none.
func (d *drops) read() {
	for _, file := range []string{"/proc/net/udp", "/proc/net/udp6"} {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			d.line(strings.Fields(line))
		}
	}
}

// line takes the local address, the inode and the drops of a socket.
func (d *drops) line(fields []string) {
	if len(fields) < 13 || !strings.HasSuffix(fields[1], d.port) {
		return
	}
	if n, err := strconv.Atoi(fields[12]); err == nil {
		d.last[fields[9]] = n
	}
}

func (d *drops) total() (n int) {
	for inode, dropped := range d.last {
		n += dropped - d.before[inode]
	}
	return n
}
