package h3wire

// StreamKind says by which rules the frames on a stream are judged (RFC 9114
// s7).
type StreamKind uint8

// The kinds of stream that carry frames.
const (
	ControlStream StreamKind = iota
	RequestStream
	PushStream
)

// String returns the kind as RFC 9114 writes it.
func (k StreamKind) String() string {
	return [...]string{"control stream", "request stream", "push stream"}[k]
}

// Role is a side of the connection.
type Role uint8

// The sides of a connection.
const (
	Client Role = iota
	Server
)

// String returns "client" or "server".
func (r Role) String() string { return [...]string{"client", "server"}[r] }

// CheckFrame returns nil if sender may send a frame of type t on a stream of
// kind k, else an H3_FRAME_UNEXPECTED error (RFC 9114 s7, table 1). Unknown
// types pass everywhere (s9), reserved HTTP/2 types nowhere (s7.2.8). The order
// of frames, SETTINGS first for one, is the caller's to judge.
func CheckFrame(t FrameType, k StreamKind, sender Role) error {
	if t.IsHTTP2() {
		return errHTTP2Frame
	}
	if !allowedOn(t, k) {
		return &Error{CodeFrameUnexpected, t.String() + " frame on a " + k.String()}
	}
	if !allowedFrom(t, sender) {
		return &Error{CodeFrameUnexpected, t.String() + " frame from a " + sender.String()}
	}
	return nil
}

var errHTTP2Frame = &Error{CodeFrameUnexpected, "frame type reserved for HTTP/2"}

func allowedOn(t FrameType, k StreamKind) bool {
	switch t {
	case FrameData, FrameHeaders:
		return k != ControlStream
	case FramePushPromise:
		return k == RequestStream
	case FrameCancelPush, FrameSettings, FrameGoaway, FrameMaxPushID:
		return k == ControlStream
	case FramePriorityUpdateRequest, FramePriorityUpdatePush:
		// RFC 9218 s7.2: on the client control stream only.
		return k == ControlStream
	}
	return true
}

func allowedFrom(t FrameType, sender Role) bool {
	switch t {
	case FramePushPromise:
		// RFC 9114 s7.2.5: a client MUST NOT send a PUSH_PROMISE frame.
		return sender == Server
	case FrameMaxPushID, FramePriorityUpdateRequest, FramePriorityUpdatePush:
		// RFC 9114 s7.2.7, RFC 9218 s7.2: a server MUST NOT send these.
		return sender == Client
	}
	return true
}
