package wire

import "strconv"

// FrameType is the type of a frame (RFC 9000 s12.4, table 3).
type FrameType uint64

// The frame types of version 1.
const (
	TypePadding            FrameType = 0x00
	TypePing               FrameType = 0x01
	TypeAck                FrameType = 0x02
	TypeAckECN             FrameType = 0x03
	TypeResetStream        FrameType = 0x04
	TypeStopSending        FrameType = 0x05
	TypeCrypto             FrameType = 0x06
	TypeNewToken           FrameType = 0x07
	TypeStream             FrameType = 0x08 // to 0x0f: OFF, LEN and FIN bits
	TypeMaxData            FrameType = 0x10
	TypeMaxStreamData      FrameType = 0x11
	TypeMaxStreamsBidi     FrameType = 0x12
	TypeMaxStreamsUni      FrameType = 0x13
	TypeDataBlocked        FrameType = 0x14
	TypeStreamDataBlocked  FrameType = 0x15
	TypeStreamsBlockedBidi FrameType = 0x16
	TypeStreamsBlockedUni  FrameType = 0x17
	TypeNewConnectionID    FrameType = 0x18
	TypeRetireConnectionID FrameType = 0x19
	TypePathChallenge      FrameType = 0x1a
	TypePathResponse       FrameType = 0x1b
	TypeConnectionClose    FrameType = 0x1c
	TypeConnectionCloseApp FrameType = 0x1d
	TypeHandshakeDone      FrameType = 0x1e

	streamBits    = 0x07
	numFrameTypes = 0x1f
)

// frameRules is a row of RFC 9000 table 3.
type frameRules struct {
	name  string
	rules uint8
}

const (
	atInitial    = 1 << LevelInitial
	atEarly      = 1 << LevelEarly
	atHandshake  = 1 << LevelHandshake
	atApp        = 1 << LevelApp
	notEliciting = 1 << 4
	probing      = 1 << 5
	server       = 1 << 6

	atAll  = atInitial | atEarly | atHandshake | atApp
	atData = atEarly | atApp
)

var frameTable = [numFrameTypes]frameRules{
	TypePadding:            {"PADDING", atAll | notEliciting | probing},
	TypePing:               {"PING", atAll},
	TypeAck:                {"ACK", atAll&^atEarly | notEliciting},
	TypeAckECN:             {"ACK_ECN", atAll&^atEarly | notEliciting},
	TypeResetStream:        {"RESET_STREAM", atData},
	TypeStopSending:        {"STOP_SENDING", atData},
	TypeCrypto:             {"CRYPTO", atAll &^ atEarly},
	TypeNewToken:           {"NEW_TOKEN", atApp | server},
	TypeStream:             {"STREAM", atData},
	TypeStream | 1:         {"STREAM", atData},
	TypeStream | 2:         {"STREAM", atData},
	TypeStream | 3:         {"STREAM", atData},
	TypeStream | 4:         {"STREAM", atData},
	TypeStream | 5:         {"STREAM", atData},
	TypeStream | 6:         {"STREAM", atData},
	TypeStream | 7:         {"STREAM", atData},
	TypeMaxData:            {"MAX_DATA", atData},
	TypeMaxStreamData:      {"MAX_STREAM_DATA", atData},
	TypeMaxStreamsBidi:     {"MAX_STREAMS_BIDI", atData},
	TypeMaxStreamsUni:      {"MAX_STREAMS_UNI", atData},
	TypeDataBlocked:        {"DATA_BLOCKED", atData},
	TypeStreamDataBlocked:  {"STREAM_DATA_BLOCKED", atData},
	TypeStreamsBlockedBidi: {"STREAMS_BLOCKED_BIDI", atData},
	TypeStreamsBlockedUni:  {"STREAMS_BLOCKED_UNI", atData},
	TypeNewConnectionID:    {"NEW_CONNECTION_ID", atData | probing},
	// RFC 9000 s12.5: table 3 allows it in 0-RTT, but no client can have an ID
	// to retire before the server's first 1-RTT packet.
	TypeRetireConnectionID: {"RETIRE_CONNECTION_ID", atApp},
	TypePathChallenge:      {"PATH_CHALLENGE", atData | probing},
	TypePathResponse:       {"PATH_RESPONSE", atApp | probing},
	TypeConnectionClose:    {"CONNECTION_CLOSE", atAll | notEliciting},
	TypeConnectionCloseApp: {"CONNECTION_CLOSE_APP", atData | notEliciting},
	TypeHandshakeDone:      {"HANDSHAKE_DONE", atApp | server},
}

