package buffer

import (
	"strings"
	"testing"

	"quicpro/internal/actor"
	"quicpro/wire"
)

func wants(t *testing.T, err error, want string) {
	t.Helper()
	if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("Check says %v, want %q", err, want)
	}
}

func TestCheckOfRanges(t *testing.T) {
	s := NewRangeSet[wire.PacketNumber](4)
	s.Add(1, 3)
	s.Add(5, 6)
	wants(t, s.Check(), "")
	s.r[1].Lo = 3
	wants(t, s.Check(), "[3, 6) is empty, or not beyond the one before")
	s.r[1].Lo = 6
	wants(t, s.CheckAll(), "[6, 6) is empty")
	s.max = 1
	wants(t, s.Check(), "2, at most 1")
}

func TestCheckOfAReassembly(t *testing.T) {
	for _, c := range []struct {
		want string // "" if nothing is broken
		harm func(r *Reassembly)
	}{
		{"", func(*Reassembly) {}},
		{"read to 101, in order to 100", func(r *Reassembly) { r.read = 101 }},
		{"in order to 351, highest 350", func(r *Reassembly) { r.ordered = 351 }},
		{"highest 350, final size 400", func(r *Reassembly) { r.sized, r.final = true, 400 }},
		{"2 gaps, at most 1", func(r *Reassembly) { r.maxGaps = 1 }},
		{"3 segments, 2 gaps and 90 bytes of what is discarded", func(r *Reassembly) { r.discards = true }},
		{"nothing held, 2 gaps and 90 bytes", func(r *Reassembly) { r.segments = nil; r.head = 0 }},
		{"bytes held to 350, highest 349", func(r *Reassembly) { r.highest = 349 }},
		{"a segment at 90, the one before ends at 100", func(r *Reassembly) { r.segments[1].off = 90 }},
		{"a segment at 200 in a chunk that nobody holds", func(r *Reassembly) { r.segments[1].chunk = nil }},
		{"segment 1 at 200 is [0, 5000) of 128", func(r *Reassembly) { r.segments[1].end = 5000; r.segments[2].off, r.highest = 9000, 9050 }},
		{"in order to 100 with 1 gaps beyond; the segments are to 100 with 2", func(r *Reassembly) { r.gaps = 1 }},
		{"in order to 90 with 2 gaps", func(r *Reassembly) { r.ordered = 90 }},
	} {
		var chunks actor.Chunks
		r := NewReassembly(4)
		data := streamBytes(400)
		r.Insert(0, data[:100], &chunks)
		r.Insert(200, data[200:250], &chunks)
		r.Insert(300, data[300:350], &chunks)
		r.Read(make([]byte, 10))
		c.harm(&r)
		wants(t, r.Check(), c.want)
		wants(t, r.CheckAll(), c.want)
	}
}

func TestCheckOfASendBuffer(t *testing.T) {
	for _, c := range []struct {
		want string // "" if nothing is broken
		harm func(b *SendBuffer)
	}{
		{"", func(*SendBuffer) {}},
		{"acknowledged to 100, sent to 99", func(b *SendBuffer) { b.bytes.sent = 99 }},
		{"acknowledged ranges: [800, 700) is empty", func(b *SendBuffer) { b.bytes.fates().acked.r[0].Hi = 700 }},
		{"lost ranges: [300, 300) is empty", func(b *SendBuffer) { b.bytes.fates().lost.r[0].Hi = 300 }},
		{"acknowledged from 100 to", func(b *SendBuffer) { b.bytes.fates().acked.r[0].Lo = 100 }},
		{"lost from 99 to", func(b *SendBuffer) { b.bytes.fates().lost.r[0].Lo = 99 }},
		{"[300, 900) is lost, [800, 1500) acknowledged", func(b *SendBuffer) { b.bytes.fates().lost.r[0].Hi = 900 }},
		{"1501 bytes held, the chunks have 1500", func(b *SendBuffer) { b.held++ }},
		{"1499 bytes held, the chunks have 1500", func(b *SendBuffer) { b.held-- }},
		{"no chunk, 1500 bytes held, 1900 not acknowledged", func(b *SendBuffer) { b.chunks, b.head = nil, 0 }},
		{"chunks from [0, 500) to 2000; acknowledged to 100, written to 2001", func(b *SendBuffer) { b.bytes.end = 2001 }},
		{"chunk [501, 1000) does not follow", func(b *SendBuffer) { b.chunks[1].lo = 501 }},
		{"chunk [1000, 1500) is held: true, acknowledged: true", func(b *SendBuffer) { b.chunks[2].chunk = b.chunks[3].chunk }},
		{"chunk [0, 500) has 1 bytes and 1 holders", func(b *SendBuffer) { b.chunks[0].chunk.B = b.chunks[0].chunk.B[:1] }},
		{"chunk [0, 500) has 0 bytes and 0 holders", func(b *SendBuffer) { b.chunks[0].chunk.Release() }},
		{"1500 bytes in 4 chunks after a reset", func(b *SendBuffer) { b.reset = true }},
	} {
		var chunks actor.Chunks
		var b SendBuffer
		data := streamBytes(2000)
		for i := range 4 {
			write(&b, &chunks, data[500*i:500*(i+1)])
		}
		for {
			s, ok := b.Next(400, 1700)
			if !ok || b.Sent() >= 1700 {
				break
			}
			s.Chunk.Release()
		}
		b.Acked(0, 100, false)
		b.Acked(800, 1500, false)
		b.Lost(300, 400, false)
		c.harm(&b)
		wants(t, b.Check(), c.want)
		wants(t, b.CheckAll(), c.want)
	}
}

func TestCheckOfCryptoBytes(t *testing.T) {
	for _, c := range []struct {
		want string // "" if nothing is broken
		harm func(c *CryptoSend)
	}{
		{"", func(*CryptoSend) {}},
		{"acknowledged to 0, sent to 101, written to 100", func(c *CryptoSend) { c.bytes.sent = 101 }},
		{"bytes [0, +99) are kept", func(c *CryptoSend) { c.buf = c.buf[:99] }},
		{"65537 bytes are not acknowledged", func(c *CryptoSend) { c.buf = make([]byte, 65537); c.bytes.end = 65537 }},
	} {
		var k CryptoSend
		k.Write(streamBytes(100))
		k.Next(60)
		c.harm(&k)
		wants(t, k.Check(), c.want)
	}
}

func BenchmarkCheck(b *testing.B) {
	var chunks actor.Chunks
	r := NewReassembly(4)
	var s SendBuffer
	data := streamBytes(2000)
	r.Insert(0, data[:1000], &chunks)
	write(&s, &chunks, data)
	s.Next(1000, 1000)
	b.ReportAllocs()
	for b.Loop() {
		if r.Check() != nil || s.Check() != nil {
			b.Fatal("not in order")
		}
	}
}
