package wire

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

func TestPacketNumberVectors(t *testing.T) {
	v := loadVectors(t).PacketNumbers
	for _, c := range v.Encode {
		n := NumberLen(c.PacketNumber, c.LargestAcked)
		if n != c.BytesNeeded {
			t.Errorf("NumberLen(%d, %d) = %d, want %d", c.PacketNumber, c.LargestAcked, n, c.BytesNeeded)
		}
		if b := AppendNumber(nil, c.PacketNumber, n); !bytes.Equal(b, c.Encoded) {
			t.Errorf("AppendNumber(%d) = %x, want %x", c.PacketNumber, b, c.Encoded)
		}
	}
	for _, c := range v.Decode {
		if got := DecodeNumber(c.Largest, c.Truncated, c.Bits/8); got != c.PacketNumber {
			t.Errorf("DecodeNumber(%d, %x) = %d, want %d", c.Largest, c.Truncated, got, c.PacketNumber)
		}
	}
}

func TestNumberLenBoundaries(t *testing.T) {
	for _, c := range []struct {
		pn, acked PacketNumber
		want      int
	}{
		{0, NoPacketNumber, 1}, {126, NoPacketNumber, 1}, {127, NoPacketNumber, 2},
		// Exactly half the range is not "more than twice as large".
		{127, 0, 1}, {128, 0, 2}, {1<<15 - 1, 0, 2}, {1 << 15, 0, 3},
		{1<<23 - 1, 0, 3}, {1 << 23, 0, 4}, {1<<31 - 1, 0, 4},
		{MaxPacketNumber, MaxPacketNumber - 1, 1},
	} {
		if got := NumberLen(c.pn, c.acked); got != c.want {
			t.Errorf("NumberLen(%d, %d) = %d, want %d", c.pn, c.acked, got, c.want)
		}
	}
	mustPanic(t, "number not ahead", func() { NumberLen(5, 5) })
	mustPanic(t, "number too far ahead", func() { NumberLen(1<<31, 0) })
	mustPanic(t, "length 5", func() { AppendNumber(nil, 0, 5) })
}

// Whatever was acknowledged, a receiver that has opened any number from the
// largest acknowledged up to the packet's predecessor recovers it exactly.
func TestPacketNumberSurvivesTruncation(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		acked := PacketNumber(r.Int64N(1<<62-1<<31)) >> r.IntN(62)
		if r.IntN(10) == 0 {
			acked = NoPacketNumber
		}
		pn := acked + 1 + PacketNumber(r.Int64N(1<<31-1))>>r.IntN(31)
		opened := acked + PacketNumber(r.Int64N(int64(pn-acked)))
		n := NumberLen(pn, acked)
		b := AppendNumber(nil, pn, n)
		if got := DecodeNumber(opened, ReadNumber(b, n), n); got != pn {
			t.Fatalf("acked %d, opened %d: %d in %d bytes reads %d", acked, opened, pn, n, got)
		}
	}
}

// A late packet, behind the largest number opened, is recovered too; and no
// input leads outside 0 to 2^62-1.
func TestDecodeNumberEdges(t *testing.T) {
	for _, c := range []struct {
		largest   PacketNumber
		truncated uint32
		n         int
		want      PacketNumber
	}{
		{0x1ff, 0xfe, 1, 0x1fe},
		{0x1ff, 0x80, 1, 0x280},
		{0x1ff, 0x81, 1, 0x181},
		{NoPacketNumber, 0, 1, 0},
		{NoPacketNumber, 0xff, 1, 0xff}, // nothing lies below 0
		{MaxPacketNumber, 0x00, 1, MaxPacketNumber - 0xff},
		{MaxPacketNumber - 1, 0xff, 1, MaxPacketNumber},
		{MaxPacketNumber - 1, 0, 4, MaxPacketNumber - 0xffffffff},
	} {
		if got := DecodeNumber(c.largest, c.truncated, c.n); got != c.want {
			t.Errorf("DecodeNumber(%#x, %#x, %d) = %#x, want %#x", c.largest, c.truncated, c.n, got, c.want)
		}
	}
}
