package wire

import (
	"math"
	"time"
)

// AckRange is a run of consecutive packet numbers, Lo and Hi included.
type AckRange struct {
	Lo, Hi PacketNumber
}

// ECNCounts are the totals of packets received with each ECN codepoint in one
// packet number space (RFC 9000 s19.3.2).
type ECNCounts struct {
	ECT0, ECT1, CE uint64
}

// Ack is an ACK frame as received. Its ranges alias the packet; Ranges walks
// them. An Ack from ParseAck is sound: no range reaches below packet number 0,
// and each lies below the one before it with a gap between.
type Ack struct {
	// Largest is the largest packet number acknowledged.
	Largest PacketNumber
	// Delay is the ACK Delay field, not yet scaled by ack_delay_exponent.
	Delay uint64
	// Count is how many ranges Ranges yields, at least 1.
	Count int
	// HasECN says whether the frame carries ECN counts (type 0x03).
	HasECN bool
	// ECN is all zero unless HasECN.
	ECN ECNCounts

	// ranges is First ACK Range, then the pairs of Gap and ACK Range Length.
	ranges []byte
}

// ParseAck decodes an ACK frame of either type and checks all its ranges.
func ParseAck(b []byte) (f Ack, n int, err error) {
	t := TypeAck
	if len(b) > 0 && FrameType(b[0]) == TypeAckECN {
		t, f.HasECN = TypeAckECN, true
	}
	c := openFrame(b, TypeAck, 1)
	f.Largest = PacketNumber(c.varint())
	f.Delay = c.varint()
	more := c.varint()
	// A range takes at least two bytes: a larger count cannot be true.
	if more > uint64(len(c.b)-c.at)/2 {
		c.fail("truncated")
	}
	start := c.at
	low := int64(f.Largest) - int64(c.varint())
	f.Count = 1
	// A fault leaves zeros to read: nothing but the peer's own numbers would end the walk.
	for ; more > 0 && low >= 0 && c.fault == ""; more-- {
		// RFC 9000 s19.3.1: the next range ends Gap + 2 below this one's start.
		low -= int64(c.varint()) + 2
		if low < 0 {
			break
		}
		low -= int64(c.varint())
		f.Count++
	}
	if low < 0 {
		// RFC 9000 s19.3.1: a negative packet number is a FRAME_ENCODING_ERROR.
		c.fail("range below packet number 0")
	}
	if c.fault != "" {
		n, err = c.close(t)
		return Ack{}, n, err
	}
	f.ranges = c.b[start:c.at:c.at]
	if f.HasECN {
		f.ECN.ECT0 = c.varint()
		f.ECN.ECT1 = c.varint()
		f.ECN.CE = c.varint()
	}
	n, err = c.close(t)
	return f, n, err
}

// DelayTime returns the acknowledgement delay under the sender's
// ack_delay_exponent, 0 to 20. Values beyond a time.Duration saturate.
func (f Ack) DelayTime(exponent uint8) time.Duration {
	const most = math.MaxInt64 / uint64(time.Microsecond)
	if f.Delay > most>>exponent {
		return math.MaxInt64
	}
	return time.Duration(f.Delay<<exponent) * time.Microsecond
}

// AckRanges walks the ranges of an Ack, largest first.
type AckRanges struct {
	rest []byte
	left int
	// before is the lower end of the range before; at the start, Largest.
	before PacketNumber
	first  bool
}

// Ranges returns a walk over the ranges, largest first. It is valid as long as
// the packet the frame was parsed from.
func (f Ack) Ranges() AckRanges {
	return AckRanges{rest: f.ranges, left: f.Count, before: f.Largest, first: true}
}

// Next returns the next range; ok is false after the last.
func (r *AckRanges) Next() (a AckRange, ok bool) {
	if r.left == 0 {
		return AckRange{}, false
	}
	r.left--
	hi := r.before
	if r.first {
		r.first = false
	} else {
		gap, n := ConsumeVarint(r.rest)
		r.rest = r.rest[n:]
		hi -= PacketNumber(gap) + 2
	}
	size, n := ConsumeVarint(r.rest)
	r.rest = r.rest[n:]
	r.before = hi - PacketNumber(size)
	return AckRange{Lo: r.before, Hi: hi}, true
}

