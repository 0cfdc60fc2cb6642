package h3

import (
	"testing"

	"quicpro/internal/actor"
	"quicpro/wire"
	"quicpro/wire/h3wire"
	"quicpro/wire/qpackwire"
)

// At birth the router opens its critical streams, in order, says SETTINGS first, and then tells the app.
func TestOurStreams(t *testing.T) {
	for _, role := range []wire.Role{wire.Client, wire.Server} {
		d := lone(t, role, nil)
		base := wire.MakeStreamID(role, true, 0)
		control := d.stream(base)
		typ, n := wire.ConsumeVarint(control.out)
		if h3wire.StreamType(typ) != h3wire.StreamControl || control.urgency != 0 {
			t.Errorf("%v: type %d, urgency %d", role, typ, control.urgency)
		}
		h, m := h3wire.ConsumeFrameHeader(control.out[n:])
		payload := control.out[n+m:][:h.Length]
		s, err := h3wire.ParseSettings(payload)
		want := h3wire.DefaultSettings()
		want.MaxFieldSectionSize = uint64(testLimits.FieldSection)
		if h.Type != h3wire.FrameSettings || err != nil || s != want {
			t.Errorf("%v: %v %+v, %v", role, h.Type, s, err)
		}
		if got := said(t, control.out[n+m+int(h.Length):]); got != "[GREASE]" {
			t.Errorf("%v: then %s", role, got)
		}
		for _, p := range d.streams {
			// RFC 9204 s4.2: both QPACK streams may be avoided; nothing would be said on them.
			if k := h3wire.StreamType(p.out[0]); k == h3wire.StreamQPACKEncoder || k == h3wire.StreamQPACKDecoder {
				t.Errorf("%v: a QPACK stream of type %d", role, k)
			}
		}
		if d.ready != 1 {
			t.Errorf("%v: ready %d times", role, d.ready)
		}
		d.home()
	}
}

// Some connections open a reserved stream, and end it.
func TestGreaseStream(t *testing.T) {
	greased := 0
	for seed := range uint64(40) {
		d := newDesk(t, &stepping{now: 1}, wire.Client, nil)
		for range seed {
			d.rng.Uint64()
		}
		d.connect(1)
		if len(d.streams) == 2 {
			greased++
			p := d.streams[1]
			typ, _ := wire.ConsumeVarint(p.out)
			if !h3wire.IsGrease(typ) || !p.fin || !p.release {
				t.Errorf("type %#x, fin %v, released %v", typ, p.fin, p.release)
			}
		}
		d.closedWith(0)
		d.home()
	}
	if greased == 0 || greased == 40 {
		t.Errorf("%d of 40 connections did", greased)
	}
}

// SETTINGS wait for credit; nothing is told before they are out.
func TestOurStreamsWaitForRoom(t *testing.T) {
	d := newDesk(t, &stepping{now: 1}, wire.Client, nil)
	d.full = true
	d.connect(5)
	a := d.asks(true, getFields...)
	d.run()
	if d.ready != 0 || len(d.streams) != 0 {
		t.Fatal("ready without SETTINGS")
	}
	d.full = false
	a.cancels(true, true, 0)
	d.run()
	if d.ready != 1 || len(d.streams) < 1 {
		t.Errorf("ready %d, %d streams", d.ready, len(d.streams))
	}
	d.home()
}

func settings(more ...h3wire.Setting) []byte {
	var payload []byte
	for _, s := range more {
		payload = wire.AppendVarint(wire.AppendVarint(payload, uint64(s.ID)), s.Value)
	}
	return frame(h3wire.FrameSettings, string(payload))
}

