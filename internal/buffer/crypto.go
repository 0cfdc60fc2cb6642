package buffer

import "quicpro/wire"

// MaxCryptoSend is how many unacknowledged bytes a CryptoSend holds: a handshake flight with a long certificate chain
// is a quarter of it.
const MaxCryptoSend = 64 << 10

// CryptoSend holds what TLS wrote at one encryption level until it is acknowledged. CRYPTO frames have no flow control
// and no FIN (RFC 9000 s7.5). The zero CryptoSend is empty and ready.
type CryptoSend struct {
	bytes ledger
	buf   []byte // the bytes [start, bytes.end)
	start wire.Offset
}

// Write appends p, which belongs to the CryptoSend from here on. It returns a *wire.Error of INTERNAL_ERROR, and takes
// nothing, if more than MaxCryptoSend bytes would be unacknowledged.
func (c *CryptoSend) Write(p []byte) error {
	if int(c.bytes.end-c.bytes.base)+len(p) > MaxCryptoSend {
		return wire.NewError(wire.InternalError, 0, "TLS wrote more than is kept unacknowledged")
	}
	if done := int(c.bytes.base - c.start); done > 0 {
		c.buf = append(c.buf[:0], c.buf[done:]...)
		c.start = c.bytes.base
	}
	if len(c.buf) == 0 {
		c.buf = p[:len(p):len(p)] // mostly all that TLS says at a level
	} else {
		c.buf = append(c.buf, p...)
	}
	c.bytes.end += wire.Offset(len(p))
	return nil
}

// Next hands out at most limit bytes, lost ones first. They are valid until the next call of Write or Discard.
func (c *CryptoSend) Next(limit int) (off wire.Offset, p []byte, ok bool) {
	r, fresh := c.bytes.next()
	if r.Empty() || limit <= 0 {
		return 0, nil, false
	}
	r.Hi = min(r.Hi, r.Lo+wire.Offset(limit))
	c.bytes.take(r, fresh)
	from, to := int(r.Lo-c.start), int(r.Hi-c.start)
	return r.Lo, c.buf[from:to:to], true
}

// Lost reports that a packet with the bytes [lo, hi) was lost. Bytes that were never handed out panic.
func (c *CryptoSend) Lost(lo, hi wire.Offset) { c.bytes.lose(lo, hi) }

// Acked reports that the peer has the bytes [lo, hi). Bytes that were never handed out panic.
func (c *CryptoSend) Acked(lo, hi wire.Offset) { c.bytes.ack(lo, hi) }

// Owes reports whether Next has something to hand out.
func (c *CryptoSend) Owes() bool { return c.bytes.sent < c.bytes.end || !c.bytes.fates().lost.Empty() }

// Outstanding is how many bytes the peer has not acknowledged yet, handed out or not.
func (c *CryptoSend) Outstanding() int { return int(c.bytes.end - c.bytes.base) }

// Resend makes everything that is not acknowledged be handed out again, from the start: after a Retry, or as a probe
// (RFC 9002 s6.2.4).
func (c *CryptoSend) Resend() { c.bytes.lose(c.bytes.base, c.bytes.sent) }

// Discard frees the bytes: the level's keys are gone (RFC 9001 s4.9). Reports of its packets may no longer come.
func (c *CryptoSend) Discard() { *c = CryptoSend{} }
