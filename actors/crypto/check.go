package crypto

import (
	"fmt"

	"quicpro/wire"
)

// Check says whether what the room owns is in order; see actor.Checker.
func (p *Protect) Check() error {
	if p.left {
		return nil
	}
	for i := range p.levels {
		if err := p.levels[i].check(wire.Level(i)); err != nil {
			return err
		}
	}
	if err := p.phases.check(&p.levels[wire.LevelApp], p.largest[wire.SpaceApp]); err != nil {
		return err
	}
	packet, header := p.ciphers()
	for _, k := range packet {
		if k != nil && (k.aead == nil) != p.resting {
			return fmt.Errorf("protect: a packet key without a cipher: %v; at rest: %v", k.aead == nil, p.resting)
		}
	}
	for _, h := range header {
		if h != nil && !p.levels[wire.LevelApp].suite.chacha && (h.block == nil) != p.resting {
			return fmt.Errorf("protect: a header key without a cipher: %v; at rest: %v", h.block == nil, p.resting)
		}
	}
	if limit := p.cfg.Limits.EarlyPackets; len(p.early) > limit {
		return fmt.Errorf("protect: %d packets wait for their keys, at most %d", len(p.early), limit)
	}
	for i := range p.early {
		switch e := &p.early[i]; {
		case len(e.b) == 0 || len(e.b) > maxEarlyPacket:
			return fmt.Errorf("protect: a packet of %d bytes waits for its keys, at most %d", len(e.b), maxEarlyPacket)
		case e.level == wire.LevelEarly || p.levels[e.level].gone || p.levels[e.level].read != nil:
			return fmt.Errorf("protect: a packet waits for the keys of %v; installed: %v, gone: %v", e.level, p.levels[e.level].read != nil, p.levels[e.level].gone)
		}
	}
	return nil
}

func (k *levelKeys) check(level wire.Level) error {
	any := k.read != nil || k.write != nil
	switch {
	case (k.read != nil) != (k.readHeader != nil) || (k.write != nil) != (k.writeHeader != nil) || any && k.suite == nil:
		return fmt.Errorf("protect: half of the keys of %v", level)
	case k.gone && (any || k.suite != nil || k.sealed != 0):
		return fmt.Errorf("protect: keys of %v, which are gone", level)
	case level == wire.LevelEarly && any:
		return fmt.Errorf("protect: keys of 0-RTT, which is never accepted")
	case level == wire.LevelInitial && any && (k.suite != aes128 || k.read == nil || k.write == nil):
		// RFC 9001 s5.
		return fmt.Errorf("protect: Initial keys of one direction, or of another suite")
	case level == wire.LevelApp && k.gone:
		return fmt.Errorf("protect: the 1-RTT keys are gone")
	case k.suite != nil && k.sealed > k.suite.sealLimit:
		// RFC 9001 s6.6.
		return fmt.Errorf("protect: %d packets sealed with one key of %v, at most %d", k.sealed, level, k.suite.sealLimit)
	case k.write == nil && k.sealed != 0:
		return fmt.Errorf("protect: %d packets sealed at %v without a key", k.sealed, level)
	}
	return nil
}

// check compares the phases with the current 1-RTT keys (RFC 9001 s6).
func (f *phases) check(k *levelKeys, largest wire.PacketNumber) error {
	read, write := k.read != nil, k.write != nil
	switch {
	case read != (f.readSecret != nil) || write != (f.writeSecret != nil) || read && f.suite != k.suite:
		return fmt.Errorf("protect: 1-RTT keys: read %v, write %v; secrets: %v, %v", read, write, f.readSecret != nil, f.writeSecret != nil)
	case !read && f.next != nil || read && f.next == nil && f.due(largest):
		// RFC 9001 s6.3: the next keys are ready before a packet asks for them.
		return fmt.Errorf("protect: 1-RTT read keys: %v, of the next phase: %v", read, f.next != nil)
	case f.write-f.read > 1:
		// RFC 9001 s6.1: no update before the one before was answered.
		return fmt.Errorf("protect: packets are sealed in phase %d, and were opened in %d", f.write, f.read)
	case f.previous != nil && f.read == 0 || f.previous != nil && (f.previous == k.read || f.previous == f.next) || f.next != nil && f.next == k.read:
		return fmt.Errorf("protect: two phases share a read key, after %d updates", f.read)
	case !read:
		return nil
	case f.high != wire.NoPacketNumber && (f.low > f.high && f.low != wire.MaxPacketNumber || f.older >= f.low || f.high > largest):
		// RFC 9001 s6.4: the packets of a phase come after those of the phases before.
		return fmt.Errorf("protect: packets %d to %d in this phase, up to %d in those before; the largest opened is %d", f.low, f.high, f.older, largest)
	}
	return nil
}

// Check says whether what the room owns is in order; see actor.Checker.
func (h *Handshake) Check() error {
	t := &h.tls
	if h.left {
		return nil
	}
	if t.quic != nil && (!t.started || t.fault != nil || t.receives == wire.LevelApp) {
		return fmt.Errorf("handshake: TLS is kept; started: %v, fault: %v, reads at %v", t.started, t.fault, t.receives)
	}
	if t.started && t.quic == nil && t.fault == nil && t.receives != wire.LevelApp {
		return fmt.Errorf("handshake: TLS is gone, without a fault, and reads at %v", t.receives)
	}
	for i := range t.unread {
		m, level := &t.unread[i], wire.Level(i)
		switch n := m.len(); {
		case m.used < 0 || n < 0 || n >= messageHead+maxCertificate:
			return fmt.Errorf("handshake: %d bytes of a message at %v, at most %d", n, level, messageHead+maxCertificate)
		case n > 0 && (level < t.receives || t.fault != nil):
			// RFC 9001 s4.1.3.
			return fmt.Errorf("handshake: %d bytes at %v are not consumed, TLS reads at %v; fault: %v", n, level, t.receives, t.fault)
		}
	}
	return nil
}
