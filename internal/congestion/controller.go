// Package congestion decides how many bytes may be in flight on one path, and how fast they leave.
//
// Two controllers stand behind one interface: CUBIC (RFC 9438, with HyStart++ in slow start) and NewReno (RFC 9002 s7).
// A Pacer spreads what the window allows over the round trip. All of it is pure and in integer arithmetic: time is an
// argument, so that a seeded run gives the same windows on every machine.
//
// The bytes in flight themselves are counted by internal/recovery, which knows what became of each packet; they come
// in here as arguments. One controller and one pacer belong to one path (RFC 9002 s7): a new path, or a Retry
// (RFC 9002 s6.3), gets new ones.
package congestion

import (
	"math"
	"time"

	"quicpro/internal/mono"
	"quicpro/wire"
)

// Unlimited is the slow start threshold before the first congestion event.
const Unlimited = math.MaxInt

// MaxWindow bounds every congestion window, in bytes, so that no product of two windows overflows. At a round trip of
// 100 ms it still allows 85 Gbit/s.
const MaxWindow = 1 << 30

// MinDatagramSize is the smallest maximum datagram size a path may have, in bytes (RFC 9000 s14).
const MinDatagramSize = 1200

// Controller is the congestion controller of one path. *Cubic and *NewReno implement it.
type Controller interface {
	// OnSent reports a packet that counts as in flight. bytes is its size, inFlight the bytes in flight including it.
	// pn is its number in the application space, by which round trips are told apart, or wire.NoPacketNumber for an
	// Initial or Handshake packet.
	OnSent(now mono.Time, pn wire.PacketNumber, bytes, inFlight int)

	// OnAcked reports what one ACK frame newly acknowledged. Call it after OnCongestion for the same frame.
	OnAcked(now mono.Time, a Ack)

	// OnCongestion reports packets lost together, or an increase of the peer's ECN-CE count. The window shrinks at most
	// once a round trip (RFC 9002 s7.3.2).
	OnCongestion(now mono.Time, l Loss)

	// OnPersistentCongestion reports the loss of everything sent over a long period (RFC 9002 s7.6); it follows the
	// OnCongestion of the same packets. The window falls to its minimum.
	OnPersistentCongestion(now mono.Time)

	// OnSpurious reports that one packet, sent at the given time and counted in an earlier OnCongestion, was
	// acknowledged after all. When all packets of the last reduction have been, the reduction is undone.
	OnSpurious(now, sent mono.Time)

	// SetMaxDatagramSize tells the path's largest datagram, in bytes; less than MinDatagramSize counts as that.
	SetMaxDatagramSize(bytes int)

	// Window is the congestion window in bytes: at least two datagrams, at most MaxWindow.
	Window() int

	// SlowStartThreshold is in bytes; Unlimited until the first slow start ended.
	SlowStartThreshold() int

	// InSlowStart reports whether the window is below the threshold.
	InSlowStart() bool

	// RecoveryStart is when the current recovery period began, or zero: acknowledgments of packets sent at that time or
	// before do not grow the window (RFC 9002 s7.3.2).
	RecoveryStart() mono.Time
}

// Ack is what one ACK frame newly acknowledged on the path.
type Ack struct {
	// Bytes are the newly acknowledged bytes in flight of packets sent after RecoveryStart.
	Bytes int
	// Sent is when the newest of those packets was sent.
	Sent mono.Time
	// Largest is the largest newly acknowledged packet number of the application space, or wire.NoPacketNumber.
	Largest wire.PacketNumber
	// PriorInFlight are the bytes in flight before this frame.
	PriorInFlight int
	// RTT is the sample this frame gave, zero if none.
	RTT time.Duration
	// Smoothed is the path's smoothed round-trip time.
	Smoothed time.Duration
	// AppLimited says that the sender had nothing (more) to send though the window had room. A sender held back by
	// pacing alone is not (RFC 9002 s7.8).
	AppLimited bool
}

// Loss is one congestion signal.
type Loss struct {
	// Sent is when the newest of the lost packets was sent; for ECN, when the largest acknowledged packet was.
	Sent mono.Time
	// Packets is how many packets were lost; zero for ECN.
	Packets int
	// ECN says that the signal is an increased ECN-CE count. A mark is never spurious.
	ECN bool
}

// InitialWindow returns the window a path begins with, in bytes.
func InitialWindow(maxDatagramSize int) int {
	// RFC 9002 s7.2: ten datagrams, limited to the larger of 14,720 bytes and two datagrams.
	return min(10*maxDatagramSize, max(14720, 2*maxDatagramSize))
}

// MinWindow returns the smallest window a reduction may reach, in bytes (RFC 9002 s7.2).
func MinWindow(maxDatagramSize int) int { return 2 * maxDatagramSize }
