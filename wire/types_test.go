package wire

import (
	"errors"
	"fmt"
	"testing"
)

func TestStreamID(t *testing.T) {
	for _, c := range []struct {
		role Role
		uni  bool
		seq  uint64
		want StreamID
	}{
		{Client, false, 0, 0}, {Server, false, 0, 1}, {Client, true, 0, 2}, {Server, true, 0, 3},
		{Client, false, 1, 4}, {Server, true, 5, 23}, {Server, true, MaxStreamCount - 1, MaxVarint},
	} {
		id := MakeStreamID(c.role, c.uni, c.seq)
		if id != c.want {
			t.Errorf("MakeStreamID(%v, %v, %d) = %d, want %d", c.role, c.uni, c.seq, id, c.want)
		}
		if id.Initiator() != c.role || id.IsUni() != c.uni || id.IsBidi() == c.uni || id.Seq() != c.seq {
			t.Errorf("%d takes apart to %v, %v, %d", id, id.Initiator(), id.IsUni(), id.Seq())
		}
	}
}

func TestConnectionID(t *testing.T) {
	raw := unhex(t, "000102030405060708090a0b0c0d0e0f10111213")
	seen := map[ConnectionID]int{}
	for n := range len(raw) + 1 {
		id, ok := MakeConnectionID(raw[:n])
		if !ok || id.Len() != n || string(id.Bytes()) != string(raw[:n]) || string(id.Append(nil)) != string(raw[:n]) {
			t.Errorf("%d bytes: %v, %v", n, id, ok)
		}
		seen[id] = n
	}
	if len(seen) != 21 {
		t.Errorf("prefixes are not distinct: %d of 21", len(seen))
	}
	if _, ok := MakeConnectionID(make([]byte, 21)); ok {
		t.Error("an ID of 21 bytes was accepted")
	}
	if s := cid(t, "c0ffee").String(); s != "c0ffee" {
		t.Errorf("String = %q", s)
	}
}

func TestLevels(t *testing.T) {
	want := [NumLevels]Space{SpaceInitial, SpaceApp, SpaceHandshake, SpaceApp}
	for level, space := range want {
		if got := Level(level).Space(); got != space {
			t.Errorf("%v.Space() = %v, want %v", Level(level), got, space)
		}
	}
	types := map[PacketType]Level{PacketInitial: LevelInitial, Packet0RTT: LevelEarly, PacketHandshake: LevelHandshake}
	for typ, level := range types {
		if typ.Level() != level || typ.String() != level.String() {
			t.Errorf("%v.Level() = %v, want %v", typ, typ.Level(), level)
		}
	}
	if Client.Peer() != Server || Server.Peer() != Client {
		t.Error("Peer is not the other role")
	}
	if !Version(0x1a2a3a4a).IsReserved() || Version1.IsReserved() {
		t.Error("IsReserved does not tell 0x?a?a?a?a")
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		got  fmt.Stringer
		want string
	}{
		{NoError, "NO_ERROR"}, {NoViablePath, "NO_VIABLE_PATH"}, {KeyUpdateError, "KEY_UPDATE_ERROR"},
		{ErrorCode(0x11), "0x11"}, {ErrorCode(0x200), "0x200"},
		{CryptoError(120), "CRYPTO_ERROR(alert 120)"}, {CryptoError(0), "CRYPTO_ERROR(alert 0)"},
		{TypePadding, "PADDING"}, {TypeStream | 7, "STREAM"}, {TypeHandshakeDone, "HANDSHAKE_DONE"},
		{FrameType(0x1f), "frame type 0x1f"},
		{Client, "client"}, {Server, "server"},
		{SpaceInitial, "Initial"}, {SpaceHandshake, "Handshake"}, {SpaceApp, "Application"}, {Space(3), "unknown space"},
		{LevelApp, "1-RTT"}, {Level(4), "unknown level"}, {PacketRetry, "Retry"},
	} {
		if c.got.String() != c.want {
			t.Errorf("String = %q, want %q", c.got, c.want)
		}
	}
}

func TestError(t *testing.T) {
	err := fmt.Errorf("closing: %w", NewError(FrameEncodingError, TypeAck, "truncated"))
	var e *Error
	if !errors.As(err, &e) || e.Code != FrameEncodingError {
		t.Fatalf("errors.As finds %v", e)
	}
	if e.Error() != "FRAME_ENCODING_ERROR in ACK: truncated" {
		t.Errorf("Error = %q", e.Error())
	}
	if s := NewError(NoError, 0, "").Error(); s != "NO_ERROR" {
		t.Errorf("Error = %q", s)
	}
	if alert, ok := CryptoError(40).Alert(); alert != 40 || !ok {
		t.Errorf("Alert = %d, %v", alert, ok)
	}
	if _, ok := ProtocolViolation.Alert(); ok {
		t.Error("PROTOCOL_VIOLATION has an alert")
	}
}
