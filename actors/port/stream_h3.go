package port

import (
	"quicpro/internal/actor"
	"quicpro/internal/buffer"
	"quicpro/wire"
)

// ToH3 is what reaches the room above the streams, the h3 router or an embedder's: *Read and *StreamWake from streams;
// *Connected, *StreamCredit and *Stop from conn; *Open, *Send, *Taken, *Cancel and *Goodbye from the app; *Fired.
type ToH3 interface{ toH3() }

// Read is everything a stream has for the room above since the last one.
type Read struct {
	Stream *Stream
	Pieces []Piece // in-order bytes; each holds its chunk once

	Fin      bool // no bytes follow
	HasReset bool // the peer reset its half; bytes not delivered are gone
	HasStop  bool // the peer asks us to stop sending
	// Ended is the stream's last word, after a Write with Last: both halves are at their end, what was delivered counts as
	// taken, and the room leaves.
	Ended     bool
	ResetCode uint64
	StopCode  uint64

	Room int // how many bytes more the stream takes, now: 0 means wait for another Read
}

func (*Read) toH3() {}

// Release gives back what the message holds.
func (r *Read) Release() {
	for i := range r.Pieces {
		r.Pieces[i].Chunk.Release()
	}
	r.Reset()
}

// Reset empties the record for another filling.
func (r *Read) Reset() {
	clear(r.Pieces)
	*r = Read{Stream: r.Stream, Pieces: r.Pieces[:0]}
}

// Piece is received bytes with a hold on their chunk.
type Piece = buffer.Piece

// Write is everything the room above wants of a stream.
type Write struct {
	Chunks []*actor.Chunk // bytes to send, in order; ownership moves

	Fin bool // no bytes follow
	// Last goes with Fin: the room above will say nothing that matters if the peer's half ends with few bytes untaken. The
	// Read that brings the end then says Ended, and no Done is wanted.
	Last     bool
	HasReset bool // reset our half
	Behind   bool // with HasReset: not before the peer has acknowledged what was written, unless it asks us to stop
	HasStop  bool // ask the peer to stop: what is not in a Read yet is discarded, and of that half nothing is told
	// Done is the last word: the room above has seen, or stopped, the peer's half, has ended ours, and has forgotten the
	// stream. What was delivered counts as taken, and the stream says no more to it.
	Done    bool
	Reorder bool // Urgency is set
	Urgency uint8

	ResetCode uint64
	StopCode  uint64
	Taken     int // delivered bytes that are used up: flow-control credit returns
}

func (*Write) toStream() {}

// Release gives back what the message holds.
func (w *Write) Release() {
	if w == nil {
		return
	}
	for _, c := range w.Chunks {
		c.Release()
	}
	w.Reset()
}

// Reset empties the record for another filling. There may be none yet.
func (w *Write) Reset() {
	if w == nil {
		return
	}
	clear(w.Chunks)
	*w = Write{Chunks: w.Chunks[:0]}
}

// StreamOptions are a stream's flow-control limits at birth.
type StreamOptions struct {
	SendLimit  wire.Offset // the peer's initial limit for this stream
	RecvWindow int         // what we advertised for it; Limits.StreamWindowMax is how far auto-tuning may go
}

// Streams gives birth to stream rooms. conn spawns the peer's, h3 its own. It returns nil if the bound on live rooms
// is reached: the caller waits for one to end.
type Streams interface {
	Spawn(id wire.StreamID, o StreamOptions) *Stream
	// Forget is conn's last word about a stream that said Ended: its address may now serve another one.
	Forget(*Stream)
}
