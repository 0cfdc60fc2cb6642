package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"log"
	"math/big"
	"time"
)

// identity makes the TLS configurations of a server with a throwaway certificate, and of a client that trusts it. Both
// name the application protocol.
func identity(protocol string) (server, client *tls.Config) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	check(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"embed"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	check(err)
	leaf, err := x509.ParseCertificate(der)
	check(err)
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	server = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}, NextProtos: []string{protocol}}
	return server, &tls.Config{RootCAs: pool, ServerName: "embed", NextProtos: []string{protocol}}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
