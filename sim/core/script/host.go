package script

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"time"

	"quicpro/actors/port"
	"quicpro/engine"
	"quicpro/internal/congestion"
	"quicpro/internal/qlog"
	"quicpro/sim/core"
	"quicpro/sim/core/link"
	"quicpro/wire"
)

// Host is one machine with an engine. It may serve, and it may dial.
type Host struct {
	w        *World
	name     string
	shape    HostOptions
	core     *core.Host
	engine   *engine.Engine
	tls      *reader
	serves   bool
	life     int  // counts the crashes
	down     bool // it does not listen: not yet, or not again
	dials    int
	goodbyes int
	conns    []*engine.H3Conn // a server's
}

// HostOptions shape a host.
type HostOptions struct {
	Up, Down link.Config // its way to the others, and back
	Clock    core.Clock
	// Tune changes the bounds of its connections; nil changes none.
	Tune func(*port.Limits)
	// Congestion makes the controllers of its connections; nil is the engine's default.
	Congestion func(datagram int) congestion.Controller
}

// Host adds a machine.
func (w *World) Host(name string, o HostOptions) (*Host, error) {
	h := &Host{w: w, name: name, shape: o, tls: newReader(0)}
	var err error
	h.core, err = w.core.AddHost(name, core.HostOptions{
		Clock: o.Clock, Up: o.Up, Down: o.Down, Reseed: h.tls.reseed, Context: w.context,
	})
	if err != nil {
		return nil, err
	}
	h.boot()
	w.hosts = append(w.hosts, h)
	return h, nil
}

// boot gives the host an engine.
func (h *Host) boot() {
	h.engine = engine.New(engine.Options{
		World: h.core, Logger: slog.New(&log{h.w, h.name}), Congestion: h.shape.Congestion, Tune: h.shape.Tune,
		Trace: func(role wire.Role, odcid wire.ConnectionID) port.Trace {
			judge := h.w.book.Open(role.String()+" "+odcid.String(), role)
			if h.w.trace == nil {
				return judge
			}
			return qlog.Tee(judge, h.w.trace(h.name, role, odcid))
		},
	})
}

// Core is the machine beneath.
func (h *Host) Core() *core.Host { return h.core }

// Name is the host's.
func (h *Host) Name() string { return h.name }

// left says what the engine still has.
func (h *Host) left() string {
	if o := h.engine.Outstanding(); o != (engine.Outstanding{}) {
		return fmt.Sprintf("%+v", o)
	}
	return ""
}

// The times of connections are long: a fault that lasts must not look like a peer that is gone. A burst that loses eight
// datagrams takes the probes of a minute, since each waits twice as long as the one before.
const (
	idleTimeout      = 10 * time.Minute
	handshakeTimeout = 5 * time.Minute
	maxConns         = 64 // of a server
)

func (h *Host) config() engine.H3Config {
	return engine.H3Config{IdleTimeout: idleTimeout, HandshakeTimeout: handshakeTimeout, MaxConns: maxConns}
}

// Serve makes the host answer the requests of this world.
func (h *Host) Serve() {
	h.serves, h.down = true, true
	c := h.config()
	c.TLS = serverTLS(h.tls, h.name)
	h.engine.StartListenH3(h.name, ":443", c, h.answer, func(_ *engine.H3Listener, err error) {
		h.down = false
		if err != nil {
			h.w.failf("%s does not listen: %w", h.name, err)
		}
	})
}

// address is where the host serves.
func (h *Host) address() netip.AddrPort { return netip.AddrPortFrom(h.core.Addr(), 443) }

// Conn is a client's connection.
type Conn struct {
	*engine.H3Conn
	from, to *Host
	life     int // which life of the server it was dialled in
}

// lost reports whether the server has crashed since the connection was dialled, or is down: its errors are no fault.
func (c *Conn) lost() bool { return c.life != c.to.life || c.to.down }

// mostDials is how often a dial is tried again of which the server's crash is the excuse.
const mostDials = 20

// Dial connects to a server. ready is called when requests may flow. A dial that fails is a fault, unless the server has
// crashed meanwhile: then it is tried again.
func (h *Host) Dial(to *Host, ready func(*Conn)) { h.dial(to, ready, 1) }

func (h *Host) dial(to *Host, ready func(*Conn), try int) {
	h.dials++
	h.w.tally.Dials++
	identity := h.name + "/dial " + strconv.Itoa(h.dials)
	c := &Conn{from: h, to: to, life: to.life}
	wasDown := to.down
	cfg := h.config()
	cfg.TLS = clientTLS(h.tls, to.name)
	h.engine.StartH3(identity, to.address(), cfg, func(conn *engine.H3Conn, err error) {
		switch {
		case err == nil:
			c.H3Conn = conn
			h.w.core.Note("dialled")
			ready(c)
		case (wasDown || c.lost()) && try < mostDials:
			h.w.core.After(time.Second, func() { h.dial(to, ready, try+1) })
		default:
			h.w.failf("%s cannot dial %s: %w", h.name, to.name, err)
		}
	})
}

// Crash ends all that the host has, without a word to anybody, and brings it back after some time. With keepKeys it
// answers the packets of lost connections with stateless resets that their peers believe.
func (h *Host) Crash(for_ time.Duration, keepKeys bool) {
	if h.down {
		return
	}
	h.life++
	h.down = true
	h.w.tally.Crashes++
	h.conns = nil
	h.core.CutOff()
	h.core.Thaw()
	h.engine.StartClose(h.name)
	for _, r := range h.w.replies {
		if r.host == h && !r.ended() {
			r.hurry()
		}
	}
	h.w.core.After(for_, func() { h.restart(keepKeys) })
}

func (h *Host) restart(keepKeys bool) {
	if left := h.left(); left != "" {
		h.w.failf("crashed host %s has not come to rest: %s", h.name, left)
		return
	}
	if h.w.closing {
		return
	}
	h.core.Reborn(keepKeys)
	h.boot()
	if h.serves {
		h.Serve()
	}
}

// Pause freezes the host for some time: its timers are late, datagrams wait in its sockets.
func (h *Host) Pause(for_ time.Duration) {
	h.core.Freeze()
	h.w.core.After(for_, h.core.Thaw)
}

// Goodbye says GOAWAY on all connections of a server.
func (h *Host) Goodbye() {
	h.goodbyes++
	for _, c := range h.conns {
		c.Goodbye()
	}
	h.conns = nil
}
