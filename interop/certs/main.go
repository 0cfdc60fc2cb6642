// Command certs writes a throwaway CA and a server certificate for interop runs:
// DIR/ca.pem, leaf.pem (chain), key.pem, spki.txt (for Chromium's
// --ignore-certificate-errors-spki-list) and hash.txt (for WebTransport's
// serverCertificateHashes; ECDSA and under 14 days, as browsers demand).
//
//	go run ./certs DIR
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

func main() {
	dir := os.Args[1]
	if err := os.MkdirAll(dir, 0o755); err != nil {
		panic(err)
	}
	caKey, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	now := time.Now()
	caT := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Interop Test CA"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(10 * 24 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	caD, err := x509.CreateCertificate(rand.Reader, caT, caT, &caKey.PublicKey, caKey)
	if err != nil {
		panic(err)
	}
	k, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	t := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(9 * 24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, DNSNames: []string{"localhost", "h3.test"}, IPAddresses: []net.IP{net.ParseIP("127.0.0.1"), net.ParseIP("::1"), net.ParseIP("10.99.0.1"), net.ParseIP("10.99.0.2"), net.ParseIP("fd99::1"), net.ParseIP("fd99::2")}}
	d, err := x509.CreateCertificate(rand.Reader, t, caT, &k.PublicKey, caKey)
	if err != nil {
		panic(err)
	}
	w := func(n, typ string, b []byte) {
		os.WriteFile(dir+"/"+n, pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: b}), 0o600)
	}
	w("ca.pem", "CERTIFICATE", caD)
	os.WriteFile(dir+"/leaf.pem", append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: d}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caD})...), 0o600)
	kb, _ := x509.MarshalPKCS8PrivateKey(k)
	w("key.pem", "PRIVATE KEY", kb)
	c, _ := x509.ParseCertificate(d)
	h := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	fmt.Println(base64.StdEncoding.EncodeToString(h[:]))
	os.WriteFile(dir+"/spki.txt", []byte(base64.StdEncoding.EncodeToString(h[:])+"\n"), 0o644)
	h = sha256.Sum256(d)
	os.WriteFile(dir+"/hash.txt", []byte(base64.StdEncoding.EncodeToString(h[:])+"\n"), 0o644)
}
