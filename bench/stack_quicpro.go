package main

import (
	"crypto/tls"
	"net/http"

	"quicpro/api"
)

func serveQuicpro(h http.Handler, conf *tls.Config) (string, func(), error) {
	return servePackets(&api.Server{Handler: h, TLSConfig: conf})
}

func dialQuicpro(conf *tls.Config) (http.RoundTripper, func()) {
	t := &api.Transport{TLSClientConfig: conf}
	return t, func() { _ = t.Close() }
}
