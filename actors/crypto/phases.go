package crypto

import "quicpro/wire"

// phases is the state of 1-RTT key updates (RFC 9001 s6). The current keys themselves are in the level.
//
// Each direction has its phase. An update of the peer moves both. One of ours moves the write phase, which is then one ahead until the first
// packet of the peer is under its new keys too, whether it answers or has begun an update of its own at the same time.
type phases struct {
	suite       *suite
	read, write uint32     // how often the keys of a direction were updated; the Key Phase bit is the lowest of it
	previous    *packetKey // read key of the phase before; nil: dropped
	next        *packetKey // read key of the phase after; nil until prepare
	readSecret  []byte     // of next, or of the current phase while next is nil
	writeSecret []byte     // of the current phase; nil without write keys
	mute        bool       // nothing was sealed since the read phase moved

	low, high wire.PacketNumber // numbers opened in the current read phase; high is NoPacketNumber if none was
	older     wire.PacketNumber // the largest number opened in an earlier phase
}

// phaseBit is the Key Phase bit of a phase, in place.
func phaseBit(phase uint32) byte { return byte(phase&1) * wire.KeyPhaseBit }

func (f *phases) startRead(s *suite, secret []byte) {
	f.suite, f.readSecret = s, secret
	f.low, f.high, f.older = wire.MaxPacketNumber, wire.NoPacketNumber, wire.NoPacketNumber
}

func (f *phases) startWrite(secret []byte) { f.writeSecret = secret }

// youth is the packet number before which the next phase's key waits until a packet asks for it: most connections are over by
// then, and its cipher would be a tenth of what they derive.
const youth = 64

// ready derives the read key of the next phase if it is missing and due; largest is the largest number opened.
//
// RFC 9001 s6.3: endpoints are generally expected to have current and next read keys available.
func (f *phases) ready(largest wire.PacketNumber) {
	if f.due(largest) {
		f.prepare()
	}
}

func (f *phases) due(largest wire.PacketNumber) bool { return f.write > 0 || largest >= youth }

// prepare derives the read key of the next phase if it is missing.
func (f *phases) prepare() {
	if f.next != nil || f.readSecret == nil {
		return
	}
	f.readSecret = f.suite.nextSecret(f.readSecret)
	f.next = f.suite.newPacketKey(f.readSecret)
}

// other is the key for a packet whose Key Phase bit is not that of the read phase.
//
// RFC 9001 s6.5: a number below the current phase's belongs to the previous one, a number above to the next. One
// between the current phase's numbers breaks the rules under whichever key; with the previous one it can be proved.
func (f *phases) other(number wire.PacketNumber) *packetKey {
	if f.previous != nil && number <= f.high {
		return f.previous
	}
	f.prepare()
	return f.next
}

// accept judges the phase of an authenticated packet. It returns the violation, and whether this packet begins a new
// phase.
func (f *phases) accept(k *packetKey, current *packetKey, number wire.PacketNumber) (update bool, fault *wire.Error) {
	switch {
	case k == current && number > f.older:
		f.low, f.high = min(f.low, number), max(f.high, number)
		return false, nil
	case k == f.previous && number < f.low:
		f.older = max(f.older, number)
		return false, nil
	case k == f.next && number > f.high:
		return true, nil
	}
	// RFC 9001 s6.4: packets with higher numbers must be protected with the same or newer keys.
	return false, wire.NewError(wire.KeyUpdateError, 0, "older keys used for a later packet than newer keys")
}

// rotate makes the next read key the current one, and the write key too unless it was updated before. number is the packet that began it.
func (f *phases) rotate(k *levelKeys, number wire.PacketNumber) *wire.Error {
	switch {
	case f.writeSecret == nil:
		// RFC 9001 s6: no update before the handshake is confirmed.
		return wire.NewError(wire.KeyUpdateError, 0, "key update before the handshake was complete")
	case f.read > 0 && f.mute:
		// RFC 9001 s6.2: we sent nothing since the update before, so the peer cannot have our acknowledgement of it.
		return wire.NewError(wire.KeyUpdateError, 0, "second key update before the first was acknowledged")
	}
	if f.write == f.read {
		// RFC 9001 s6.2: the send keys must follow before the packet is acknowledged.
		f.moveWrite(k)
	}
	f.previous, k.read, f.next = k.read, f.next, nil
	f.read, f.mute = f.read+1, true
	f.low, f.high, f.older = number, number, max(f.older, f.high)
	return nil
}

// update makes what is sealed from here on be of a phase that conn has chosen (RFC 9001 s6.1).
func (f *phases) update(k *levelKeys, phase uint32) {
	if f.write >= phase {
		return // the peer has begun the same update meanwhile
	}
	if f.write != f.read || phase != f.write+1 {
		panic("crypto: conn updates the keys before the peer has answered the update before")
	}
	f.moveWrite(k)
}

func (f *phases) moveWrite(k *levelKeys) {
	f.writeSecret = f.suite.nextSecret(f.writeSecret)
	k.write, k.sealed = f.suite.newPacketKey(f.writeSecret), 0
	f.write++
}