// Append appends the frame with the ranges it was parsed with.
func (f Ack) Append(b []byte) []byte {
	if f.Count < 1 {
		panic("wire: append of an ACK that was not parsed")
	}
	b = appendAckHead(b, f.Largest, f.Delay, f.Count, f.HasECN)
	b = append(b, f.ranges...)
	if f.HasECN {
		b = f.ECN.append(b)
	}
	return b
}

// Len returns the size in bytes that Append adds.
func (f Ack) Len() int {
	n := 1 + VarintLen(uint64(f.Largest)) + VarintLen(f.Delay) + VarintLen(uint64(f.Count-1)) + len(f.ranges)
	if f.HasECN {
		n += f.ECN.len()
	}
	return n
}

// AppendAck appends an ACK frame of at most budget bytes and returns how many
// of the ranges it holds. ranges has the largest numbers first, and a gap
// between neighbours; those that do not fit are left out, oldest first. delay
// is the ACK Delay field, already scaled. ecn is nil for a frame without
// counts. If not even the first range fits, nothing is appended.
//
// It panics if ranges is empty, out of order or overlapping.
func AppendAck(b []byte, ranges []AckRange, delay uint64, ecn *ECNCounts, budget int) ([]byte, int) {
	fit := fitAck(ranges, delay, ecn, budget)
	if fit == 0 {
		return b, 0
	}
	first := ranges[0]
	b = appendAckHead(b, first.Hi, delay, fit, ecn != nil)
	b = AppendVarint(b, uint64(first.Hi-first.Lo))
	for i := 1; i < fit; i++ {
		r := ranges[i]
		b = AppendVarint(b, ackGap(ranges[i-1], r))
		b = AppendVarint(b, uint64(r.Hi-r.Lo))
	}
	if ecn != nil {
		b = ecn.append(b)
	}
	return b, fit
}

// fitAck counts the ranges that fit into budget bytes.
func fitAck(ranges []AckRange, delay uint64, ecn *ECNCounts, budget int) int {
	if len(ranges) == 0 || ranges[0].Lo < 0 || ranges[0].Lo > ranges[0].Hi {
		panic("wire: ACK without a valid first range")
	}
	first := ranges[0]
	size := 1 + VarintLen(uint64(first.Hi)) + VarintLen(delay) + VarintLen(uint64(first.Hi-first.Lo))
	if ecn != nil {
		size += ecn.len()
	}
	if size+1 > budget {
		return 0
	}
	fit := 1
	for ; fit < len(ranges); fit++ {
		r := ranges[fit]
		size += VarintLen(ackGap(ranges[fit-1], r)) + VarintLen(uint64(r.Hi-r.Lo))
		if size+VarintLen(uint64(fit)) > budget {
			break
		}
	}
	return fit
}

// ackGap returns the Gap field between a range and the next lower one.
func ackGap(upper, lower AckRange) uint64 {
	gap := upper.Lo - lower.Hi - 2
	if gap < 0 || lower.Lo < 0 || lower.Lo > lower.Hi {
		panic("wire: ACK ranges out of order")
	}
	return uint64(gap)
}

func appendAckHead(b []byte, largest PacketNumber, delay uint64, count int, ecn bool) []byte {
	t := TypeAck
	if ecn {
		t = TypeAckECN
	}
	b = append(b, byte(t))
	b = AppendVarint(b, uint64(largest))
	b = AppendVarint(b, delay)
	return AppendVarint(b, uint64(count-1))
}

func (e ECNCounts) append(b []byte) []byte {
	b = AppendVarint(b, e.ECT0)
	b = AppendVarint(b, e.ECT1)
	return AppendVarint(b, e.CE)
}

func (e ECNCounts) len() int {
	return VarintLen(e.ECT0) + VarintLen(e.ECT1) + VarintLen(e.CE)
}
