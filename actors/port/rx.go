package port

import (
	"net/netip"

	"quicpro/internal/actor"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// Path is the addresses that datagrams travel between.
type Path struct {
	Remote netip.AddrPort
	Local  netip.AddrPort // on a wildcard socket, the address the datagram came to
}

// RxBatch is one read of the socket for one connection: reader -> protect -> conn -> streams -> home. protect opens the
// packets in place and lists them; conn parses them; streams copy out what they keep. It never outlives the flush of
// the stream rooms.
type RxBatch struct {
	B           []byte // datagrams, back to back; none with Replay
	SegmentSize int    // the size of every datagram but the last, which may be shorter
	Path        Path
	ECN         uint8     // the two ECN bits of the train
	At          mono.Time // taken at the reader
	Replay      bool      // packets that waited for their keys: their datagrams were reported before
	Owner       any       // the engine's: the buffer it lies in

	// written by protect
	Packets []RxPacket
	Fault   *wire.Error // the connection must close: AEAD limit, forbidden key update

	refs actor.Refs
	home func(*RxBatch)
}

func (*RxBatch) toProtect()  {}
func (*RxBatch) toConn()     {}
func (*RxBatch) toEndpoint() {}

// NewRxBatch makes a batch over b that is held once and goes home when the last holder releases it. A nil home leaves
// it to the collector.
func NewRxBatch(b []byte, home func(*RxBatch)) *RxBatch {
	r := &RxBatch{B: b, home: home}
	r.refs.Set(1)
	return r
}

// Reuse makes a batch that came home ready for another read into b.
func (r *RxBatch) Reuse(b []byte) {
	*r = RxBatch{B: b, home: r.home, Packets: r.Packets[:0]}
	r.refs.Set(1)
}

// Retain counts n more holders.
func (r *RxBatch) Retain(n int) { r.refs.Add(int32(n)) }

// Release counts one holder less; the last one sends the batch home.
func (r *RxBatch) Release() {
	if r.refs.Done() && r.home != nil {
		r.home(r)
	}
}

// RxKind says what protect made of a packet.
type RxKind uint8

// The kinds of received packets.
const (
	RxOpened             RxKind = iota // authenticated; Payload is its frames
	RxRetry                            // integrity tag verified (RFC 9001 s5.8); Payload is the token
	RxVersionNegotiation               // Payload is the list of versions
	RxUnopened                         // could not be authenticated; Payload is the packet, a stateless reset perhaps
	RxLate                             // waits for its keys, or its keys are gone
)

// RxPacket is one packet of a batch.
type RxPacket struct {
	Kind     RxKind
	Level    wire.Level
	Datagram int32 // which datagram of the batch it came in
	Number   wire.PacketNumber
	Size     int               // bytes on the wire, of the packet and not of its datagram
	Payload  []byte            // aliases the batch, or with Replay what protect kept
	Phase    uint32            // of its keys: how often the peer's 1-RTT keys were updated (RFC 9001 s6)
	Source   wire.ConnectionID // long headers only
	Dest     wire.ConnectionID
}
