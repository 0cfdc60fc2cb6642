package hostile

import (
	"slices"

	"quicpro/actors/port"
	"quicpro/wire"
	"quicpro/wire/h3wire"
)

// view is what the attacker knows of its connection.
type view struct {
	role    wire.Role
	frame   wire.Frame // being read
	sent    map[wire.StreamID]wire.Offset
	order   []wire.StreamID          // of sent
	news    []wire.StreamID          // that the last packet began
	hidden  map[wire.StreamID]bool   // from the engine and from the victim
	silent  map[wire.StreamID]bool   // from the victim
	fresh   [2]uint64                // sequence numbers of streams that the engine has not come to
	ours    map[uint64]wire.StreamID // our unidirectional streams, by type
	theirs  map[uint64]wire.StreamID
	largest [wire.NumSpaces]wire.PacketNumber // heard
	crypto  [wire.NumLevels]wire.Offset       // sent
	issued  *wire.NewConnectionID             // the last one

}

// The first streams that are made up: the engine hardly comes to them, and a peer of usual limits lets them be opened.
const (
	firstBidi = 40
	lastBidi  = 160
	firstUni  = 6
	lastUni   = 15
)

func (v *view) init(r wire.Role) {
	*v = view{
		role: r, sent: map[wire.StreamID]wire.Offset{}, hidden: map[wire.StreamID]bool{}, silent: map[wire.StreamID]bool{}, fresh: [2]uint64{firstBidi, firstUni},
		ours: map[uint64]wire.StreamID{}, theirs: map[uint64]wire.StreamID{},
	}
	for i := range v.largest {
		v.largest[i] = wire.NoPacketNumber
	}
}

// each calls f with every frame and the bytes that it consists of, as far as they can be read.
func (v *view) each(frames []byte, f func(f *wire.Frame, b []byte)) {
	for b := frames; len(b) > 0; {
		n, err := wire.NextFrame(b, &v.frame)
		if err != nil {
			return
		}
		f(&v.frame, b[:n:n])
		b = b[n:]
	}
}

// list takes frames apart, each of them with a length so that it can stand anywhere.
func (v *view) list(frames []byte) (all [][]byte) {
	v.each(frames, func(f *wire.Frame, b []byte) {
		if f.Type == wire.TypeStream && f.Stream.ToEnd {
			f.Stream.ToEnd = false
			b = f.Stream.Append(nil)
		}
		all = append(all, b)
	})
	return all
}

// learn reads a packet of the engine.
func (v *view) learn(k *packet) {
	v.news = v.news[:0]
	v.each(k.frames, func(f *wire.Frame, _ []byte) {
		switch f.Type {
		case wire.TypeStream:
			id, end := f.Stream.ID, f.Stream.Offset+wire.Offset(len(f.Stream.Data))
			if _, known := v.sent[id]; !known {
				v.order, v.news = append(v.order, id), append(v.news, id)
			}
			v.sent[id] = max(v.sent[id], end)
			v.typed(v.ours, v.role, &f.Stream)
		case wire.TypeCrypto:
			v.crypto[k.level] = max(v.crypto[k.level], f.Crypto.Offset+wire.Offset(len(f.Crypto.Data)))
		case wire.TypeNewConnectionID:
			id := f.NewConnectionID
			v.issued = &id
		}
	})
}

// typed notes the type of a unidirectional stream.
func (v *view) typed(m map[uint64]wire.StreamID, by wire.Role, f *wire.Stream) {
	if !f.ID.IsUni() || f.ID.Initiator() != by || f.Offset > 0 || len(f.Data) == 0 {
		return
	}
	t, n := wire.ConsumeVarint(f.Data)
	if _, known := m[t]; n > 0 && !known {
		m[t] = f.ID
	}
}

// hear reads a packet of the victim, and hides from the engine what concerns streams that it does not know.
func (v *view) hear(q *port.RxPacket) {
	sp := q.Level.Space()
	v.largest[sp] = max(v.largest[sp], q.Number)
	v.each(q.Payload, func(f *wire.Frame, b []byte) {
		if f.Type == wire.TypeStream {
			v.typed(v.theirs, v.role.Peer(), &f.Stream)
		}
		if id, ok := about(f); ok && v.hidden[id] {
			clear(b) // PADDING
		}
	})
}

