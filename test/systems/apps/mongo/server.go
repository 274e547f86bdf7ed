package main

import (
	"io"
	"log"
	"net"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/k8s-endpoints/k8s_endpoints/test/systems/apps/pod"
)

// serve answers all who connect, until the program ends.
func serve() error {
	listener, err := net.Listen("tcp", ":27017")
	if err != nil {
		return err
	}
	go pod.Serve(pod.Warm())
	pod.Drain()
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer connection.Close()
			if err := converse(connection); err != io.EOF {
				log.Print(err)
			}
		}()
	}
}

// converse answers one client until it has no more to say.
func converse(client io.ReadWriter) error {
	for {
		asked, err := read(client)
		if err != nil {
			return err
		}
		if asked.silent() {
			continue
		}
		if err := asked.reply(client, answerTo(asked.command)); err != nil {
			return err
		}
	}
}

// answerTo is what a mongos says. The wire versions are those of MongoDB 8.0 and all before.
func answerTo(command string) bson.D {
	ok := bson.E{Key: "ok", Value: 1.0}
	switch strings.ToLower(command) {
	case "hello", "ismaster":
		return bson.D{
			{Key: "isWritablePrimary", Value: true},
			{Key: "ismaster", Value: true},
			{Key: "helloOk", Value: true},
			{Key: "msg", Value: "isdbgrid"},
			{Key: "maxBsonObjectSize", Value: int32(16 << 20)},
			{Key: "maxMessageSizeBytes", Value: int32(48_000_000)},
			{Key: "maxWriteBatchSize", Value: int32(100_000)},
			{Key: "localTime", Value: time.Now()},
			{Key: "minWireVersion", Value: int32(0)},
			{Key: "maxWireVersion", Value: int32(25)},
			{Key: "logicalSessionTimeoutMinutes", Value: int32(30)},
			ok,
		}
	default:
		return bson.D{ok}
	}
}