func (t FrameType) has(rule uint8) bool {
	return t < numFrameTypes && frameTable[t].rules&rule != 0
}

// AllowedAt reports whether a packet at this level may carry the frame
// (RFC 9000 s12.4 and s12.5). The answer to one that may not is
// PROTOCOL_VIOLATION.
func (t FrameType) AllowedAt(level Level) bool { return t.has(1 << level) }

// AllowedFrom reports whether this role may send the frame: only servers send
// NEW_TOKEN and HANDSHAKE_DONE (RFC 9000 s19.7 and s19.20). The answer to one
// that may not is PROTOCOL_VIOLATION.
func (t FrameType) AllowedFrom(sender Role) bool { return sender == Server || !t.has(server) }

// IsAckEliciting reports whether a packet with this frame must be acknowledged:
// all but PADDING, ACK and CONNECTION_CLOSE (RFC 9002 s2).
func (t FrameType) IsAckEliciting() bool { return !t.has(notEliciting) }

// IsProbing reports whether the frame may probe a path without migrating to it
// (RFC 9000 s9.1).
func (t FrameType) IsProbing() bool { return t.has(probing) }

// String returns the name of the type, or its number in hexadecimal.
func (t FrameType) String() string {
	if t < numFrameTypes {
		return frameTable[t].name
	}
	return "frame type 0x" + strconv.FormatUint(uint64(t), 16)
}

// Frame is one decoded frame: its type and, in the field of that type, its
// content. A receiver reuses one Frame for a whole packet: fields of other
// types keep what earlier frames left in them.
type Frame struct {
	// Type is the type on the wire, but TypeStream for all eight of STREAM.
	Type FrameType

	Padding            Padding
	Ack                Ack
	ResetStream        ResetStream
	StopSending        StopSending
	Crypto             Crypto
	NewToken           NewToken
	Stream             Stream
	MaxData            MaxData
	MaxStreamData      MaxStreamData
	MaxStreams         MaxStreams
	DataBlocked        DataBlocked
	StreamDataBlocked  StreamDataBlocked
	StreamsBlocked     StreamsBlocked
	NewConnectionID    NewConnectionID
	RetireConnectionID RetireConnectionID
	PathChallenge      PathChallenge
	PathResponse       PathResponse
	ConnectionClose    ConnectionClose
}

// NextFrame decodes the frame at the start of b, which is the rest of a packet
// payload and not empty, into f and returns how many bytes it took. A run of
// PADDING counts as one frame. Bytes in f alias b. The error is an *Error that
// closes the connection.
func NextFrame(b []byte, f *Frame) (n int, err error) {
	if len(b) == 0 {
		// RFC 9000 s12.4: a packet contains at least one frame.
		return 0, NewError(ProtocolViolation, 0, "packet without frames")
	}
	t := FrameType(b[0])
	f.Type = t
	switch t {
	case TypePadding:
		f.Padding, n, err = ParsePadding(b)
	case TypePing, TypeHandshakeDone:
		n = 1
	case TypeAck, TypeAckECN:
		f.Ack, n, err = ParseAck(b)
	case TypeResetStream:
		f.ResetStream, n, err = ParseResetStream(b)
	case TypeStopSending:
		f.StopSending, n, err = ParseStopSending(b)
	case TypeCrypto:
		f.Crypto, n, err = ParseCrypto(b)
	case TypeNewToken:
		f.NewToken, n, err = ParseNewToken(b)
	case 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f:
		f.Type = TypeStream
		f.Stream, n, err = ParseStream(b)
	case TypeMaxData:
		f.MaxData, n, err = ParseMaxData(b)
	case TypeMaxStreamData:
		f.MaxStreamData, n, err = ParseMaxStreamData(b)
	case TypeMaxStreamsBidi, TypeMaxStreamsUni:
		f.MaxStreams, n, err = ParseMaxStreams(b)
	case TypeDataBlocked:
		f.DataBlocked, n, err = ParseDataBlocked(b)
	case TypeStreamDataBlocked:
		f.StreamDataBlocked, n, err = ParseStreamDataBlocked(b)
	case TypeStreamsBlockedBidi, TypeStreamsBlockedUni:
		f.StreamsBlocked, n, err = ParseStreamsBlocked(b)
	case TypeNewConnectionID:
		f.NewConnectionID, n, err = ParseNewConnectionID(b)
	case TypeRetireConnectionID:
		f.RetireConnectionID, n, err = ParseRetireConnectionID(b)
	case TypePathChallenge:
		f.PathChallenge, n, err = ParsePathChallenge(b)
	case TypePathResponse:
		f.PathResponse, n, err = ParsePathResponse(b)
	case TypeConnectionClose, TypeConnectionCloseApp:
		f.ConnectionClose, n, err = ParseConnectionClose(b)
	default:
		n, err = 0, unknownFrame(b)
	}
	return n, err
}

