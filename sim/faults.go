package sim

import (
	"net/netip"

	"quicpro/api"
	"quicpro/sim/core/link"
)

// Rebind is a NAT that forgets a host's mapping: what the host sends next comes from another port, or another address.
type Rebind = link.Rebind

// NAT puts the host behind a NAT with a public address of its own, which rebinds when it is told.
func (h *Host) NAT(rebinds ...Rebind) {
	h.w.t.Helper()
	public := h.core.Addr().As4()
	public[0] = 198 // 10.0.0.7 is seen as 198.0.0.7
	if err := h.w.core.Network().NAT(h.name, netip.AddrFrom4(public), rebinds...); err != nil {
		h.w.t.Fatalf("sim: %v", err)
	}
}

// Bottleneck puts two links between hosts and the rest of the world, which these share: toward carries what they send to
// others, back what others send to them.
func (w *World) Bottleneck(name string, toward, back Link, hosts ...*Host) {
	w.t.Helper()
	names := make([]string, len(hosts))
	for i, h := range hosts {
		names[i] = h.name
	}
	if err := w.core.Network().Bottleneck(name, toward, back, names...); err != nil {
		w.t.Fatalf("sim: %v", err)
	}
}

// do carries f out on the executor, in its turn, and returns when it is done.
func (w *World) do(what string, f func()) {
	done := make(chan struct{})
	w.core.Post("the test", what, func() {
		f()
		close(done)
	})
	<-done
}

// Freeze stops everything on the host, as a machine that swaps or a laptop that sleeps: datagrams wait in its sockets, its
// timers are late. Its app tasks are not stopped, but nothing they ask for is done.
func (h *Host) Freeze() { h.w.do("freeze "+h.name, h.core.Freeze) }

// Thaw ends a Freeze.
func (h *Host) Thaw() { h.w.do("thaw "+h.name, h.core.Thaw) }

// CutOff loses all that the host sends, and all that is sent to it, until Rejoin.
func (h *Host) CutOff() { h.w.do("cut off "+h.name, h.core.CutOff) }

// Rejoin ends a CutOff.
func (h *Host) Rejoin() { h.w.do("rejoin "+h.name, h.core.Rejoin) }

// Heal ends every fault: links only delay and queue, hosts that are frozen or cut off go on. What has crashed is not
// restarted, and a NAT that has forgotten a mapping does not remember it.
func (w *World) Heal() {
	w.do("heal", func() {
		w.core.Network().Calm()
		w.calmed()
		for _, h := range w.hosts {
			h.core.Thaw()
			h.core.Rejoin()
		}
	})
}

// Crash ends all that the host has, without a word to anybody: its peers find silence. Running handlers see their contexts
// end; clients of the host are closed for good.
func (h *Host) Crash() {
	h.w.do("cut off "+h.name, h.core.Crash)
	h.close()
	h.crashed = true
}

// Restart brings a host back that has crashed, with the servers that it had. With keepKeys it knows the key that its
// stateless resets are made with, as a server with an engine.Options.ResetKey does, so that its peers learn at once that
// their connections are gone; without, as by default, they do when they time out.
func (h *Host) Restart(keepKeys bool) {
	h.w.t.Helper()
	if !h.crashed {
		h.w.t.Fatalf("sim: host %s is to be restarted, and has not crashed: call Crash first", h.name)
	}
	h.crashed = false
	h.w.do("restart "+h.name, func() { h.core.Reborn(keepKeys) })
	h.engine = h.newEngine()
	servers := h.servers
	h.servers, h.closes = nil, nil
	for _, s := range servers {
		old := s.Server
		s.Server = &api.Server{
			Addr: old.Addr, Handler: old.Handler, TLSConfig: old.TLSConfig, ReadHeaderTimeout: old.ReadHeaderTimeout,
			IdleTimeout: old.IdleTimeout, MaxHeaderBytes: old.MaxHeaderBytes, MaxConns: old.MaxConns, ErrorLog: old.ErrorLog,
			Logger: old.Logger, QlogDir: old.QlogDir, ConnContext: old.ConnContext,
		}
		h.serve(s)
	}
}
