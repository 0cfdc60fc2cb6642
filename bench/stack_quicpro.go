package main

import (
	"crypto/tls"
	"net/http"
	"sync"

	"quicpro/api"
	"quicpro/engine"
)

// quicpro is this project's stack on an engine with the given options.
func quicpro(name string, o engine.Options) stack {
	shared := engine.New(o)
	oneSocket := sync.OnceValue(func() *engine.Engine {
		o := o
		o.OneSocket = true
		return engine.New(o)
	})
	home := func(set settings) (*engine.Engine, func()) {
		switch {
		case set.OneSocket:
			return oneSocket(), func() {}
		case set.Streams == 0:
			return shared, func() {}
		}
		wide := o
		wide.Tune = func(l *engine.Limits) { l.Streams = set.Streams + 2*l.UniStreams } // the critical streams count too
		e := engine.New(wide)
		return e, func() { _ = e.Close() }
	}
	serve := func(h http.Handler, conf *tls.Config, set settings) (string, func(), error) {
		e, leave := home(set)
		addr, stop, err := servePackets(&api.Server{Handler: h, TLSConfig: conf, IdleTimeout: set.Idle, Engine: e})
		return addr, func() { stop(); leave() }, err
	}
	client := func(conf *tls.Config, set settings) (http.RoundTripper, func()) {
		e, leave := home(set)
		t := &api.Transport{TLSClientConfig: conf, IdleTimeout: set.Idle, DisableCompression: true, Engine: e}
		return t, func() { _ = t.Close(); leave() }
	}
	return stack{name, true, serve, client}
}
