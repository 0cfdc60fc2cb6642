package hostile

import (
	"slices"

	"quicpro/actors/port"
	"quicpro/wire"
)

const (
	tagLen = 16
	// samples is how many bytes of number and payload header protection needs in front of the tag (RFC 9001 s5.4.2).
	samples = 4
	// lengthWidth is the width of the Length field of long headers, in front of the number.
	lengthWidth = 2
	// most is the largest datagram that is written, in bytes.
	most = 1400
	// maxSegments and maxRun bound a run: one system call.
	maxSegments = 64
	maxRun      = 65_000
)

// packet is one packet in plaintext.
type packet struct {
	level  wire.Level
	number wire.PacketNumber
	header []byte // up to the packet number
	width  int    // of the packet number
	frames []byte
	size   int // in bytes, as it was
}

// datagram is the packets that travel together.
type datagram struct {
	path    port.Path
	ecn     uint8
	packets []*packet
}

func (d *datagram) size() (n int) {
	for _, p := range d.packets {
		n += p.len()
	}
	return n
}

// len is the size on the wire.
func (p *packet) len() int { return len(p.header) + p.width + len(p.frames) + p.padding() + tagLen }

// padding is what header protection needs.
func (p *packet) padding() int { return max(samples-p.width-len(p.frames), 0) }

// open takes a batch apart. The bytes are copies.
func open(t *port.TxBatch) (all []*datagram) {
	next := 0
	for _, r := range t.Runs {
		for at := r.Off; at < r.Off+r.Len; at += r.SegmentSize {
			end := min(at+r.SegmentSize, r.Off+r.Len)
			d := &datagram{path: r.Path, ecn: r.ECN}
			for ; next < len(t.Packets) && t.Packets[next].Off < end; next++ {
				d.packets = append(d.packets, openPacket(t.B, &t.Packets[next]))
			}
			all = append(all, d)
		}
	}
	return all
}

func openPacket(b []byte, q *port.TxPacket) *packet {
	numberAt := q.Off + q.NumberOff
	return &packet{
		level: q.Level, number: q.Number, width: int(q.NumberLen), size: q.Len,
		header: slices.Clone(b[q.Off:numberAt]),
		frames: slices.Clone(b[numberAt+int(q.NumberLen) : q.Off+q.Len-tagLen]),
	}
}

// seal puts a batch together again.
func seal(t *port.TxBatch, all []*datagram) {
	size := 0
	for _, d := range all {
		size += d.size()
	}
	b := t.B[:0]
	if size > cap(b) {
		b = make([]byte, 0, size)
	}
	t.Runs, t.Packets = t.Runs[:0], t.Packets[:0]
	for _, d := range all {
		at := len(b)
		for _, p := range d.packets {
			b = p.seal(b, t)
		}
		if len(b) > at {
			addRun(t, d, at, len(b)-at)
		}
	}
	t.B = b
}

// seal writes a packet, with room for its tag.
func (p *packet) seal(b []byte, t *port.TxBatch) []byte {
	start := len(b)
	b = append(b, p.header...)
	b[start] = b[start]&^3 | byte(p.width-1) // RFC 9000 s17.2, s17.3.1: Packet Number Length
	numberAt := len(b)
	b = wire.AppendNumber(b, p.number, p.width)
	b = wire.Padding{Count: p.padding()}.Append(append(b, p.frames...))
	b = append(b, make([]byte, tagLen)...)
	if p.level != wire.LevelApp {
		wire.PatchLength(b, numberAt-lengthWidth, len(b)-numberAt)
	}
	t.Packets = append(t.Packets, port.TxPacket{
		Off: start, Len: len(b) - start, NumberOff: numberAt - start, NumberLen: uint8(p.width), Level: p.level, Number: p.number,
	})
	return b
}

// addRun adds a datagram to the last run, or to a new one.
func addRun(t *port.TxBatch, d *datagram, at, size int) {
	if n := len(t.Runs); n > 0 {
		r := &t.Runs[n-1]
		fits := size <= r.SegmentSize && r.Len+size <= maxRun && r.Len < maxSegments*r.SegmentSize
		if r.Len%r.SegmentSize == 0 && fits && r.Path == d.path && r.ECN == d.ecn {
			r.Len += size
			return
		}
	}
	t.Runs = append(t.Runs, port.TxRun{Path: d.path, Off: at, Len: size, SegmentSize: size, ECN: d.ecn})
}

// room is how many bytes may be added to the packet.
func (p *packet) room() int { return max(most, p.size) - p.len() }

// add appends frames if they fit, in front of what the packet has: a frame without a length must stay the last one.
func (p *packet) add(frames []byte) bool {
	if len(frames) > p.room() {
		return false
	}
	p.frames = append(slices.Clone(frames), p.frames...)
	return true
}

// replace leaves nothing but frames.
func (p *packet) replace(frames []byte) bool {
	if len(p.header)+p.width+len(frames)+tagLen > max(most, p.size) {
		return false
	}
	p.frames = frames
	return true
}

// fill replaces all by as many frames as fit.
func (p *packet) fill(frame func(b []byte) []byte) bool {
	room := max(most, p.size) - len(p.header) - p.width - tagLen
	var b []byte
	for {
		grown := frame(b)
		if len(grown) > room || len(grown) == len(b) {
			break
		}
		b = grown
	}
	p.frames = b
	return len(b) > 0
}
