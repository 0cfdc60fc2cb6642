// Package congestion decides how many bytes may be in flight on one path, and how fast they leave.
//
// Two controllers stand behind one interface: CUBIC (RFC 9438, with HyStart++ in slow start) and NewReno (RFC 9002 s7).
// A Pacer spreads what the window allows over the round trip. All of it is pure and in integer arithmetic: time is an
// argument, so that a seeded run gives the same windows on every machine.
//
// # Losses without a queue
//
// A loss-based controller takes every loss for a full queue. On a lossy link that is wrong, and costs dearly: with 2 %
// of random loss and a round trip of 50 ms, RFC 9438 alone settles at about nine packets a round trip, 2 Mbit/s,
// whatever the link carries. So Cubic asks first, as TCP Veno does (Fu and Liew, 2003), how much of its window stands
// in the queue of the bottleneck: window * (recent - base) / recent, where recent is the smallest sample of the last
// one or two round trips, and base the smallest of the last 10 to 20 seconds. Below three datagrams, a loss is likely
// none of congestion. Then the window is multiplied by 0.85 instead of 0.7, as RFC 8511 does for a signal that does not
// mean a full queue; W_max is the window, without fast convergence; and the Reno-friendly estimate grows by a segment a
// round trip (alpha 1). RFC 9438 stands unchanged for ECN-CE, persistent congestion, slow start, a loss with a standing
// queue, and while no round trip has been measured.
//
// What it costs is fairness where the estimate errs: at a bottleneck whose queue is shorter than three of our
// datagrams, and at one that others keep full for so long that base contains their queue. A flow takes more there than
// RFC 9438 gives it, but no more than 2.03 times as much in the Reno-friendly region, by sqrt(alpha * (1+beta) /
// (1-beta)), and 1.2 times where the curve rules, by ((3+beta) / (1-beta))^(1/4): the share of two connections. The
// window still shrinks by 15 % once a round trip with loss, so that such flows converge. A queue of our own does not
// hide in base: within 10 seconds the curve moves by 100 segments at least, and the estimate by one every two round
// trips.
//
// # The initial window
//
// RFC 9002 s7.2 says that a path SHOULD begin with ten datagrams, since more might overwhelm its queue in one burst. Here
// it begins with 32, as with other QUIC stacks that pace: no more than ten leave at once, and the rest within half a round
// trip, which the handshake has measured by then. A response of 30 KB saves a round trip (scenario "short" of
// sim/cclab: 90 ms instead of 130), a long one 1.6: 20 MiB over 100 Mbit/s and 50 ms take 1.92 s instead of 2.00 s. What it
// costs are losses where the queue is short: over 1 to 20 Mbit/s with room for 16 KB, 30 KB lose two to nine datagrams more,
// and come up to 1.6 times later. With room for 64 KB none is lost.
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

// RFC 9002 s7.2: an endpoint SHOULD begin with ten datagrams, at most 14,720 bytes. Ours are 32 (see the package comment),
// limited in the same proportion.
const (
	initialDatagrams = 32
	initialBytes     = initialDatagrams * 1472
)

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
	return min(initialDatagrams*maxDatagramSize, max(initialBytes, 2*maxDatagramSize))
}

// MinWindow returns the smallest window a reduction may reach, in bytes (RFC 9002 s7.2).
func MinWindow(maxDatagramSize int) int { return 2 * maxDatagramSize }
