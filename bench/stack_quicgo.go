package main

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

func quicGo(name string) stack {
	serve := func(h http.Handler, conf *tls.Config, set settings) (string, func(), error) {
		s := &http3.Server{Handler: h, TLSConfig: conf}
		if set != (settings{}) {
			s.QUICConfig = &quic.Config{MaxIncomingStreams: int64(set.Streams), MaxIdleTimeout: set.Idle}
		}
		return servePackets(s)
	}
	client := func(conf *tls.Config, set settings) (http.RoundTripper, func()) {
		t := &http3.Transport{TLSClientConfig: conf, DisableCompression: true}
		if set.Idle > 0 {
			t.QUICConfig = &quic.Config{MaxIncomingStreams: -1, MaxIdleTimeout: set.Idle} // as its default, without the PINGs
		}
		if set.OneSocket {
			t.Dial = dialFromOneSocket
		}
		return t, func() { _ = t.Close() }
	}
	return stack{name, true, serve, client}
}

func dialFromOneSocket(ctx context.Context, addr string, conf *tls.Config, c *quic.Config) (*quic.Conn, error) {
	remote, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return nil, err
	}
	t, err := oneSocket()
	if err != nil {
		return nil, err
	}
	return t.DialEarly(ctx, remote, conf, c)
}

// oneSocket is the process's, until its end.
var oneSocket = sync.OnceValues(func() (*quic.Transport, error) {
	conn, err := net.ListenUDP("udp", nil)
	return &quic.Transport{Conn: conn}, err
})
