// Command embed runs an echo protocol of its own over QUIC: a server and a client, by the channels of package engine.
package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log"
	"math/big"
	"time"

	"quicpro/engine"
)

func main() {
	key, pool := identity()
	server, err := engine.Default().Listen("127.0.0.1:0", engine.Config{TLS: &tls.Config{Certificates: []tls.Certificate{key}, NextProtos: []string{"echo"}}})
	check(err)
	go func() {
		for e := range (<-server.Accept()).Events() {
			if a, ok := e.(engine.Accepted); ok {
				go echo(a.Stream)
			}
		}
	}()

	client, err := engine.Default().Dial(context.Background(), server.Addr(), engine.Config{TLS: &tls.Config{RootCAs: pool, ServerName: "echo", NextProtos: []string{"echo"}}})
	check(err)
	client.Commands() <- engine.OpenStream{}
	stream := (<-client.Events()).(engine.Opened).Stream
	stream.Commands() <- engine.Write{B: []byte("hello, QUIC"), Fin: true}
	for e := range stream.Events() {
		if r, ok := e.(engine.Received); ok {
			fmt.Printf("stream %d brought %q\n", stream.ID, bytes.Join(r.Pieces, nil))
			r.Release()
		}
	}
	client.Commands() <- engine.CloseConn{Reason: "done"}
	for e := range client.Events() {
		fmt.Println(e.(engine.ConnClosed).Cause)
	}
	check(server.Close())
}

// echo sends a stream back to where it came from.
func echo(s *engine.Stream) {
	for e := range s.Events() {
		switch e := e.(type) {
		case engine.Received:
			s.Commands() <- engine.Write{B: bytes.Join(e.Pieces, nil)} // a copy: the pieces go back at once
			e.Release()
		case engine.ReadEnded:
			s.Commands() <- engine.Write{Fin: true}
		}
	}
}

// identity is a throwaway certificate, and the pool that trusts it.
func identity() (tls.Certificate, *x509.CertPool) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	check(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"echo"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	check(err)
	leaf, err := x509.ParseCertificate(der)
	check(err)
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, pool
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