// What the peer's unidirectional streams may say, and what ends the connection. Each story comes whole, and byte by byte.
func TestTheirStreams(t *testing.T) {
	control := func(frames ...[]byte) []byte { return cat([]byte{0}, cat(frames...)) }
	encoder := func(b ...byte) []byte { return append([]byte{2}, b...) }
	decoder := func(b []byte) []byte { return append([]byte{3}, b...) }
	grease := frame(h3wire.FrameType(h3wire.Grease(7)), "skip me")
	const both = wire.Role(9)
	for _, c := range []struct {
		why     string
		role    wire.Role // ours
		streams [][]byte
		end     bool // the last stream ends
		want    h3wire.ErrorCode
	}{
		{"settings", both, [][]byte{control(settings())}, false, 0},
		{"settings, grease", both, [][]byte{control(settings(h3wire.Setting{ID: h3wire.SettingID(h3wire.Grease(3)), Value: 5}), grease, grease)}, false, 0},
		{"no settings", both, [][]byte{control(grease, settings())}, false, h3wire.CodeMissingSettings},
		{"goaway before settings", both, [][]byte{control(h3wire.AppendGoaway(nil, 0))}, false, h3wire.CodeMissingSettings},
		{"settings twice", both, [][]byte{control(settings(), settings())}, false, h3wire.CodeFrameUnexpected},
		{"a setting twice", both, [][]byte{control(settings(h3wire.Setting{ID: 6, Value: 1}, h3wire.Setting{ID: 6, Value: 1}))}, false, h3wire.CodeSettingsError},
		{"an HTTP/2 setting", both, [][]byte{control(settings(h3wire.Setting{ID: 4, Value: 1}))}, false, h3wire.CodeSettingsError},
		{"half a setting", both, [][]byte{control(frame(h3wire.FrameSettings, "\x06"))}, false, h3wire.CodeFrameError},
		{"huge settings", both, [][]byte{control(h3wire.AppendFrameHeader(nil, h3wire.FrameSettings, 1<<20))}, false, h3wire.CodeExcessiveLoad},
		{"DATA", both, [][]byte{control(settings(), data("x"))}, false, h3wire.CodeFrameUnexpected},
		{"HEADERS", both, [][]byte{control(settings(), headers())}, false, h3wire.CodeFrameUnexpected},
		{"HTTP/2 PRIORITY", both, [][]byte{control(settings(), frame(2, "12345"))}, false, h3wire.CodeFrameUnexpected},
		{"a long GOAWAY", both, [][]byte{control(settings(), frame(h3wire.FrameGoaway, "\x00\x00"))}, false, h3wire.CodeFrameError},
		{"a longer GOAWAY", both, [][]byte{control(settings(), frame(h3wire.FrameGoaway, "123456789"))}, false, h3wire.CodeFrameError},
		{"a huge GOAWAY", both, [][]byte{control(settings(), h3wire.AppendFrameHeader(nil, h3wire.FrameGoaway, 1<<20))}, false, h3wire.CodeFrameError},
		{"GOAWAY for another kind of stream", wire.Client, [][]byte{control(settings(), h3wire.AppendGoaway(nil, 1))}, false, h3wire.CodeIDError},
		{"GOAWAY that grows", both, [][]byte{control(settings(), h3wire.AppendGoaway(nil, 4), h3wire.AppendGoaway(nil, 8))}, false, h3wire.CodeIDError},
		{"CANCEL_PUSH", both, [][]byte{control(settings(), h3wire.AppendCancelPush(nil, 0))}, false, h3wire.CodeIDError},
		{"MAX_PUSH_ID", wire.Server, [][]byte{control(settings(), h3wire.AppendMaxPushID(nil, 5), h3wire.AppendMaxPushID(nil, 5))}, false, 0},
		{"MAX_PUSH_ID that shrinks", wire.Server, [][]byte{control(settings(), h3wire.AppendMaxPushID(nil, 5), h3wire.AppendMaxPushID(nil, 4))}, false, h3wire.CodeIDError},
		{"MAX_PUSH_ID from a server", wire.Client, [][]byte{control(settings(), h3wire.AppendMaxPushID(nil, 5))}, false, h3wire.CodeFrameUnexpected},
		{"PRIORITY_UPDATE", wire.Server, [][]byte{control(settings(), h3wire.AppendPriorityUpdate(nil, h3wire.FramePriorityUpdateRequest, 0, "u=1"))}, false, 0},
		{"PRIORITY_UPDATE from a server", wire.Client, [][]byte{control(settings(), h3wire.AppendPriorityUpdate(nil, h3wire.FramePriorityUpdateRequest, 0, "u=1"))}, false, h3wire.CodeFrameUnexpected},
		{"two control streams", both, [][]byte{control(settings()), control(settings())}, false, h3wire.CodeStreamCreationError},
		{"the control stream ends", both, [][]byte{control(settings())}, true, h3wire.CodeClosedCriticalStream},
		{"the control stream ends at once", both, [][]byte{control()}, true, h3wire.CodeClosedCriticalStream},
		{"a stream without a type ends", both, [][]byte{{0x40}}, true, 0},
		{"an unknown stream", both, [][]byte{append(wire.AppendVarint(nil, h3wire.Grease(99)), "noise"...)}, true, 0},

		{"the QPACK streams", both, [][]byte{encoder(), decoder(nil)}, false, 0},
		{"the encoder stream ends", both, [][]byte{encoder()}, true, h3wire.CodeClosedCriticalStream},
		{"the decoder stream ends", both, [][]byte{decoder(nil)}, true, h3wire.CodeClosedCriticalStream},
		{"two encoder streams", both, [][]byte{encoder(), encoder()}, false, h3wire.CodeStreamCreationError},
		{"two decoder streams", both, [][]byte{decoder(nil), decoder(nil)}, false, h3wire.CodeStreamCreationError},
		{"capacity 0", both, [][]byte{encoder(0x20, 0x20)}, false, 0},
		{"capacity 100", both, [][]byte{cat(encoder(), qpackwire.AppendSetCapacity(nil, 100))}, false, h3wire.CodeQPACKEncoderStreamError},
		{"an endless capacity", both, [][]byte{encoder(0x3f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)}, false, h3wire.CodeQPACKEncoderStreamError},
		{"an insertion", both, [][]byte{encoder(0xc0)}, false, h3wire.CodeQPACKEncoderStreamError},
		{"a literal insertion", both, [][]byte{encoder(0x40)}, false, h3wire.CodeQPACKEncoderStreamError},
		{"a duplicate", both, [][]byte{encoder(0x00)}, false, h3wire.CodeQPACKEncoderStreamError},
		{"cancellations", both, [][]byte{decoder(cat(qpackwire.AppendStreamCancellation(nil, 0), qpackwire.AppendStreamCancellation(nil, 1<<40), qpackwire.AppendStreamCancellation(nil, 4)))}, false, 0},
		{"an acknowledgment", both, [][]byte{decoder(qpackwire.AppendSectionAck(nil, 4))}, false, h3wire.CodeQPACKDecoderStreamError},
		{"an increment", both, [][]byte{decoder(qpackwire.AppendInsertCountIncrement(nil, 1))}, false, h3wire.CodeQPACKDecoderStreamError},
		{"an increment of 0", both, [][]byte{decoder([]byte{0})}, false, h3wire.CodeQPACKDecoderStreamError},

		{"a push stream to a client", wire.Client, [][]byte{{1, 0}}, false, h3wire.CodeIDError},
		{"a push stream to a server", wire.Server, [][]byte{{1, 0}}, false, h3wire.CodeStreamCreationError},
	} {
		for _, role := range []wire.Role{wire.Client, wire.Server} {
			if c.role != both && c.role != role {
				continue
			}
			for _, pieces := range []int{0, 1} {
				d := lone(t, role, nil)
				var p *pipe
				for i, b := range c.streams {
					p = d.arrives(wire.MakeStreamID(role.Peer(), true, uint64(i)))
					p.pieces = pieces
					p.says(b)
				}
				if c.end {
					p.ends()
				}
				want := c.want
				if want != 0 && d.closed == nil || want == 0 && d.closed != nil || d.closed != nil && (h3wire.ErrorCode(d.closed.Code) != want || !d.closed.App) {
					t.Errorf("%v, %s, pieces %d: closed with %+v, want %v", role, c.why, pieces, d.closed, want)
				}
				d.home()
			}
		}
	}
}

