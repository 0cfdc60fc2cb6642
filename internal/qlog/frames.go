package qlog

import (
	"unicode/utf8"

	"quicpro/wire"
)

const (
	// maxFrames is how many frames of a packet are listed; a packet of PINGs has 64,000.
	maxFrames = 128
	// maxRanges is how many ranges of an ACK are listed.
	maxRanges = 64
)

// frames lists the frames of a packet's plaintext. It stops where they are broken, with an unknown frame.
func frames(e *encoder, payload []byte, f *wire.Frame, exponent uint8) {
	e.array("frames")
	omitted := 0
	for count := 0; len(payload) > 0; count++ {
		n, err := wire.NextFrame(payload, f)
		switch {
		case err != nil:
			e.element()
			unknownFrame(e, payload)
			e.endObject()
			n = len(payload)
		case count < maxFrames:
			e.element()
			frame(e, f, n, exponent)
			e.endObject()
		default:
			omitted++
		}
		payload = payload[n:]
	}
	e.endArray()
	if omitted > 0 {
		e.uint("frames_omitted", uint64(omitted))
	}
}

// frame writes the members of one frame that took size bytes.
func frame(e *encoder, f *wire.Frame, size int, exponent uint8) {
	payload := -1
	switch f.Type {
	case wire.TypePadding:
		e.name("frame_type", "padding")
		payload = f.Padding.Count
	case wire.TypePing:
		e.name("frame_type", "ping")
	case wire.TypeAck, wire.TypeAckECN:
		ack(e, &f.Ack, exponent)
	case wire.TypeResetStream:
		e.name("frame_type", "reset_stream")
		e.uint("stream_id", uint64(f.ResetStream.ID))
		appError(e, "error", uint64(f.ResetStream.Code))
		e.uint("final_size", uint64(f.ResetStream.FinalSize))
	case wire.TypeStopSending:
		e.name("frame_type", "stop_sending")
		e.uint("stream_id", uint64(f.StopSending.ID))
		appError(e, "error", uint64(f.StopSending.Code))
	case wire.TypeCrypto:
		e.name("frame_type", "crypto")
		e.uint("offset", uint64(f.Crypto.Offset))
		// quic-events CryptoFrame and StreamFrame: the frame's Length field goes into raw.length.
		size, payload = len(f.Crypto.Data), len(f.Crypto.Data)
	case wire.TypeNewToken:
		newToken(e, f.NewToken.Token)
	case wire.TypeStream:
		e.name("frame_type", "stream")
		e.uint("stream_id", uint64(f.Stream.ID))
		e.uint("offset", uint64(f.Stream.Offset))
		if f.Stream.Fin {
			e.bool("fin", true)
		}
		size, payload = len(f.Stream.Data), len(f.Stream.Data)
	case wire.TypeConnectionClose, wire.TypeConnectionCloseApp:
		connectionClose(e, &f.ConnectionClose)
	case wire.TypeHandshakeDone:
		e.name("frame_type", "handshake_done")
	case wire.TypeNewConnectionID, wire.TypeRetireConnectionID, wire.TypePathChallenge, wire.TypePathResponse:
		pathFrame(e, f)
	default:
		limitFrame(e, f)
	}
	e.raw(size, payload)
}

// limitFrame writes the frames of flow control.
func limitFrame(e *encoder, f *wire.Frame) {
	switch f.Type {
	case wire.TypeMaxData:
		e.name("frame_type", "max_data")
		e.uint("maximum", uint64(f.MaxData.Max))
	case wire.TypeMaxStreamData:
		e.name("frame_type", "max_stream_data")
		e.uint("stream_id", uint64(f.MaxStreamData.ID))
		e.uint("maximum", uint64(f.MaxStreamData.Max))
	case wire.TypeMaxStreamsBidi, wire.TypeMaxStreamsUni:
		e.name("frame_type", "max_streams")
		e.name("stream_type", streamType(f.MaxStreams.Uni))
		e.uint("maximum", f.MaxStreams.Max)
	case wire.TypeDataBlocked:
		e.name("frame_type", "data_blocked")
		e.uint("limit", uint64(f.DataBlocked.Limit))
	case wire.TypeStreamDataBlocked:
		e.name("frame_type", "stream_data_blocked")
		e.uint("stream_id", uint64(f.StreamDataBlocked.ID))
		e.uint("limit", uint64(f.StreamDataBlocked.Limit))
	case wire.TypeStreamsBlockedBidi, wire.TypeStreamsBlockedUni:
		e.name("frame_type", "streams_blocked")
		e.name("stream_type", streamType(f.StreamsBlocked.Uni))
		e.uint("limit", f.StreamsBlocked.Limit)
	default:
		e.name("frame_type", "unknown")
		e.uint("frame_type_bytes", uint64(f.Type))
	}
}