// about is the stream that a frame concerns.
func about(f *wire.Frame) (id wire.StreamID, ok bool) {
	switch f.Type {
	case wire.TypeStream:
		return f.Stream.ID, true
	case wire.TypeResetStream:
		return f.ResetStream.ID, true
	case wire.TypeStopSending:
		return f.StopSending.ID, true
	case wire.TypeMaxStreamData:
		return f.MaxStreamData.ID, true
	case wire.TypeStreamDataBlocked:
		return f.StreamDataBlocked.ID, true
	}
	return 0, false
}

// concerns reports whether a packet has frames about a stream.
func (v *view) concerns(k *packet, id wire.StreamID) (yes bool) {
	v.each(k.frames, func(f *wire.Frame, _ []byte) {
		x, ok := about(f)
		yes = yes || ok && x == id
	})
	return yes
}

// strip takes the frames about hidden streams out.
func (v *view) strip(frames []byte) []byte {
	if len(v.hidden)+len(v.silent) == 0 {
		return frames
	}
	return v.without(frames, func(f *wire.Frame) bool {
		id, ok := about(f)
		return ok && (v.hidden[id] || v.silent[id])
	})
}

// without takes frames out. A packet that would be empty gets a PING.
func (v *view) without(frames []byte, drop func(*wire.Frame) bool) []byte {
	var left []byte
	v.each(frames, func(f *wire.Frame, b []byte) {
		if !drop(f) {
			left = append(left, b...)
		}
	})
	if len(left) == len(frames) {
		return frames
	}
	if len(left) == 0 {
		left = wire.Ping{}.Append(left)
	}
	return left
}

// open makes up a stream of the attacker's own, and hides it.
func (v *view) open(uni bool) (wire.StreamID, bool) {
	d, last := 0, uint64(lastBidi)
	if uni {
		d, last = 1, lastUni
	}
	if v.fresh[d] > last || !uni && v.role == wire.Server {
		return 0, false // HTTP/3 has no bidirectional streams of a server
	}
	id := wire.MakeStreamID(v.role, uni, v.fresh[d])
	v.fresh[d]++
	v.hidden[id] = true
	return id, true
}

// hasFresh reports whether open makes another stream.
func (v *view) hasFresh(uni bool) bool {
	if uni {
		return v.fresh[1] <= lastUni
	}
	return v.role == wire.Client && v.fresh[0] <= lastBidi
}

// message finds the beginning of a message of the engine in a packet.
func (v *view) message(k *packet) (id wire.StreamID, ok bool) {
	v.each(k.frames, func(f *wire.Frame, _ []byte) {
		if s := &f.Stream; f.Type == wire.TypeStream && s.ID.IsBidi() && s.Offset == 0 && slices.Contains(v.news, s.ID) && !ok {
			id, ok = s.ID, true
		}
	})
	return id, ok
}

// beginning reports whether a packet begins the engine's control stream.
func (v *view) beginning(k *packet) (yes bool) {
	v.each(k.frames, func(f *wire.Frame, _ []byte) {
		if s := &f.Stream; f.Type == wire.TypeStream && s.ID.IsUni() && len(s.Data) > 1 && s.Data[0] == byte(h3wire.StreamControl) {
			yes = yes || s.Offset == 0 && slices.Contains(v.news, s.ID)
		}
	})
	return yes
}

// takeOver hides a stream of the engine's and takes it out of a packet.
func (v *view) takeOver(id wire.StreamID, k *packet) {
	v.hidden[id] = true
	k.frames = v.strip(k.frames)
}

// takeOverLater silences the engine on a stream from the next packet on; what the victim says about it is still heard.
func (v *view) takeOverLater(id wire.StreamID) { v.silent[id] = true }

// has reports whether a packet has a frame of a type.
func (v *view) has(k *packet, types ...wire.FrameType) (yes bool) {
	v.each(k.frames, func(f *wire.Frame, _ []byte) { yes = yes || slices.Contains(types, f.Type) })
	return yes
}

// streams lists the streams on which the engine has sent, bidirectional ones if bidi is set, else the others.
func (v *view) streams(bidi bool) (all []wire.StreamID) {
	for _, id := range v.order {
		if id.IsBidi() == bidi && !v.hidden[id] {
			all = append(all, id)
		}
	}
	return all
}