// Append appends the frame that f holds.
func (f *Frame) Append(b []byte) []byte {
	switch f.Type {
	case TypePadding:
		return f.Padding.Append(b)
	case TypePing:
		return Ping{}.Append(b)
	case TypeAck, TypeAckECN:
		return f.Ack.Append(b)
	case TypeResetStream:
		return f.ResetStream.Append(b)
	case TypeStopSending:
		return f.StopSending.Append(b)
	case TypeCrypto:
		return f.Crypto.Append(b)
	case TypeNewToken:
		return f.NewToken.Append(b)
	case TypeStream:
		return f.Stream.Append(b)
	case TypeMaxData:
		return f.MaxData.Append(b)
	case TypeMaxStreamData:
		return f.MaxStreamData.Append(b)
	case TypeMaxStreamsBidi, TypeMaxStreamsUni:
		return f.MaxStreams.Append(b)
	case TypeDataBlocked:
		return f.DataBlocked.Append(b)
	case TypeStreamDataBlocked:
		return f.StreamDataBlocked.Append(b)
	case TypeStreamsBlockedBidi, TypeStreamsBlockedUni:
		return f.StreamsBlocked.Append(b)
	case TypeNewConnectionID:
		return f.NewConnectionID.Append(b)
	case TypeRetireConnectionID:
		return f.RetireConnectionID.Append(b)
	case TypePathChallenge:
		return f.PathChallenge.Append(b)
	case TypePathResponse:
		return f.PathResponse.Append(b)
	case TypeConnectionClose, TypeConnectionCloseApp:
		return f.ConnectionClose.Append(b)
	case TypeHandshakeDone:
		return HandshakeDone{}.Append(b)
	}
	panic("wire: append of a frame of unknown type")
}

// unknownFrame says why no frame starts with b[0].
func unknownFrame(b []byte) *Error {
	t, n := ConsumeVarint(b)
	switch {
	case n == 0:
		return NewError(FrameEncodingError, 0, "truncated frame type")
	case n != VarintLen(t):
		// RFC 9000 s12.4: a longer encoding than necessary is a
		// PROTOCOL_VIOLATION, not a FRAME_ENCODING_ERROR.
		return NewError(ProtocolViolation, FrameType(t), "frame type not in its shortest encoding")
	}
	// RFC 9000 s12.4: unknown types are a FRAME_ENCODING_ERROR.
	return NewError(FrameEncodingError, FrameType(t), "unknown frame type")
}

// cursor reads the fields of one frame. After its first fault it reads zeros,
// so that a parser checks once, at its end.
type cursor struct {
	b     []byte
	at    int
	fault string
}

// openFrame starts after the type in b, which must be t but for the flag bits.
func openFrame(b []byte, t FrameType, flags FrameType) cursor {
	if len(b) == 0 || FrameType(b[0])&^flags != t {
		return cursor{fault: "not a frame of this type"}
	}
	return cursor{b: b, at: 1}
}

func (c *cursor) varint() uint64 {
	v, n := ConsumeVarint(c.b[c.at:])
	if n == 0 {
		c.fail("truncated")
	}
	c.at += n
	return v
}

func (c *cursor) bytes(n uint64) []byte {
	if n > uint64(len(c.b)-c.at) {
		c.fail("truncated")
		return nil
	}
	start := c.at
	c.at += int(n)
	return c.b[start:c.at:c.at]
}

// fail notes what is wrong, unless an earlier fault explains it already.
func (c *cursor) fail(reason string) {
	if c.fault == "" {
		c.fault = reason
	}
	c.b, c.at = nil, 0
}

// close returns the size of the frame, or its fault as an *Error.
func (c *cursor) close(t FrameType) (int, error) {
	if c.fault != "" {
		return 0, NewError(FrameEncodingError, t, c.fault)
	}
	return c.at, nil
}
