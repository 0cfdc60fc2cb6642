package oracle

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"quicpro/wire"
	"quicpro/wire/h3wire"
)

// Stats counts what happened, for coverage. The zero value is empty.
type Stats struct {
	// Sides is how many sides were opened.
	Sides uint64
	// Packets are by level.
	Packets [wire.NumLevels]PacketCount
	// Frames are by type; all STREAM types under wire.TypeStream. Every count is of packets: one with five
	// MAX_STREAM_DATA counts once.
	Frames [numKinds]FrameCount
	// KeyUpdates are those of 1-RTT keys.
	KeyUpdates UpdateCount
	// Dropped are the packets and datagrams that were not used, by reason, sorted.
	Dropped []NamedCount
	// H3Sent and H3Received are the HTTP/3 frames by name, sorted.
	H3Sent, H3Received []NamedCount
}

// PacketCount counts the packets of a level.
type PacketCount struct {
	Sent, SentBytes, Received, ReceivedBytes, Lost uint64
}

// UpdateCount counts key updates: those that a side has begun, those of the peer that it has followed, and those of the begun ones that the
// peer had begun too.
type UpdateCount struct{ Begun, Followed, Crossed uint64 }

// FrameCount counts the packets with a frame of a type.
type FrameCount struct {
	// Sent are all of them, and Lost those that were declared lost.
	Sent, Lost uint64
	// Renewed are those that carry something again: bytes of STREAM or CRYPTO below the highest sent, a FIN once more, or
	// another frame of a kind that was lost and not sent since. A probe may renew what is not lost. STREAM and CRYPTO are
	// counted by frame.
	Renewed uint64
}

// NamedCount is how often something with a name happened.
type NamedCount struct {
	Name string
	N    uint64
}

// Add adds what another has counted.
func (t *Stats) Add(o *Stats) {
	t.Sides += o.Sides
	for i := range t.Packets {
		p, q := &t.Packets[i], &o.Packets[i]
		p.Sent += q.Sent
		p.SentBytes += q.SentBytes
		p.Received += q.Received
		p.ReceivedBytes += q.ReceivedBytes
		p.Lost += q.Lost
	}
	for i := range t.Frames {
		f, g := &t.Frames[i], &o.Frames[i]
		f.Sent += g.Sent
		f.Lost += g.Lost
		f.Renewed += g.Renewed
	}
	t.KeyUpdates.Begun += o.KeyUpdates.Begun
	t.KeyUpdates.Followed += o.KeyUpdates.Followed
	t.KeyUpdates.Crossed += o.KeyUpdates.Crossed
	merge(&t.Dropped, o.Dropped)
	merge(&t.H3Sent, o.H3Sent)
	merge(&t.H3Received, o.H3Received)
}

// String is one line a thing that was counted, sorted, the same for the same counts.
func (t *Stats) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "sides %d\n", t.Sides)
	for i, p := range t.Packets {
		if p != (PacketCount{}) {
			fmt.Fprintf(&b, "packet %v: sent %d (%d bytes), received %d (%d bytes), lost %d\n",
				wire.Level(i), p.Sent, p.SentBytes, p.Received, p.ReceivedBytes, p.Lost)
		}
	}
	if u := t.KeyUpdates; u != (UpdateCount{}) {
		fmt.Fprintf(&b, "key updates: begun %d, followed %d, begun by both sides %d\n", u.Begun, u.Followed, u.Crossed)
	}
	for i, f := range t.Frames {
		if f != (FrameCount{}) {
			fmt.Fprintf(&b, "frame %v: sent %d, lost %d, renewed %d\n", wire.FrameType(i), f.Sent, f.Lost, f.Renewed)
		}
	}
	for _, list := range []struct {
		what   string
		counts []NamedCount
	}{{"h3 sent", t.H3Sent}, {"h3 received", t.H3Received}, {"dropped", t.Dropped}} {
		for _, c := range list.counts {
			fmt.Fprintf(&b, "%s %s: %d\n", list.what, c.Name, c.N)
		}
	}
	return b.String()
}

func (t *Stats) sent(level wire.Level, size int, kinds uint32) {
	p := &t.Packets[level]
	p.Sent++
	p.SentBytes += uint64(max(size, 0))
	for ; kinds != 0; kinds &= kinds - 1 {
		t.Frames[bits.TrailingZeros32(kinds)].Sent++
	}
}

func (t *Stats) received(level wire.Level, size int) {
	p := &t.Packets[level]
	p.Received++
	p.ReceivedBytes += uint64(max(size, 0))
}

func (t *Stats) lost(level wire.Level, kinds uint32) {
	t.Packets[level].Lost++
	for ; kinds != 0; kinds &= kinds - 1 {
		t.Frames[bits.TrailingZeros32(kinds)].Lost++
	}
}

func (t *Stats) drop(reason string) { tally(&t.Dropped, reason, 1) }

func (t *Stats) h3(f h3wire.FrameType, sent bool) {
	if sent {
		tally(&t.H3Sent, f.String(), 1)
	} else {
		tally(&t.H3Received, f.String(), 1)
	}
}

// maxNames bounds the names of a list; the rest is summed up.
const maxNames = 128

// tally adds n to the count of a name, in a sorted list.
func tally(list *[]NamedCount, name string, n uint64) {
	find := func(name string) (int, bool) {
		return slices.BinarySearchFunc(*list, name, func(c NamedCount, name string) int { return cmp.Compare(c.Name, name) })
	}
	i, ok := find(name)
	if !ok && len(*list) >= maxNames {
		name = "other"
		i, ok = find(name)
	}
	if !ok {
		*list = slices.Insert(*list, i, NamedCount{Name: name})
	}
	(*list)[i].N += n
}

func merge(to *[]NamedCount, from []NamedCount) {
	for _, c := range from {
		tally(to, c.Name, c.N)
	}
}

// kindNames lists the frame types of a packet.
func kindNames(kinds uint32) string {
	var names []string
	for ; kinds != 0; kinds &= kinds - 1 {
		names = append(names, wire.FrameType(bits.TrailingZeros32(kinds)).String())
	}
	return strings.Join(names, ", ")
}