// A stream of an unknown type is stopped, its bytes are taken, and it is released at its end.
func TestUnknownStreamIsStopped(t *testing.T) {
	d := lone(t, wire.Server, nil)
	p := d.arrives(2).says(wire.AppendVarint(nil, 0x54), make([]byte, 1000))
	if p.stop != int(h3wire.CodeStreamCreationError) || p.taken != p.given {
		t.Errorf("stop %#x, %d of %d taken", p.stop, p.taken, p.given)
	}
	p.resets(0)
	if !p.release {
		t.Error("not released")
	}
	d.home()
}

// Nobody may stop our critical streams, or reset theirs.
func TestCriticalStreams(t *testing.T) {
	d := lone(t, wire.Client, nil)
	d.stream(2).stops(0)
	d.closedWith(h3wire.CodeClosedCriticalStream)
	d.home()
	d = lone(t, wire.Client, nil)
	d.arrives(3).says([]byte{0}).resets(0)
	d.closedWith(h3wire.CodeClosedCriticalStream)
	d.home()
}

// After a violation nothing of the peer counts, and everything still ends with the connection.
func TestNothingCountsAfterAViolation(t *testing.T) {
	d := lone(t, wire.Client, nil)
	a := d.asks(true, getFields...)
	d.run()
	d.stream(0).inFin = true
	d.stream(0).says(headers(":status", "200"), data("a"), frame(2, ""), data("b"))
	d.closedWith(h3wire.CodeFrameUnexpected)
	if a.last {
		t.Error("a message ended well behind a violation")
	}
	d.arrives(3).says([]byte{1})
	d.arrives(1).says([]byte("x"))
	d.asks(true, getFields...)
	d.home()
	if a.err != error(d.stopped) {
		t.Errorf("ended with %v", a.err)
	}
}

