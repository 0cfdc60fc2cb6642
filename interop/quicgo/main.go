// Command quicgo is quic-go as a program of its own: the yardstick and the
// first foreign peer of the interop runs.
//
//	quicgo server -addr HOST:PORT -dir DIR [-cert PEM -key PEM]
//	quicgo get [-k | -cacert PEM] [-o FILE] URL...
//	quicgo blob N
//
// server answers /blob?n=N, POST /echo, /report?TEXT and DIR's files, with a
// throwaway certificate if none is given. get writes the bodies to FILE
// (standard output without -o) and fails on any status but 200. blob writes
// the bytes of /blob?n=N.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/quic-go/quic-go/http3"

	"quicpro/interop/site"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("quicgo: ")
	if len(os.Args) < 2 {
		log.Fatal("usage: quicgo server|get|blob ...")
	}
	var err error
	switch args := os.Args[2:]; os.Args[1] {
	case "server":
		err = serve(args)
	case "get":
		err = get(args)
	case "blob":
		err = blob(args)
	default:
		err = fmt.Errorf("unknown command %q; want server, get or blob", os.Args[1])
	}
	if err != nil {
		log.Fatal(err)
	}
}

func serve(args []string) error {
	f := flag.NewFlagSet("server", flag.ExitOnError)
	addr := f.String("addr", "127.0.0.1:4433", "UDP address to listen on")
	dir := f.String("dir", ".", "directory whose files are served")
	cert := f.String("cert", "", "certificate chain, PEM (none: a throwaway one)")
	key := f.String("key", "", "private key, PEM")
	_ = f.Parse(args) // ExitOnError: it does not return one

	pair, err := certificate(*cert, *key)
	if err != nil {
		return err
	}
	srv := &http3.Server{
		Addr:      *addr,
		Handler:   site.Handler(*dir),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, KeyLogWriter: keyLog()},
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		<-ctx.Done()
		_ = srv.Close()
	}()
	log.Printf("server on https://%s/", *addr)
	if err := srv.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func get(args []string) error {
	f := flag.NewFlagSet("get", flag.ExitOnError)
	insecure := f.Bool("k", false, "accept any certificate")
	cacert := f.String("cacert", "", "trust this CA, PEM")
	out := f.String("o", "", "file for the bodies (none: standard output)")
	limit := f.Duration("m", 2*time.Minute, "time limit of the whole command")
	_ = f.Parse(args) // ExitOnError: it does not return one

	conf := &tls.Config{InsecureSkipVerify: *insecure, KeyLogWriter: keyLog()}
	if *cacert != "" {
		pem, err := os.ReadFile(*cacert)
		if err != nil {
			return err
		}
		conf.RootCAs = x509.NewCertPool()
		conf.RootCAs.AppendCertsFromPEM(pem)
	}
	w := os.Stdout
	if *out != "" {
		var err error
		if w, err = os.Create(*out); err != nil {
			return err
		}
	}
	rt := &http3.Transport{TLSClientConfig: conf, DisableCompression: true}
	client := &http.Client{Transport: rt, Timeout: *limit}
	for _, u := range f.Args() {
		if err := fetch(client, u, w); err != nil {
			return err
		}
	}
	return errors.Join(rt.Close(), w.Close())
}

func fetch(client *http.Client, url string, w io.Writer) error {
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: status %s", url, resp.Status)
	}
	_, err = io.Copy(w, resp.Body)
	return err
}

func blob(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: quicgo blob N")
	}
	n, err := strconv.ParseInt(args[0], 10, 64)
	if err != nil {
		return err
	}
	_, err = io.Copy(os.Stdout, site.Blob(n))
	return err
}

func keyLog() io.Writer {
	name := os.Getenv("SSLKEYLOGFILE")
	if name == "" {
		return nil
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		log.Fatal(err)
	}
	return f
}

func certificate(cert, key string) (tls.Certificate, error) {
	if cert != "" {
		return tls.LoadX509KeyPair(cert, key)
	}
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &k.PublicKey, k)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: k}, err
}
