// Command embed runs an echo protocol of its own over QUIC: a server and a client, by the channels of package engine.
package main

import (
	"bytes"
	"context"
	"fmt"

	"quicpro/engine"
)

func main() {
	forServer, forClient := identity("echo")
	server, err := engine.Default().Listen("127.0.0.1:0", engine.Config{TLS: forServer})
	check(err)
	go serve(server)
	client, err := engine.Default().Dial(context.Background(), server.Addr(), engine.Config{TLS: forClient})
	check(err)
	order(client.Commands(), client.Done(), engine.Command(engine.OpenStream{}))
	for e := range client.Events() {
		switch e := e.(type) {
		case engine.Opened:
			go ask(client, e.Stream)
		case engine.ConnClosed:
			fmt.Println(e.Cause)
		}
	}
	check(server.Close())
}

// order sends a command, unless nobody receives it any more.
func order[C any](to chan<- C, done <-chan struct{}, c C) {
	select {
	case to <- c:
	case <-done:
	}
}

// ask sends a greeting, shows what comes back, and closes the connection behind it.
func ask(c *engine.Conn, s *engine.Stream) {
	order(s.Commands(), s.Done(), engine.StreamCommand(engine.Write{B: []byte("hello, QUIC"), Fin: true}))
	for e := range s.Events() {
		if r, ok := e.(engine.Received); ok {
			fmt.Printf("stream %d brought %q\n", s.ID, bytes.Join(r.Pieces, nil))
			r.Release()
		}
	}
	order(c.Commands(), c.Done(), engine.Command(engine.CloseConn{Reason: "done"}))
}

// serve echoes every stream of every connection, until the listener is closed.
func serve(l *engine.Listener) {
	for {
		select {
		case c := <-l.Accept():
			go func() {
				for e := range c.Events() {
					if a, ok := e.(engine.Accepted); ok {
						go echo(a.Stream)
					}
				}
			}()
		case <-l.Done():
			return
		}
	}
}

// echo sends a stream back to where it came from.
func echo(s *engine.Stream) {
	for e := range s.Events() {
		switch e := e.(type) {
		case engine.Received:
			order(s.Commands(), s.Done(), engine.StreamCommand(engine.Write{B: bytes.Join(e.Pieces, nil)})) // a copy: the pieces go back at once
			e.Release()
		case engine.ReadEnded:
			order(s.Commands(), s.Done(), engine.StreamCommand(engine.Write{Fin: true}))
		}
	}
}