// A stream that leaves behind a violation leaves too: its memory may be another connection's before this one's end.
func TestAStreamThatLeavesBehindAViolationIsLetGo(t *testing.T) {
	d := lone(t, wire.Client, nil)
	d.asks(true, getFields...)
	d.run()
	d.theirControl().says(data("x"))
	d.closedWith(h3wire.CodeFrameUnexpected)
	p := d.stream(0)
	p.inFin = true
	p.says(headers(":status", "200"))
	if !p.parted {
		t.Fatal("the stream has not left")
	}
	chunks, row := &actor.Chunks{}, &request{}
	theirs := p.link.Out.Filling()
	p.link.H3Row, theirs.Chunks = row, append(theirs.Chunks, chunks.Get(1))
	d.home()
	if p.link.H3Row != row || len(theirs.Chunks) != 1 || chunks.Out() != 1 {
		t.Errorf("another stream's row is %T, its Write has %d chunks, of which %d are out", p.link.H3Row, len(theirs.Chunks), chunks.Out())
	}
}

// A Read that was handled names no chunk, although its sender empties it only when it fills it again.
func TestAReadThatWasHandledPinsNothing(t *testing.T) {
	d := lone(t, wire.Client, nil)
	p := d.arrives(3).says([]byte{0}, settings())
	r := p.link.In.Record()
	seen := cap(r.Pieces)
	for _, piece := range r.Pieces[:cap(r.Pieces)] {
		if piece.Chunk != nil || piece.B != nil {
			t.Error("a Read still names a chunk")
		}
	}
	if seen == 0 {
		t.Error("no Read had a piece")
	}
	d.closedWith(0)
	d.home()
}
