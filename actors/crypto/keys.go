package crypto

import (
	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// levelKeys are the current keys of one encryption level.
type levelKeys struct {
	suite       *suite
	read, write *packetKey // nil: not installed
	readHeader  *headerKey
	writeHeader *headerKey
	sealed      uint64 // packets sealed with write
	gone        bool   // the keys were dropped and will not come again
}

func (k *levelKeys) setRead(s *suite, secret []byte) {
	k.suite, k.read, k.readHeader = s, s.newPacketKey(secret), s.newHeaderKey(secret)
}

func (k *levelKeys) setWrite(s *suite, secret []byte) {
	k.suite, k.write, k.writeHeader, k.sealed = s, s.newPacketKey(secret), s.newHeaderKey(secret), 0
}

func (p *Protect) installInitial(now mono.Time, m *port.InitialKeys) {
	p.retry.begin(m.Dest)
	if k := &p.levels[wire.LevelInitial]; !p.born {
		client, server := initialSecrets(m.Dest)
		read, write := server, client
		if p.cfg.Role == wire.Server {
			read, write = client, server
		}
		k.setRead(aes128, read) // RFC 9001 s5: Initial packets use AEAD_AES_128_GCM
		k.setWrite(aes128, write)
	}
	p.born = false
	p.traceKeys(now, wire.LevelInitial, "installed")
	p.replay(now, wire.LevelInitial)
}

func (p *Protect) install(now mono.Time, m *port.InstallKeys) {
	s, k := suiteOf(m.Suite), &p.levels[m.Level]
	if m.Write {
		k.setWrite(s, m.Secret)
		if m.Level == wire.LevelApp {
			p.phases.startWrite(m.Secret)
		}
		p.traceKeys(now, m.Level, "write keys installed")
		return
	}
	k.setRead(s, m.Secret)
	if m.Level == wire.LevelApp {
		p.phases.startRead(s, m.Secret)
	}
	p.traceKeys(now, m.Level, "read keys installed")
	p.replay(now, m.Level)
}

func (p *Protect) drop(now mono.Time, level wire.Level) {
	p.levels[level] = levelKeys{gone: true}
	p.dropEarly(level)
	p.traceKeys(now, level, "dropped")
}

func (p *Protect) traceKeys(now mono.Time, level wire.Level, what string) {
	if p.cfg.Trace != nil {
		p.cfg.Trace.Keys(now, level, what)
	}
}
