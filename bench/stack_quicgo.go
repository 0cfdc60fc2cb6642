package main

import (
	"crypto/tls"
	"net/http"

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
		return t, func() { _ = t.Close() }
	}
	return stack{name, true, serve, client}
}