// pathFrame writes the frames of connection IDs and paths.
func pathFrame(e *encoder, f *wire.Frame) {
	switch f.Type {
	case wire.TypeNewConnectionID:
		e.name("frame_type", "new_connection_id")
		e.uint("sequence_number", f.NewConnectionID.Seq)
		e.uint("retire_prior_to", f.NewConnectionID.RetirePriorTo)
		e.hex("connection_id", f.NewConnectionID.ID.Bytes())
		e.hex("stateless_reset_token", f.NewConnectionID.Token[:])
	case wire.TypeRetireConnectionID:
		e.name("frame_type", "retire_connection_id")
		e.uint("sequence_number", f.RetireConnectionID.Seq)
	case wire.TypePathChallenge:
		e.name("frame_type", "path_challenge")
		e.hex("data", f.PathChallenge.Data[:])
	case wire.TypePathResponse:
		e.name("frame_type", "path_response")
		e.hex("data", f.PathResponse.Data[:])
	}
}

func ack(e *encoder, f *wire.Ack, exponent uint8) {
	e.name("frame_type", "ack")
	e.milliseconds("ack_delay", int64(f.DelayTime(exponent)))
	e.array("acked_ranges")
	ranges, listed := f.Ranges(), 0
	for ; listed < maxRanges; listed++ {
		r, ok := ranges.Next()
		if !ok {
			break
		}
		e.separate()
		e.b = append(e.b, '[')
		e.number(uint64(r.Lo))
		if r.Hi != r.Lo {
			e.b = append(e.b, ',')
			e.number(uint64(r.Hi))
		}
		e.b = append(e.b, ']')
	}
	e.endArray()
	if omitted := f.Count - listed; omitted > 0 {
		e.uint("ranges_omitted", uint64(omitted))
	}
	if f.HasECN {
		e.uint("ect1", f.ECN.ECT1)
		e.uint("ect0", f.ECN.ECT0)
		e.uint("ce", f.ECN.CE)
	}
}

func newToken(e *encoder, token []byte) {
	e.name("frame_type", "new_token")
	e.object("token")
	e.name("type", "resumption")
	e.object("raw")
	e.uint("length", uint64(len(token)))
	e.hex("data", token)
	e.endObject()
	e.endObject()
}

func connectionClose(e *encoder, f *wire.ConnectionClose) {
	e.name("frame_type", "connection_close")
	if f.App {
		e.name("error_space", "application")
		appError(e, "error", f.Code)
	} else {
		e.name("error_space", "transport")
		transportError(e, "error", f.Code)
	}
	if utf8.Valid(f.Reason) {
		text(e, "reason", f.Reason)
	} else {
		e.hex("reason_bytes", f.Reason)
	}
	if !f.App && f.FrameType != 0 {
		e.uint("trigger_frame_type", uint64(f.FrameType))
	}
}

// unknownFrame writes a frame that cannot be parsed, and the rest of the packet with it.
func unknownFrame(e *encoder, rest []byte) {
	e.name("frame_type", "unknown")
	t, n := wire.ConsumeVarint(rest)
	if n == 0 {
		t = uint64(rest[0])
	}
	e.uint("frame_type_bytes", t)
	e.object("raw")
	e.uint("length", uint64(len(rest)))
	e.hex("data", rest)
	e.endObject()
}

func streamType(uni bool) string {
	if uni {
		return "unidirectional"
	}
	return "bidirectional"
}
