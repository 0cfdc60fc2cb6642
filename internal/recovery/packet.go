package recovery

import (
	"quicpro/internal/mono"
	"quicpro/wire"
)

// Flags say how a sent packet counts.
type Flags uint8

const (
	// AckEliciting marks a packet with a frame other than ACK, PADDING and CONNECTION_CLOSE (RFC 9002 s2). It is in
	// flight too.
	AckEliciting Flags = 1 << iota
	// InFlight marks a packet that counts toward bytes in flight: ack-eliciting, or padded (RFC 9002 s2).
	InFlight
	// AppLimited marks a packet sent when the application had no more to send.
	AppLimited
	// SizeProbe marks a path MTU probe: its loss is no sign of congestion (RFC 9000 s14.4).
	SizeProbe
	// ECNCapable marks a packet sent with an ECT codepoint.
	ECNCapable
	// Early marks a 0-RTT packet.
	Early
)

// Packet is the record of one sent packet. C is what the sender must know when the packet's fate is: a value, kept in
// the ring.
type Packet[C any] struct {
	// Sent is when the packet left.
	Sent mono.Time
	// Size is its QUIC bytes: header, payload and AEAD tag, without UDP and IP headers.
	Size uint16
	// Path is the path it was sent on.
	Path uint8
	// Flags say how it counts.
	Flags Flags

	state state
	// run is, in an acknowledged record, how many numbers from this one downwards are acknowledged; at least 1. It lets
	// the next ACK frame, which repeats most of the last one, step over them at once.
	run uint16

	// Content is the sender's.
	Content C
}

// LossRule names what made the packet count as lost, for a log: "packet threshold" (RFC 9002 s6.1.1), "time threshold"
// (s6.1.2), or "given up" after a Retry, rejected 0-RTT or a full ring. It is empty for a packet that was not. A probe
// timeout is never among them: RFC 9002 s6.2 forbids to mark packets as lost by it.
func (p *Packet[C]) LossRule() string {
	switch p.state {
	case lostByNumber:
		return "packet threshold"
	case lostByTime:
		return "time threshold"
	case forgotten:
		return "given up"
	}
	return ""
}

type state uint8

const (
	outstanding  state = iota
	acked              // run is set
	lostByNumber       // declared lost, kept in case the acknowledgment is only late
	lostByTime
	forgotten // outlived its use: an acknowledgment says nothing any more
	skipped   // the number was never sent
)

// ring holds the records of the packet numbers from low up to, but not including, next.
type ring[C any] struct {
	slots     []Packet[C] // length zero or a power of two
	low, next wire.PacketNumber
	quiet     uint8 // how often in a row the ring drained without having needed its size
	peak      int   // most records held since it drained
}

const (
	// firstSlots is how many records an active space holds at least.
	firstSlots = 4
	// quietDrains is how many quiet drains halve a ring.
	quietDrains = 64
)

func (r *ring[C]) at(pn wire.PacketNumber) *Packet[C] { return &r.slots[int(pn)&(len(r.slots)-1)] }

func (r *ring[C]) held() int { return int(r.next - r.low) }

func (r *ring[C]) full() bool { return r.held() == len(r.slots) }

// push takes the slot of the next packet number. The ring is not full. Content is left as the slot had it.
func (r *ring[C]) push() *Packet[C] {
	p := r.at(r.next)
	r.next++
	r.peak = max(r.peak, r.held())
	return p
}

// grow doubles the ring.
func (r *ring[C]) grow() { r.resize(max(firstSlots, 2*len(r.slots))) }

// drained is told that the ring has become empty. After many drains that needed little of it, it is halved.
func (r *ring[C]) drained() {
	small := len(r.slots) > firstSlots && r.peak <= len(r.slots)/4
	r.peak = 0
	if !small {
		r.quiet = 0
		return
	}
	r.quiet++
	if r.quiet == quietDrains {
		r.quiet = 0
		r.resize(len(r.slots) / 2)
	}
}

func (r *ring[C]) resize(slots int) {
	old := *r
	r.slots = make([]Packet[C], slots)
	for pn := r.low; pn < r.next; pn++ {
		*r.at(pn) = *old.at(pn)
	}
}

// release gives the memory back and forgets every record.
func (r *ring[C]) release() {
	r.slots, r.low, r.peak, r.quiet = nil, r.next, 0, 0
}
