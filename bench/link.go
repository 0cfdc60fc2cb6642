package main

import (
	"math/rand/v2"
	"time"
)

// A link is one direction of a path, without the datagrams: it says when each
// leaves it. Rate counts the datagrams' payloads, as peers' figures do.
type link struct {
	Rate  float64       // bytes a second
	Queue float64       // bytes that wait to be sent; a datagram for which there is no room is dropped
	Delay time.Duration // from the last byte sent to the arrival
	Loss  float64       // share that vanishes, each by itself
}

// W8's path.
const (
	linkRate  = 100e6 / 8
	linkDelay = 25 * time.Millisecond
	linkQueue = 2 * linkRate * float64(linkDelay) / float64(time.Second) // what the path itself holds: 625,000 bytes

	linkMTU = 1472 // bytes of payload, as an Ethernet's over IPv4: what is larger vanishes

	// payloadShare is what is left of the rate for bodies: of the largest datagram of both HTTP/3 stacks, 1,452 bytes, about
	// 37 are QUIC's header and tag and the STREAM frame's header.
	payloadShare = 1 - 37.0/1452
)

func slowLink(loss float64) *link { return &link{linkRate, linkQueue, linkDelay, loss} }

// Dropped counts datagrams.
type Dropped struct{ Tail, Lost int64 }

// A queue is a link in use. Time is an argument.
type queue struct {
	link
	rng  *rand.Rand
	busy time.Time // until then it sends what came before
	Dropped
}

// offer takes a datagram of so many bytes and returns when it arrives; ok is
// false if it does not.
func (q *queue) offer(now time.Time, size int) (at time.Time, ok bool) {
	if size > linkMTU {
		return at, false
	}
	if q.Loss > 0 && q.rng.Float64() < q.Loss {
		q.Lost++
		return at, false
	}
	if q.busy.Before(now) {
		q.busy = now
	}
	if q.busy.Sub(now).Seconds()*q.Rate+float64(size) > q.Queue {
		q.Tail++
		return at, false
	}
	q.busy = q.busy.Add(time.Duration(float64(size) / q.Rate * float64(time.Second)))
	return q.busy.Add(q.Delay), true
}

func seeded(n uint64) *rand.Rand { return rand.New(rand.NewPCG(n, n)) }
