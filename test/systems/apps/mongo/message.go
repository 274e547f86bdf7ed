package main

import (
	"encoding/binary"
	"fmt"
	"io"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Of MongoDB's wire protocol: the numbers of the messages, and the flag of one that wants no
// answer. A driver may greet with OP_QUERY, and is then answered with OP_REPLY.
const (
	opReply    = 1
	opMsg      = 2013
	moreToCome = 2

	headerSize = 16
	// longest bounds what a client may send.
	longest = 48_000_000
)

// message is what a client has sent.
type message struct {
	id, operation, flags uint32
	// command is the name of the first element, such as ping.
	command string
}

func read(from io.Reader) (*message, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(from, header[:]); err != nil {
		return nil, err
	}
	size := binary.LittleEndian.Uint32(header[0:])
	m := &message{id: binary.LittleEndian.Uint32(header[4:]), operation: binary.LittleEndian.Uint32(header[12:]), command: "hello"}
	if size < headerSize || size > longest {
		return nil, fmt.Errorf("a message of %d bytes", size)
	}
	body := make([]byte, size-headerSize)
	if _, err := io.ReadFull(from, body); err != nil {
		return nil, err
	}
	if m.operation != opMsg {
		return m, nil
	}
	if len(body) < 5 {
		return nil, fmt.Errorf("a body of %d bytes", len(body))
	}
	m.flags = binary.LittleEndian.Uint32(body)
	// After the flags is the kind of the section, which is 0: one document.
	elements, err := bson.Raw(body[5:]).Elements()
	if err != nil {
		return nil, err
	}
	if len(elements) > 0 {
		m.command = elements[0].Key()
	}
	return m, nil
}

func (m *message) silent() bool { return m.flags&moreToCome != 0 }

func (m *message) reply(to io.Writer, answer bson.D) error {
	document, err := bson.Marshal(answer)
	if err != nil {
		return err
	}
	operation, body := uint32(opMsg), make([]byte, 5)
	if m.operation != opMsg {
		// Flags, cursor, where the documents start, and how many there are.
		operation, body = opReply, make([]byte, 20)
		binary.LittleEndian.PutUint32(body[16:], 1)
	}
	body = append(body, document...)
	header := make([]byte, headerSize)
	binary.LittleEndian.PutUint32(header[0:], uint32(headerSize+len(body)))
	binary.LittleEndian.PutUint32(header[8:], m.id)
	binary.LittleEndian.PutUint32(header[12:], operation)
	_, err = to.Write(append(header, body...))
	return err
}
