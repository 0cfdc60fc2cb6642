package sim

import (
	"crypto/tls"
	"net/netip"
	"time"

	"quicpro/api"
	"quicpro/sim/core/authority"
)

// Server is a running HTTP/3 server of a host.
type Server struct {
	*api.Server
	host *Host
	port string
}

// URL is where a path of the server is: URL("/file") is "https://srv/file" for a host called srv.
func (s *Server) URL(path string) string { return "https://" + s.host.name + s.port + path }

// Host is the server's machine.
func (s *Server) Host() *Host { return s.host }

// Server adds a host that serves HTTP/3 on port 443, or on the port of s.Addr. Without a TLSConfig it gets a certificate
// for the host's name, which the clients of the world trust. Addr, Engine and TLSConfig are set in s.
func (w *World) Server(name string, s *api.Server, links ...Link) *Server {
	w.t.Helper()
	return w.Host(name, links...).Server(s)
}

// Server makes the host serve HTTP/3.
func (h *Host) Server(s *api.Server) *Server {
	h.w.t.Helper()
	out := &Server{Server: s, host: h}
	if s.Addr == "" {
		s.Addr = ":443"
	} else if s.Addr != ":443" {
		out.port = s.Addr
	}
	if s.TLSConfig == nil {
		s.TLSConfig = h.ServerTLS()
	}
	h.serve(out)
	return out
}

// serve starts a server.
func (h *Host) serve(s *Server) {
	h.w.t.Helper()
	s.Engine, s.TLSConfig = h.engine, h.w.withKeyLog(s.TLSConfig)
	listening := make(chan error, 1)
	go func() { listening <- s.ListenAndServe() }()
	if err := h.w.started(listening); err != nil {
		h.w.t.Fatalf("sim: server %s: %v", h.name, err)
	}
	h.servers = append(h.servers, s)
	h.closes = append(h.closes, s.Close)
}

// started waits until s listens, or fails to.
func (w *World) started(failed <-chan error) error {
	select {
	case err := <-failed:
		return err
	case <-time.After(time.Nanosecond):
		return nil
	}
}

// Client adds a host with an HTTP/3 client that trusts the servers of the world.
func (w *World) Client(name string, links ...Link) *api.Client {
	w.t.Helper()
	return w.Host(name, links...).Client()
}

// Client makes a client on the host. Clients of one host do not share connections.
func (h *Host) Client() *api.Client {
	c := &api.Client{Engine: h.engine, TLS: &tls.Config{RootCAs: authority.Pool(), KeyLogWriter: h.w.keyLog()}}
	h.closes = append([]func() error{c.Close}, h.closes...)
	return c
}

// ServerTLS is a configuration with a certificate for the host's name, for servers of other protocols than HTTP.
func (h *Host) ServerTLS(protocols ...string) *tls.Config {
	return h.w.withKeyLog(&tls.Config{Certificates: []tls.Certificate{authority.Certificate(h.name)}, NextProtos: protocols})
}

// ClientTLS is a configuration for clients that dial this host with another protocol than HTTP: it trusts the host's certificate
// and names it.
//
//	conn, err := cli.Engine().Dial(w.Context("cli"), srv.Addr(7000), engine.Config{TLS: srv.ClientTLS("echo")})
func (h *Host) ClientTLS(protocols ...string) *tls.Config {
	return h.w.withKeyLog(&tls.Config{RootCAs: authority.Pool(), ServerName: h.name, NextProtos: protocols})
}

// Addr is where one of the host's ports is.
func (h *Host) Addr(port uint16) netip.AddrPort { return netip.AddrPortFrom(h.core.Addr(), port) }
