package main

import (
	"crypto/tls"
	"net/http"

	"quicpro/api"
	"quicpro/engine"
)

func serveQuicpro(h http.Handler, conf *tls.Config) (string, func(), error) {
	return servePackets(&api.Server{Handler: h, TLSConfig: conf})
}

func dialQuicpro(conf *tls.Config) (http.RoundTripper, func()) {
	t := &api.Transport{TLSClientConfig: conf}
	return t, func() { _ = t.Close() }
}

// placed is quicpro with the rooms of its connections placed otherwise.
func placed(name string, how engine.Placement) stack {
	e := engine.New(engine.Options{Placement: how})
	return stack{
		name,
		func(h http.Handler, conf *tls.Config) (string, func(), error) {
			return servePackets(&api.Server{Handler: h, TLSConfig: conf, Engine: e})
		},
		func(conf *tls.Config) (http.RoundTripper, func()) {
			t := &api.Transport{TLSClientConfig: conf, Engine: e}
			return t, func() { _ = t.Close() }
		},
	}
}
