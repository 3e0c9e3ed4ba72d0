// A client of mobcast: sends each line of its input, and prints each message that it receives as a line. Try it with
// go run examples/clients/client.go tcp://127.0.0.1:8000, and prove it: go build client.go && mobcast check ./client
package main

import (
	"bufio"
	. "encoding/binary"
	"io"
	"log"
	"net"
	"os"
)

func talk(mob net.Conn) {
	send := func(text []byte) { mob.Write(append(BigEndian.AppendUint64(nil, uint64(len(text))), text...)) }
	send([]byte(os.Getenv("MOBCAST_SECRET"))) // without one it is an empty message: a ping, which nobody receives
	lines := bufio.NewScanner(os.Stdin)
	for lines.Buffer(nil, 1<<21); lines.Scan(); send(lines.Bytes()) {
	}
	mob.(*net.TCPConn).CloseWrite() // what is published until the server sees this still comes
}
func main() {
	mob, err := net.Dial("tcp", os.Args[1][len("tcp://"):])
	if err == nil {
		go talk(mob) // the server reads nothing from a client that writes without reading
	}
	for length := uint64(0); err == nil; {
		if err = Read(mob, BigEndian, &length); err == io.EOF {
			return // it has ended between two messages
		} else if length > 1<<20 { // --max-frame of the server
			log.Fatalf("a message of %d bytes is over the limit", length)
		}
		payload := make([]byte, length, length+1)
		if _, err = io.ReadFull(mob, payload); err == nil {
			os.Stdout.Write(append(payload, '\n'))
		}
	}
	log.Fatal(err)
}
