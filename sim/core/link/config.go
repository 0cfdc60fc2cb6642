package link

import (
	"time"

	"quicpro/internal/mono"
)

// Config says what one direction of a link does. The zero value is a perfect link: no delay, no limit, no fault.
// Probabilities are from 0 to 1, and are asked once a datagram.
type Config struct {
	// Delay is how long a datagram travels once it has left the queue.
	Delay time.Duration
	// Jitter is the most that is added to Delay, uniformly, for each datagram. The order is kept: a datagram that would
	// overtake arrives together with the one in front.
	Jitter time.Duration

	// Rate is how fast the link sends; 0: infinitely, without a queue.
	Rate Rate
	// Queue is how many bytes may wait, the datagram being sent included; an idle link takes any. 0: what Rate sends in
	// 2 Delay, and at least 64 KiB.
	Queue int
	// AQM is how the queue is managed.
	AQM AQM
	// Policer, if set, drops what exceeds a rate before it can queue.
	Policer *Policer

	// Loss is the probability that a datagram is lost on its own.
	Loss float64
	// Burst, if set, loses datagrams in bursts.
	Burst *GilbertElliott
	// Drop lists datagrams to lose by what they contain.
	Drop []Target
	// Outages are times in which the link is down. What is sent, or would leave the queue, meanwhile is lost; what is
	// already travelling arrives. A partition is an outage of one direction.
	Outages []Outage

	// Reorder is the probability that a datagram is held back until one to five later ones have overtaken it. If nothing
	// follows it, it arrives 2 Delay late, at least 20 ms.
	Reorder float64
	// Overtake is the probability that a datagram skips Delay and overtakes what travels, as over a shorter path.
	Overtake float64
	// Duplicate is the probability that a datagram arrives twice, the second time up to Delay/4 later, at least up to 1 ms.
	Duplicate float64
	// Corrupt is the probability that one bit or one byte of a datagram is changed.
	Corrupt float64

	// MTU is the largest datagram that passes, in bytes of UDP payload; larger ones vanish. 0: 1472, as on an Ethernet.
	MTU int
	// MTUChanges are later values of MTU, in the order of their times.
	MTUChanges []MTUChange

	// Changes are later values of Delay and Rate, in the order of their times: another path.
	Changes []Change

	// MarkCE is the probability that a datagram with ECT(0) or ECT(1) is marked CE.
	MarkCE float64
	// ECN says what the link does to the ECN field of all datagrams, behind its queue and MarkCE.
	ECN Rewrite
}

// Rate is in bits a second, of UDP payload.
type Rate int64

// The units of a Rate.
const (
	Kbit Rate = 1000
	Mbit Rate = 1000 * Kbit
	Gbit Rate = 1000 * Mbit
)

// time is how long size bytes take. Rates are positive, datagrams below 64 KiB: the product fits.
func (r Rate) time(size int) time.Duration {
	return time.Duration(int64(size) * 8 * int64(time.Second) / int64(r))
}

// AQM is how a queue is managed.
type AQM uint8

const (
	// TailDrop takes datagrams until the queue is full.
	TailDrop AQM = iota
	// CoDel is RFC 8289 with its defaults, a target of 5 ms and an interval of 100 ms. It drops, and does not mark.
	CoDel
	// RED signals the more often the longer the queue is on average: not below a quarter of it, one datagram in ten at three
	// quarters, every one beyond. A signal is a CE mark on a datagram that bears one, and the loss of another. Which
	// datagrams it meets is not drawn: the signals are evenly spaced.
	RED
)

// Policer is a token bucket that drops instead of queueing.
type Policer struct {
	Rate  Rate // of the tokens
	Burst int  // the size of the bucket in bytes, full at the start
}

// GilbertElliott is a channel with a good and a bad state, which may change before each datagram. It starts good. With
// LossGood 0 and LossBad 1 it loses EnterBad/(EnterBad+LeaveBad) of all datagrams, in bursts of 1/LeaveBad on average.
type GilbertElliott struct {
	EnterBad, LeaveBad float64 // the probabilities of a change
	LossGood, LossBad  float64 // the probability of a loss in either state
}

// Target names one datagram to lose: the N-th, counted from 1, of those sent on the link that contain a packet of the Kind.
// "The 2nd datagram with a Handshake packet" is {Handshake, 2}. Retransmissions count like any other.
type Target struct {
	Kind Kind // or several: Initial | Handshake means a datagram with either
	N    uint64
}

// Outage is a time in which a link is down: from From on and before Until; with Until 0 for ever.
type Outage struct{ From, Until mono.Time }

// MTUChange is what the MTU is from At on.
type MTUChange struct {
	At  mono.Time
	MTU int // as in Config
}

// Change is what Delay and Rate are from At on. What was sent before goes as it was meant to; nothing overtakes it.
type Change struct {
	At    mono.Time
	Delay time.Duration // as in Config
	Rate  Rate          // as in Config
}

// Rewrite is what a link does to the ECN field.
type Rewrite uint8

const (
	// KeepECN leaves the field alone.
	KeepECN Rewrite = iota
	// Bleach clears the field of all datagrams, CE included.
	Bleach
	// Remark turns ECT(0) into ECT(1).
	Remark
)
