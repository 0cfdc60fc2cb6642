package api

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
)

// DemoServer is a running server on loopback, with the client for it.
type DemoServer struct {
	URL    string  // "https://127.0.0.1:port", without a slash at the end
	Client *Client // trusts exactly this server
	Server *Server
}

// Demo serves handler on a free port of loopback with a throwaway certificate, for trying out and for tests. Close it.
func Demo(handler http.Handler) (*DemoServer, error) {
	cert, err := ThrowawayCertificate("127.0.0.1", "::1", "localhost")
	if err != nil {
		return nil, err
	}
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert.Leaf)
	d := &DemoServer{
		URL:    "https://" + pc.LocalAddr().String(),
		Client: &Client{TLS: &tls.Config{RootCAs: roots}},
		Server: &Server{Handler: handler, TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}}},
	}
	if _, err := d.Server.open(pc, ""); err != nil {
		_ = pc.Close()
		return nil, err
	}
	return d, nil
}

// Close ends the client's connections and the server at once.
func (d *DemoServer) Close() error {
	err := d.Client.Close()
	if e := d.Server.Close(); err == nil {
		err = e
	}
	return err
}
