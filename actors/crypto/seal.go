package crypto

import (
	"quicpro/actors/port"
	"quicpro/wire"
)

// sealMargin is how many packets before the confidentiality limit the connection is told to end: more than can be in
// flight, so that the close still finds a key to seal it.
const sealMargin = 1 << 16

// sealBatch protects all packets of a batch in place.
func (p *Protect) sealBatch(t *port.TxBatch) {
	for i := range t.Packets {
		q := &t.Packets[i]
		p.seal(q, t.B[q.Off:q.Off+q.Len:q.Off+q.Len])
	}
}

func (p *Protect) seal(q *port.TxPacket, pkt []byte) {
	k := &p.levels[q.Level]
	if k.write == nil {
		panic("crypto: a packet was built at level " + q.Level.String() + ", which has no keys")
	}
	if q.Level == wire.LevelApp {
		pkt[0] = pkt[0]&^wire.KeyPhaseBit | phaseBit(p.phases.write)
		p.phases.mute = false
	}
	if k.sealed >= k.suite.sealLimit-sealMargin && !p.mayStillSeal(k) {
		clear(pkt)
		return
	}
	k.sealed++
	protect(k.write, k.writeHeader, pkt, q.NumberOff, int(q.NumberLen), q.Number)
}

// mayStillSeal handles a key that is near its confidentiality limit.
//
// RFC 9001 s6.6: beyond the limit the key must not be used; it is recommended to close before. What conn still sends
// beyond leaves as zeros: neither sealed nor in plaintext.
func (p *Protect) mayStillSeal(k *levelKeys) bool {
	if p.fault == nil {
		p.fault = wire.NewError(wire.AEADLimitReached, 0, "a key has protected as many packets as it may")
	}
	return k.sealed < k.suite.sealLimit
}

// protect seals pkt in place, whose last 16 bytes are room for the tag, and then masks its header (RFC 9001 s5.3, s5.4).
func protect(key *packetKey, header *headerKey, pkt []byte, numberAt, numberLen int, number wire.PacketNumber) {
	at := numberAt + numberLen
	key.aead.Seal(pkt[at:at], key.nonceFor(number), pkt[at:len(pkt)-tagLen], pkt[:at])
	mask := header.maskFor(pkt[numberAt+sampleGap : numberAt+sampleGap+sampleLen])
	pkt[0] = maskFirst(pkt[0], mask)
	for i := range numberLen {
		pkt[numberAt+i] ^= mask[1+i]
	}
}
