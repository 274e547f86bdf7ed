// Command nats is the NATS server, with the flags of its own command: -v prints its version.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"

	"github.com/nats-io/nats-server/v2/server"
)

func main() {
	flags := flag.NewFlagSet("nats", flag.ExitOnError)
	version := func() {
		fmt.Println(server.VERSION)
		os.Exit(0)
	}
	options, err := server.ConfigureOptions(flags, os.Args[1:], version, flags.Usage, flags.Usage)
	if err != nil {
		log.Fatal(err)
	}
	s, err := server.NewServer(options)
	if err != nil {
		log.Fatal(err)
	}
	s.ConfigureLogger()
	if err := server.Run(s); err != nil {
		log.Fatal(err)
	}
	s.WaitForShutdown()
}
