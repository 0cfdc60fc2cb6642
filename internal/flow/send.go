package flow

import "quicpro/wire"

// SendWindow is the credit the peer grants us: bytes of one stream, or the sum over all streams (RFC 9000 s4.1).
type SendWindow struct {
	limit wire.Offset
	spent wire.Offset // spent <= limit
	told  bool        // that we are blocked at limit
}

// NewSendWindow returns a window with the first limit: that of the peer's transport parameters.
func NewSendWindow(limit wire.Offset) SendWindow { return SendWindow{limit: limit} }

// Raise sets a higher limit and reports whether it was one.
func (w *SendWindow) Raise(limit wire.Offset) bool {
	if limit <= w.limit {
		// RFC 9000 s4.1: a sender MUST ignore MAX_STREAM_DATA or MAX_DATA frames that do not increase the limit.
		return false
	}
	w.limit, w.told = limit, false
	return true
}

// Available is how many new bytes may be sent. Bytes that are sent again cost nothing.
func (w *SendWindow) Available() wire.Offset { return w.limit - w.spent }

// Spend notes n new bytes sent, at most Available.
func (w *SendWindow) Spend(n wire.Offset) {
	if n > w.limit-w.spent {
		panic("flow: more bytes sent than the peer allows")
	}
	w.spent += n
}

// Spent is how many bytes were sent.
func (w *SendWindow) Spent() wire.Offset { return w.spent }

// Limit is the peer's limit.
func (w *SendWindow) Limit() wire.Offset { return w.limit }

// BlockedAt returns the limit that the credit ended at, once for each limit. A sender with more to send then owes a
// STREAM_DATA_BLOCKED or DATA_BLOCKED; only such a sender asks (RFC 9000 s4.1).
func (w *SendWindow) BlockedAt() (limit wire.Offset, ok bool) {
	if w.told || w.spent < w.limit {
		return 0, false
	}
	w.told = true
	return w.limit, true
}

// BlockedLost notes that the frame which reported limit was lost, or should be repeated to keep an idle connection
// alive: BlockedAt returns it once more if it still holds (RFC 9000 s13.3).
func (w *SendWindow) BlockedLost(limit wire.Offset) {
	if limit == w.limit {
		w.told = false
	}
}
