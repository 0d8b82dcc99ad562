// The server that speaks MongoDB's protocol where tests find no mongod: FerretDB over SQLite or PostgreSQL.
//
// FerretDB updates a document in two steps, a read and a write, and others may come in between: an update that is
// guarded by its filter can overwrite what the filter should have kept. MongoDB's never does. So clients do not talk to
// FerretDB itself: in front of it the writes of one collection pass one at a time.
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

const (
	opMsg = 2013
	// A header, the flags, and the kind of the first section.
	bodyAt = 16 + 4 + 1
	// What MongoDB accepts.
	longest = 48_000_000
)

var writes = map[string]bool{"update": true, "delete": true, "insert": true, "findAndModify": true, "findandmodify": true}

// One for each collection.
var turns sync.Map

// ferretdb <address> sqlite|postgresql <url> <socket>
func main() {
	address, socket := os.Args[1], os.Args[4]
	_ = os.Remove(socket)
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:      ferretdb.ListenerConfig{Unix: socket},
		Handler:       os.Args[2],
		SQLiteURL:     os.Args[3],
		PostgreSQLURL: os.Args[3],
	})
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	go accept(listener, socket)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := server.Run(ctx); err != nil {
		log.Fatal(err)
	}
}

func accept(listener net.Listener, socket string) {
	for {
		client, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go serve(client, socket)
	}
}

// Passes a client's messages on, each with its answer.
func serve(client net.Conn, socket string) {
	defer client.Close()
	server, err := net.Dial("unix", socket)
	if err != nil {
		log.Print(err)
		return
	}
	defer server.Close()
	for {
		message, err := read(client)
		if err != nil {
			return
		}
		answer, err := ask(server, message)
		if err != nil {
			log.Print(err)
			return
		}
		if _, err := client.Write(answer); err != nil {
			return
		}
	}
}

func ask(server net.Conn, message []byte) ([]byte, error) {
	if collection := written(message); collection != "" {
		turn, _ := turns.LoadOrStore(collection, new(sync.Mutex))
		turn.(*sync.Mutex).Lock()
		defer turn.(*sync.Mutex).Unlock()
	}
	if _, err := server.Write(message); err != nil {
		return nil, err
	}
	return read(server)
}

// The database and collection that a message writes to, or nothing.
func written(message []byte) string {
	if len(message) < bodyAt+5 || binary.LittleEndian.Uint32(message[12:]) != opMsg || message[bodyAt-1] != 0 {
		return ""
	}
	// A document: its length, then the type and name of its first field, which is the command.
	name, rest, _ := bytes.Cut(message[bodyAt+5:], []byte{0})
	if !writes[string(name)] {
		return ""
	}
	_, database, _ := bytes.Cut(rest, []byte("\x02$db\x00"))
	return text(database) + "." + text(rest)
}

// A text as it stands in a document: its length, itself, and a zero.
func text(value []byte) string {
	if len(value) < 4 {
		return ""
	}
	end := min(4+int(binary.LittleEndian.Uint32(value)), len(value))
	return string(bytes.TrimRight(value[4:max(end, 4)], "\x00"))
}

func read(from io.Reader) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(from, length[:]); err != nil {
		return nil, err
	}
	size := binary.LittleEndian.Uint32(length[:])
	if size < 16 || size > longest {
		return nil, io.ErrUnexpectedEOF
	}
	message := make([]byte, size)
	copy(message, length[:])
	_, err := io.ReadFull(from, message[4:])
	return message, err
}
