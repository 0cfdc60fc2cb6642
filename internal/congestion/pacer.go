package congestion

import (
	"math/bits"
	"time"

	"quicpro/internal/mono"
)

// Granularity is the shortest delay a pacer inserts: timers are not finer (RFC 9002 s6.1.2 recommends 1 ms).
const Granularity = time.Millisecond

// MaxQuantum is the most bytes sent in one go: one batch.
const MaxQuantum = 64 << 10

// The bucket covers two granularities, so that a timer that rings one late loses nothing, and at least RFC 9002's initial window (s7.2).
const (
	burstTime      = 2 * Granularity
	burstDatagrams = 10
	burstBytes     = 14720
)

// maxRate bounds the pacing rate, in bytes a second. Faster than that nothing is paced.
const maxRate = 1 << 40

// Pacer spreads the packets of one path over its round trip (RFC 9002 s7.7). It is a bucket of bytes that fills at the
// pacing rate. A sender may go into debt by what one Granularity earns: so a wait is never shorter than that, and on
// paths faster than a bucket a granularity the pacer never blocks at all.
//
// The zero Pacer is not usable; create it with NewPacer. Probes and packets that hold only ACKs are not paced, but
// everything in flight is reported to OnSent.
type Pacer struct {
	datagram int // bytes
	window   int // bytes, as last told
	rate     uint64
	burst    int
	tokens   int       // bytes that may leave now; negative in debt
	rest     uint64    // the fraction of a token, in 10^-9
	filled   mono.Time // up to when the bucket has been filled
}

// NewPacer returns a pacer with a full bucket for a path that begins with the initial window. initialRTT is what is
// assumed of the round trip.
func NewPacer(now mono.Time, maxDatagramSize int, initialRTT time.Duration) Pacer {
	p := Pacer{datagram: maxDatagramSize, filled: now}
	p.Update(now, InitialWindow(maxDatagramSize), initialRTT, true)
	// RFC 9002 s7.7: bursts SHOULD be limited to the initial window: its one, of ten datagrams, of which ours is three.
	p.tokens = p.burst
	return p
}

// Update sets the rate from the congestion window in bytes and the smoothed round-trip time, which is more than zero.
// Call it when either changed: once an ACK frame.
func (p *Pacer) Update(now mono.Time, window int, smoothed time.Duration, slowStart bool) {
	p.fill(now)
	p.window = window
	// RFC 9002 s7.7: N = 1.25, so that variations in RTT do not leave the window underused; 2 in slow start, where the
	// window doubles every round trip.
	scaled := uint64(window) + uint64(window)/4
	if slowStart {
		scaled = uint64(window) * 2
	}
	p.rate = max(min(scaled*uint64(time.Second)/uint64(max(smoothed, 1)), maxRate), 1)
	p.burst = max(min(burstDatagrams*p.datagram, max(burstBytes, 2*p.datagram)), p.earns(burstTime))
	p.tokens = max(min(p.tokens, p.burst), -p.burst) // a debt shrinks with its bucket
}

// SetMaxDatagramSize tells the path's largest datagram, in bytes.
func (p *Pacer) SetMaxDatagramSize(bytes int) { p.datagram = bytes }

// Rate returns the pacing rate in bytes a second.
func (p *Pacer) Rate() int { return int(p.rate) }

// Budget returns how many bytes may leave now; zero if less than one datagram.
func (p *Pacer) Budget(now mono.Time) int {
	p.fill(now)
	if budget := p.tokens + p.earns(Granularity); budget >= p.datagram {
		return budget
	}
	return 0
}

// OnSent takes the bytes of packets in flight out of the bucket.
func (p *Pacer) OnSent(now mono.Time, bytes int) {
	p.fill(now)
	// A probe may leave without budget. The debt is bounded, so that a run of probes does not silence the path.
	p.tokens = max(p.tokens-bytes, -p.burst)
}

// NextSend returns when a sender that found no budget for so many bytes may try again: now, if there is budget, and
// else at least one Granularity later.
func (p *Pacer) NextSend(now mono.Time, bytes int) mono.Time {
	bytes = min(bytes, p.burst)
	if p.Budget(now) >= bytes {
		return now
	}
	// There is no budget of less than a datagram: who wants less waits for it at once, not in steps of a Granularity.
	missing := max(max(bytes, p.datagram-p.earns(Granularity))-p.tokens, 0)
	hi, lo := bits.Mul64(uint64(missing), uint64(time.Second))
	wait, left := bits.Div64(hi, lo, p.rate)
	if left > 0 {
		wait++
	}
	return now.Add(max(time.Duration(wait), Granularity))
}

// Quantum returns how many bytes to send in one go: what the rate earns in a Granularity, at least two datagrams and
// at most one batch, but never more than a quarter of the window (and again two datagrams).
func (p *Pacer) Quantum() int {
	quantum := min(max(p.earns(Granularity), 2*p.datagram), MaxQuantum)
	return min(quantum, max(p.window/4, 2*p.datagram))
}

// fill adds what the rate earned since the last call.
func (p *Pacer) fill(now mono.Time) {
	elapsed := now.Sub(p.filled)
	if elapsed <= 0 {
		return
	}
	p.filled = now
	hi, lo := bits.Mul64(p.rate, uint64(elapsed))
	lo, carry := bits.Add64(lo, p.rest, 0)
	hi += carry
	if hi >= uint64(time.Second) {
		p.tokens, p.rest = p.burst, 0
		return
	}
	earned, rest := bits.Div64(hi, lo, uint64(time.Second))
	p.rest = rest
	if earned >= uint64(p.burst-p.tokens) {
		p.tokens, p.rest = p.burst, 0
		return
	}
	p.tokens += int(earned)
}

// earns returns how many bytes the rate allows in d, which is at most burstTime.
func (p *Pacer) earns(d time.Duration) int {
	return int(p.rate * uint64(d) / uint64(time.Second))
}
