package hostile

import (
	"slices"

	"quicpro/actors/port"
	"quicpro/wire"
	"quicpro/wire/h3wire"
)

// Attack is one thing that an attacker does.
type Attack struct {
	// Name is the word of its decisions.
	Name string
	// By says who can do it.
	By side
	// Level is of the packets that it needs. The zero Level means 1-RTT, unless Early is set.
	Level wire.Level
	// Early attacks do not wait until the connection has been quiet for a while.
	Early bool
	// Once attacks are made once a connection.
	Once bool
	// Chance is the probability that a packet suffers it, if the attacker's own does not fit.
	Chance float64
	// Answer is what a victim may do.
	Answer Answer
	// Data says that it writes on streams. The engine that it rides on does not count that as its own, so that the credit of
	// the connection may be exceeded.
	Data bool

	// Fits says whether a packet can suffer it; nil: any.
	Fits func(p *Peer, k *packet) bool
	// Packet changes a packet. It reports false if there was nothing to change.
	Packet func(p *Peer, k *packet) bool
	// Datagram is for what concerns a whole datagram.
	Datagram func(p *Peer, d *datagram) []*datagram
}

// side says who can make an attack.
type side uint8

const (
	anybody side = iota
	byClient
	byServer
)

func (s side) role() wire.Role {
	if s == byServer {
		return wire.Server
	}
	return wire.Client
}

// Answer says how a victim may close the connection. It may always do so without an error of the peer's.
type Answer struct {
	// Must says that the victim has to close, once the attack has arrived whole.
	Must bool
	// Codes are the right ones.
	Codes []Code
	// TLS allows every CRYPTO_ERROR, and Any every code but those that mean a fault of the victim's own.
	TLS, Any bool
}

// Code is an error code of CONNECTION_CLOSE.
type Code struct {
	App  bool
	Code uint64
}

// String names the code.
func (c Code) String() string {
	if c.App {
		return h3wire.ErrorCode(c.Code).String()
	}
	return wire.ErrorCode(c.Code).String()
}

// must is the answer of a victim that has to close with one of these codes.
func must(codes ...wire.ErrorCode) Answer {
	a := may(codes...)
	a.Must = true
	return a
}

// may is the answer of a victim that may go on, or close with one of these codes.
func may(codes ...wire.ErrorCode) (a Answer) {
	for _, c := range codes {
		a.Codes = append(a.Codes, Code{false, uint64(c)})
	}
	return a
}

// must3 and may3 are for codes of HTTP/3.
func must3(codes ...h3wire.ErrorCode) Answer {
	a := may3(codes...)
	a.Must = true
	return a
}

func may3(codes ...h3wire.ErrorCode) (a Answer) {
	for _, c := range codes {
		a.Codes = append(a.Codes, Code{true, uint64(c)})
	}
	return a
}

// allows reports whether a code is a right one.
func (a *Answer) allows(c Code) bool {
	switch {
	case slices.Contains(a.Codes, c):
		return true
	case a.TLS && !c.App && c.Code>>8 == 1:
		return true
	case a.Any && c.App:
		return h3wire.ErrorCode(c.Code) != h3wire.CodeInternalError
	}
	return a.Any && wire.ErrorCode(c.Code) != wire.InternalError
}

// Allowed reports whether a victim of the named attacks may end its connection so.
func Allowed(struck []string, cause *port.Cause) bool {
	if cause.Why == port.Panicked {
		return false
	}
	code := Code{cause.App, cause.Code}
	if cause.Why != port.Ours || code == (Code{}) || code == (Code{true, uint64(h3wire.CodeNoError)}) {
		return true
	}
	for _, name := range struck {
		a := Find(name)
		if a == nil {
			continue
		}
		if a.Answer.allows(code) || a.Data && code == (Code{false, uint64(wire.FlowControlError)}) {
			return true
		}
	}
	return false
}

// All lists every attack.
func All() []*Attack { return table }

// Find returns an attack by its name, nil if there is none.
func Find(name string) *Attack {
	for _, a := range table {
		if a.Name == name {
			return a
		}
	}
	return nil
}

// For lists the attacks that a role can make.
func For(r wire.Role) (list []*Attack) {
	for _, a := range table {
		if a.By == anybody || a.By.role() == r {
			list = append(list, a)
		}
	}
	return list
}

var table = append(gather(false, acks, credit, cryptos, ids, frames, packets), gather(true, streams, resets, http3, messages)...)

func gather(onStreams bool, lists ...[]Attack) (all []*Attack) {
	for _, l := range lists {
		for i := range l {
			a := &l[i]
			a.Data = a.Data || onStreams
			if a.Level == 0 && !a.Early {
				a.Level = wire.LevelApp
			}
			all = append(all, a)
		}
	}
	return all
}

// adding is a Packet that adds the same frames every time.
func adding(frames ...interface{ Append([]byte) []byte }) func(*Peer, *packet) bool {
	return func(_ *Peer, k *packet) bool {
		var b []byte
		for _, f := range frames {
			b = f.Append(b)
		}
		return k.add(b)
	}
}

// raw is bytes that are no frame of package wire.
type raw []byte

// Append appends them.
func (r raw) Append(b []byte) []byte { return append(b, r...) }

// varints writes numbers one after the other.
func varints(all ...uint64) (b raw) {
	for _, v := range all {
		b = wire.AppendVarint(b, v)
	}
	return b
}
