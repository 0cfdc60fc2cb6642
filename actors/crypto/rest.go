package crypto

import "quicpro/wire"

// rest lets go of what the 1-RTT secrets can make again, some 4 KiB of ciphers: the first packet after it, in either
// direction, has them made, which takes a few microseconds.
func (p *Protect) rest() {
	p.phases.ready(p.largest[wire.SpaceApp]) // now, if the peer updated its keys in this turn: the flush would make a cipher
	packet, header := p.ciphers()
	for _, k := range packet {
		if k != nil {
			k.aead = nil
		}
	}
	for _, h := range header {
		if h != nil {
			h.block = nil
		}
	}
	p.resting = true
}

// wake makes the ciphers again. All of them, so that it tells nothing of the packet (RFC 9001 s6.3).
func (p *Protect) wake() {
	if !p.resting {
		return
	}
	s := p.levels[wire.LevelApp].suite
	packet, header := p.ciphers()
	for _, k := range packet {
		if k != nil {
			s.wakePacketKey(k)
		}
	}
	for _, h := range header {
		if h != nil {
			s.wakeHeaderKey(h)
		}
	}
	p.resting = false
}

// ciphers are the 1-RTT keys of all phases, nil where there is none.
func (p *Protect) ciphers() ([4]*packetKey, [2]*headerKey) {
	k := &p.levels[wire.LevelApp]
	return [4]*packetKey{k.read, k.write, p.phases.previous, p.phases.next}, [2]*headerKey{k.readHeader, k.writeHeader}
}
