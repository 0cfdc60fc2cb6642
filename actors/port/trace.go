package port

import (
	"time"

	"quicpro/internal/mono"
	"quicpro/wire"
)

// Trace receives what the rooms of one connection do, as values that are valid during the call only. Rooms call it on
// their own goroutines, so an implementation is safe for several at once. A nil Trace is the normal case: rooms test
// for it first.
type Trace interface {
	// Packet reports a packet sent or received, with its frames in plaintext.
	Packet(now mono.Time, p PacketEvent)
	// Dropped reports a packet or datagram that was not used, and why.
	Dropped(now mono.Time, size int, reason string)
	// Lost reports a packet declared lost (RFC 9002 s6.1).
	Lost(now mono.Time, level wire.Level, number wire.PacketNumber, reason string)
	// Metrics reports the recovery state when it changed.
	Metrics(now mono.Time, m Metrics)
	// Parameters reports transport parameters: ours, or the peer's.
	Parameters(now mono.Time, ours bool, p *wire.TransportParameters)
	// State reports a step of the connection's life: "handshake", "connected", "confirmed", "closing", ...
	State(now mono.Time, state string)
	// Keys reports keys that were installed, updated or dropped.
	Keys(now mono.Time, level wire.Level, what string)
	// Closed reports the end.
	Closed(now mono.Time, c *Cause)
	// H3Frame reports an HTTP/3 frame that was written or read; Fields are those of HEADERS.
	H3Frame(now mono.Time, sent bool, stream wire.StreamID, frameType uint64, length uint64, fields []Field)
}

// PacketEvent is one packet.
type PacketEvent struct {
	Sent    bool
	Level   wire.Level
	Number  wire.PacketNumber
	Size    int // bytes on the wire
	Payload []byte
}

// Metrics is the recovery state of a connection.
type Metrics struct {
	MinRTT, SmoothedRTT, LatestRTT, RTTVariance time.Duration
	Window, Threshold, InFlight                 int // bytes
	PTOCount                                    int
	SlowStart                                   bool
	Datagram                                    int // the largest UDP payload sent, bytes
}
