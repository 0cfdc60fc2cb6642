// Command echo is QUIC without HTTP/3 on quicpro's channels: a server that sends every stream back, and a client that
// sends bytes and wants them back.
//
//	go run ./echo -alpn echo -cert leaf.pem -key key.pem serve 127.0.0.1:4433
//	go run ./echo -alpn echo -ca ca.pem -bytes 5000000 dial 127.0.0.1:4433
package main

import (
	"bytes"
	"context"
	"flag"
	"io"
	"log"
	"net/netip"

	"quicpro/api"
	"quicpro/engine"
	"quicpro/interop/site"
)

func main() {
	alpn := flag.String("alpn", "echo", "application protocol")
	cert, key := flag.String("cert", "", "serve: certificate chain, PEM"), flag.String("key", "", "serve: private key, PEM")
	ca := flag.String("ca", "", "dial: certificates to trust, PEM")
	size := flag.Int64("bytes", 5_000_000, "dial: how much to send")
	keys := flag.Int("keys", 0, "packets with the same 1-RTT keys; 0: as many as usual")
	qlogs := flag.String("qlog", "", "directory for qlog files")
	flag.Parse()
	e := engine.Default()
	if *keys > 0 {
		e = engine.New(engine.Options{Tune: func(l *engine.Limits) { l.KeyPhasePackets = *keys }})
	}
	if flag.Arg(0) == "serve" {
		config, err := api.LoadServerTLS(*cert, *key, "")
		check(err)
		config.NextProtos = []string{*alpn}
		l, err := e.Listen(flag.Arg(1), engine.Config{TLS: config, QlogDir: *qlogs})
		check(err)
		for c := range l.Accept() {
			go serve(c)
		}
	}
	addr, err := netip.ParseAddrPort(flag.Arg(1))
	check(err)
	config, err := api.LoadClientTLS(*ca, "", "")
	check(err)
	config.NextProtos, config.ServerName = []string{*alpn}, "localhost"
	c, err := e.Dial(context.Background(), addr, engine.Config{TLS: config, QlogDir: *qlogs})
	check(err)
	roundTrip(c, *size)
}

func serve(c *engine.Conn) {
	for e := range c.Events() {
		if a, ok := e.(engine.Accepted); ok {
			go echo(a.Stream)
		}
	}
}

func echo(s *engine.Stream) {
	for e := range s.Events() {
		switch e := e.(type) {
		case engine.Received:
			order(s, engine.Write{B: bytes.Join(e.Pieces, nil)}) // a copy: the pieces go back at once
			e.Release()
		case engine.ReadEnded:
			order(s, engine.Write{Fin: true})
		}
	}
}

func order(s *engine.Stream, c engine.StreamCommand) {
	select {
	case s.Commands() <- c:
	case <-s.Done():
	}
}

func roundTrip(c *engine.Conn, size int64) {
	c.Commands() <- engine.OpenStream{}
	s := (<-c.Events()).(engine.Opened).Stream
	sent, got := make([]byte, size), []byte(nil)
	_, _ = io.ReadFull(site.Blob(size), sent)
	go order(s, engine.Write{B: sent, Fin: true})
	for e := range s.Events() {
		if r, ok := e.(engine.Received); ok {
			got = append(got, bytes.Join(r.Pieces, nil)...)
			r.Release()
		}
	}
	c.Commands() <- engine.CloseConn{Reason: "done"}
	for range c.Events() { // until it is closed
	}
	if !bytes.Equal(sent, got) {
		log.Fatalf("FAIL: %d bytes came back, not those that were sent", len(got))
	}
	log.Print("pass")
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
