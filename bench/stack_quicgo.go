package main

import (
	"crypto/tls"
	"net/http"

	"github.com/quic-go/quic-go/http3"
)

func serveQuicGo(h http.Handler, conf *tls.Config) (string, func(), error) {
	return servePackets(&http3.Server{Handler: h, TLSConfig: conf})
}

func dialQuicGo(conf *tls.Config) (http.RoundTripper, func()) {
	t := &http3.Transport{TLSClientConfig: conf, DisableCompression: true}
	return t, func() { _ = t.Close() }
}
