// Command layer writes the layer that `make image` puts on the base: a tar with
// a CoreDNS that may bind port 53 whoever runs it.
//
//	layer PROGRAM > FILE
package main

import (
	"archive/tar"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "layer:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("want one argument, the program")
	}
	program, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer program.Close()
	info, err := program.Stat()
	if err != nil {
		return err
	}
	return write(os.Stdout, program, info.Size())
}

// write leaves out the time and the owner of the file: so the same program
// makes the same layer, whoever builds it.
func write(to io.Writer, program io.Reader, size int64) error {
	layer := tar.NewWriter(to)
	err := layer.WriteHeader(&tar.Header{
		Name:       "coredns",
		Mode:       0o755,
		Size:       size,
		ModTime:    time.Unix(0, 0),
		Format:     tar.FormatPAX,
		PAXRecords: map[string]string{"SCHILY.xattr.security.capability": string(bindService())},
	})
	if err != nil {
		return err
	}
	if _, err := io.Copy(layer, program); err != nil {
		return err
	}
	return layer.Close()
}

// The names are those of linux/capability.h, without underscores.
const (
	vfsCapRevision2     = 0x02000000
	vfsCapFlagEffective = 1
	capNetBindService   = 10
)

// bindService is the attribute that `setcap cap_net_bind_service=+ep` writes.
// To make it here takes neither root nor a program of the platform.
func bindService() []byte {
	value := binary.LittleEndian.AppendUint32(nil, vfsCapRevision2|vfsCapFlagEffective)
	value = binary.LittleEndian.AppendUint32(value, 1<<capNetBindService)
	// Nothing is inheritable, and there are no capabilities from 32 on.
	return append(value, make([]byte, 12)...)
}
