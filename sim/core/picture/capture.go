package picture

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"quicpro/internal/udp"
)

// capture writes run.pcapng: every datagram as its host sent it, with what became of it as a comment. A block is written
// when that is known, so that only what is under way is in memory; the secrets, which must come first for a reader, are
// known only at the end, so that the packets wait in a file of their own.
type capture struct {
	day     time.Time
	path    string
	part    *os.File
	out     *bufio.Writer
	pending []*captured
	block   []byte // scratch
	err     error
}

// captured is one packet of the capture.
type captured struct {
	at       time.Duration
	host     int
	ip       []byte
	comments []string
	settled  bool
}

func (c *captured) tell(comment string) { c.comments = append(c.comments, comment) }

func newCapture(dir string, day time.Time) (*capture, error) {
	c := &capture{day: day, path: filepath.Join(dir, "run.pcapng")}
	var err error
	if c.part, err = os.Create(c.path + ".part"); err != nil {
		return nil, err
	}
	c.out = bufio.NewWriterSize(c.part, 64<<10)
	return c, nil
}

// add takes a datagram in.
func (c *capture) add(at time.Duration, host int, from, to netip.AddrPort, ecn udp.ECN, b []byte) *captured {
	p := &captured{at: at, host: host, ip: appendIP(nil, from, to, ecn, b)}
	c.pending = append(c.pending, p)
	return p
}

// flush writes the packets whose fate is known, in the order in which they were sent; all of them at the end.
func (c *capture) flush(all bool) {
	n := 0
	for n < len(c.pending) && (all || c.pending[n].settled) {
		c.write(c.pending[n])
		c.pending[n] = nil
		n++
	}
	if c.pending = c.pending[n:]; len(c.pending) == 0 {
		c.pending = nil
	}
}

// Block types and options of pcapng (draft-ietf-opsawg-pcapng).
const (
	blockSection   = 0x0a0d0d0a
	blockInterface = 1
	blockPacket    = 6
	blockSecrets   = 10
	byteOrderMagic = 0x1a2b3c4d
	linkTypeRaw    = 101        // packets begin with their IP header
	tlsKeyLog      = 0x544c534b // "TLSK"

	optComment    = 1
	optName       = 2
	optResolution = 9
	optUser       = 4
)

func (c *capture) write(p *captured) {
	ns := uint64(c.day.UnixNano() + int64(p.at))
	b := begin(c.block[:0], blockPacket)
	for _, x := range [...]uint32{uint32(p.host), uint32(ns >> 32), uint32(ns), uint32(len(p.ip)), uint32(len(p.ip))} {
		b = binary.LittleEndian.AppendUint32(b, x)
	}
	b = padded(append(b, p.ip...), len(p.ip))
	for _, s := range p.comments {
		b = option(b, optComment, []byte(s))
	}
	if len(p.comments) > 0 {
		b = option(b, 0, nil)
	}
	c.block = end(b)
	c.emit(c.out, c.block)
}

func (c *capture) emit(w io.Writer, b []byte) {
	if _, err := w.Write(b); err != nil && c.err == nil {
		c.err = err
	}
}

// finish puts the file together: an interface for each host, the secrets, the packets.
func (c *capture) finish(hosts []string, keys []byte) error {
	c.flush(true)
	c.err = errors.Join(c.err, c.out.Flush())
	f, err := os.Create(c.path)
	if err != nil {
		return errors.Join(err, c.part.Close())
	}
	b := begin(nil, blockSection)
	b = binary.LittleEndian.AppendUint32(b, byteOrderMagic)
	b = binary.LittleEndian.AppendUint32(b, 1)          // version 1.0
	b = binary.LittleEndian.AppendUint64(b, ^uint64(0)) // the section's length: not said
	b = option(option(b, optUser, []byte("quicpro sim")), 0, nil)
	b = end(b)
	for _, host := range hosts {
		at := len(b)
		b = binary.LittleEndian.AppendUint32(begin(b, blockInterface), linkTypeRaw)
		b = binary.LittleEndian.AppendUint32(b, 0) // no limit
		b = option(option(option(b, optName, []byte(host)), optResolution, []byte{9}), 0, nil)
		b = append(b[:at], end(b[at:])...)
	}
	if len(keys) > 0 {
		s := binary.LittleEndian.AppendUint32(begin(nil, blockSecrets), tlsKeyLog)
		s = binary.LittleEndian.AppendUint32(s, uint32(len(keys)))
		b = append(b, end(padded(append(s, keys...), len(keys)))...)
	}
	c.emit(f, b)
	_, err = c.part.Seek(0, io.SeekStart)
	if err == nil {
		_, err = io.Copy(f, c.part)
	}
	return errors.Join(c.err, err, c.part.Close(), os.Remove(c.part.Name()), f.Close())
}

// begin starts a block; its length is filled in by end.
func begin(b []byte, kind uint32) []byte {
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, kind), 0)
}

// end ends the block that b is.
func end(b []byte) []byte {
	n := uint32(len(b) + 4)
	binary.LittleEndian.PutUint32(b[4:], n)
	return binary.LittleEndian.AppendUint32(b, n)
}

func option(b []byte, code uint16, value []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, code)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
	return padded(append(b, value...), len(value))
}

// padded pads what is n bytes long to four.
func padded(b []byte, n int) []byte { return append(b, make([]byte, -n&3)...) }

// appendIP writes a datagram with its UDP and IP headers.
func appendIP(b []byte, from, to netip.AddrPort, ecn udp.ECN, payload []byte) []byte {
	src, dst := from.Addr(), to.Addr()
	size := 8 + len(payload)
	u := make([]byte, 0, size)
	for _, x := range [...]uint16{from.Port(), to.Port(), uint16(size), 0} {
		u = binary.BigEndian.AppendUint16(u, x)
	}
	u = append(u, payload...)
	// RFC 768, RFC 8200 s8.1: the pseudo header; a checksum that comes out as zero is sent as all ones.
	sum := uint32(protocolUDP) + uint32(size)
	sum = add(add(add(sum, src.AsSlice()), dst.AsSlice()), u)
	check := fold(sum)
	if check == 0 {
		check = 0xffff
	}
	binary.BigEndian.PutUint16(u[6:], check)
	if src.Is4() && dst.Is4() {
		h := [20]byte{0: 0x45, 1: byte(ecn), 6: 0x40, 8: 64, 9: protocolUDP} // RFC 791: do not fragment, 64 hops
		binary.BigEndian.PutUint16(h[2:], uint16(len(h)+size))
		copy(h[12:], src.AsSlice())
		copy(h[16:], dst.AsSlice())
		binary.BigEndian.PutUint16(h[10:], fold(add(0, h[:])))
		return append(append(b, h[:]...), u...)
	}
	h := [40]byte{0: 0x60, 1: byte(ecn) << 4, 6: protocolUDP, 7: 64}
	binary.BigEndian.PutUint16(h[4:], uint16(size))
	src16, dst16 := src.As16(), dst.As16()
	copy(h[8:], src16[:])
	copy(h[24:], dst16[:])
	return append(append(b, h[:]...), u...)
}

const protocolUDP = 17

// add adds bytes to an Internet checksum (RFC 1071).
func add(sum uint32, b []byte) uint32 {
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	return sum
}

func fold(sum uint32) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
