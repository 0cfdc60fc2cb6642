package port

import (
	"quicpro/internal/actor"
	"quicpro/wire"
)

// TxBatch sizes. A connection has one small batch at a time, which holds what a server may send before it has validated the
// client's address (RFC 9000 s8.1), three datagrams; big ones come from the socket's pool while there is bulk to send.
const (
	SmallBatch = 4 << 10
	BigBatch   = 64 << 10
)

// TxBatch is datagrams on their way out: conn -> protect -> writer -> conn. conn writes headers and frames in plaintext
// and leaves room for each tag; protect seals in place; the writer sends one run a system call and sends the batch home
// to conn, with what the socket said. A small one that conn does not wait for, and of which the socket said nothing,
// goes to the pool instead, and conn finds its slot free: the message would have cost it a turn.
type TxBatch struct {
	B       []byte // filled part of the memory
	Runs    []TxRun
	Packets []TxPacket
	Home    actor.Port[ToConn]
	Small   *actor.Slot // conn's word for a small one that it has none; nil for a big one
	Big     bool        // from the pool
	Closing bool        // holds the CONNECTION_CLOSE that the endpoint repeats
	Owner   any         // the engine's: whose batch it is

	// written by the writer
	Err     error // what the socket said: a message too long, a refusal; nil if all went out
	TooLong bool  // Err says that a datagram is longer than the first link carries
}

func (*TxBatch) toProtect() {}
func (*TxBatch) toWriter()  {}
func (*TxBatch) toConn()    {}

// Reset empties the batch for another filling.
func (t *TxBatch) Reset() {
	t.B, t.Runs, t.Packets = t.B[:0], t.Runs[:0], t.Packets[:0]
	t.Closing, t.Err, t.TooLong = false, nil, false
}

// TxRun is a train of datagrams of one size, sent by one system call.
type TxRun struct {
	Path        Path
	Off, Len    int // bytes of the batch
	SegmentSize int // the size of every datagram but the last, which may be shorter
	ECN         uint8
}

// TxPacket tells protect where a packet stands and how to seal it. Its last 16 bytes are room for the tag.
type TxPacket struct {
	Off       int // first byte of the header in the batch
	Len       int // header, payload and tag
	NumberOff int // offset of the packet number from Off
	NumberLen uint8
	Level     wire.Level
	Number    wire.PacketNumber
}

// TxPool lends batches to the connections of one socket. It is safe for any goroutine and never blocks.
type TxPool interface {
	// Small gives a connection its one small batch.
	Small() *TxBatch
	// Big lends a big batch, or returns nil and sends w a BatchFree when it is w's turn.
	Big(w *BatchFree) *TxBatch
	// Return gives a batch back.
	Return(*TxBatch)
}

// BatchFree tells a connection that waited for a big batch that it may ask again. One place is reserved for it.
type BatchFree struct {
	Port    actor.Port[ToConn]
	Waiting bool // the pool's
}

func (*BatchFree) toConn() {}
