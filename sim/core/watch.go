package core

import (
	"net/netip"

	"quicpro/internal/udp"
	"quicpro/sim/core/link"
)

// Watch is told, on the executor, what happens to datagrams and hosts outside the links. It must not change anything.
type Watch interface {
	// Arrived reports a datagram at the end of its way. Its bytes are valid during the call.
	Arrived(d link.Delivery, at Arrival)
	// Unsent reports a datagram that never entered the network: its host is cut off.
	Unsent(from, to netip.AddrPort, ecn udp.ECN, b []byte)
	// Changed reports what became of a host.
	Changed(host string, what Change)
}

// Arrival is what became of a datagram at its host.
type Arrival uint8

const (
	Taken          Arrival = iota // by a socket
	MissedCutOff                  // the host is cut off, or has crashed
	MissedNoSocket                // nobody listens there
	MissedStranger                // the socket is connected to another address
	MissedFull                    // the socket's buffer is full
)

// Change is a change of a host.
type Change uint8

const (
	Froze Change = iota
	Thawed
	WentDown
	CameBack
	Crashed
	Restarted
)

// miss ends a datagram that no socket takes.
func (w *World) miss(d link.Delivery, why Arrival) {
	if w.watch != nil {
		w.watch.Arrived(d, why)
	}
	w.net.Release(d.Bytes)
}

// tell reports a change of the host.
func (h *Host) tell(what Change) {
	if h.w.watch != nil {
		h.w.watch.Changed(h.name, what)
	}
}
