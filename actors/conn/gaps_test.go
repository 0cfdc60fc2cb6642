package conn

import (
	"testing"

	"quicpro/wire"
)

// Anybody may send an Initial, and a gap in its CRYPTO bytes costs a chunk: they have a bound that is tighter than that of
// streams (sim's attacks "crypto pieces" and "initial crypto pieces").
func TestTheGapsInCryptoHaveABoundOfTheirOwn(t *testing.T) {
	s := newSolo(t, wire.Server, func(c *Config) { c.Limits.CryptoGaps = 8 })
	at := s.conn.crypto.levels[wire.SpaceApp].in.Offset()
	piece := func(i int) wire.Frame {
		return wire.Frame{Type: wire.TypeCrypto, Crypto: wire.Crypto{Offset: at + wire.Offset(2*i), Data: []byte("x")}}
	}
	for i := 1; i <= 8; i++ {
		s.say(piece(i))
	}
	if s.conn.life.cause != nil || s.conn.crypto.levels[wire.SpaceApp].in.Gaps() != 8 {
		t.Fatalf("8 gaps: %v", s.conn.life.cause)
	}
	s.say(piece(9))
	s.closed(wire.CryptoBufferExceeded)
}
