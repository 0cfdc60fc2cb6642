package oracle

import (
	"fmt"
	"time"

	"quicpro/internal/mono"
)

// Rule is the name of a rule.
type Rule string

// The rules about what one side sends, given what it has received.
const (
	// NumberRises: packet numbers rise in each space, and none is used twice (RFC 9000 s12.3).
	NumberRises Rule = "number.rises"
	// KeysLive: packets are sent and used only at a level whose keys are installed and not dropped (RFC 9001 s4.9).
	KeysLive Rule = "keys.live"
	// KeyUpdate: a key update begins when the handshake is confirmed, a packet of the present key phase was acknowledged, and, behind another
	// update, three probe timeouts have passed since (RFC 9001 s6.1, s6.5).
	KeyUpdate Rule = "key.update"
	// FrameWellFormed: a payload is a sequence of one or more frames (RFC 9000 s12.4).
	FrameWellFormed Rule = "frame.wellformed"
	// FrameAllowed: the packet type may carry the frame, and the role may send it (RFC 9000 s12.4, table 3).
	FrameAllowed Rule = "frame.allowed"
	// InitialSize: datagrams with an Initial of a client, or an ack-eliciting one of a server, have 1200 bytes
	// (RFC 9000 s14.1). Packets written at the same instant at rising levels are taken as one datagram.
	InitialSize Rule = "initial.size"
	// Amplification: a server sends three times what it received, before the address is validated (RFC 9000 s8.1).
	Amplification Rule = "amplification"
	// AckSeen: an ACK acknowledges only packets that this side has received (RFC 9000 s13.1).
	AckSeen Rule = "ack.seen"
	// AckLargest: the largest acknowledged never falls. RFC 9000 s13.2.3 has the newest range in every ACK frame.
	AckLargest Rule = "ack.largest"
	// AckECN: ECN counts never fall, and count no more packets than were received (RFC 9000 s13.4.1, s19.3.2).
	AckECN Rule = "ack.ecn"
	// AckInTime: every ack-eliciting packet is acknowledged within max_ack_delay and Options.AckMargin (RFC 9000 s13.2.1).
	AckInTime Rule = "ack.intime"
	// StreamExists: frames name streams that exist and go that way (RFC 9000 s19.4 to s19.13).
	StreamExists Rule = "stream.exists"
	// StreamCount: streams are opened within MAX_STREAMS, as received (RFC 9000 s4.6).
	StreamCount Rule = "stream.count"
	// StreamCredit: stream data stays within MAX_STREAM_DATA, as received (RFC 9000 s4.1).
	StreamCredit Rule = "stream.credit"
	// DataCredit: all streams together stay within MAX_DATA, as received (RFC 9000 s4.1).
	DataCredit Rule = "data.credit"
	// FinalSize: a stream's final size does not change and nothing lies beyond it (RFC 9000 s4.5).
	FinalSize Rule = "stream.final"
	// AfterReset: no STREAM frame follows RESET_STREAM (RFC 9000 s3.1).
	AfterReset Rule = "stream.afterreset"
	// StreamContent: an offset of a stream always carries the same byte (RFC 9000 s2.2).
	StreamContent Rule = "stream.content"
	// CryptoContent: the same for CRYPTO of a level (RFC 9000 s19.6).
	CryptoContent Rule = "crypto.content"
	// LimitRises: no MAX_DATA, MAX_STREAM_DATA or MAX_STREAMS is below one sent before (RFC 9000 s4.1).
	LimitRises Rule = "limit.rises"
	// IDIssue: a sequence number names one connection ID and token, and an ID has one number (RFC 9000 s19.15).
	IDIssue Rule = "id.issue"
	// IDPrior: Retire Prior To never falls as sequence numbers rise (RFC 9000 s19.15).
	IDPrior Rule = "id.prior"
	// IDLimit: the peer never has more IDs than its active_connection_id_limit (RFC 9000 s5.1.1).
	IDLimit Rule = "id.limit"
	// IDRetire: only IDs that the peer issued are retired (RFC 9000 s19.16).
	IDRetire Rule = "id.retire"
	// PathEcho: a PATH_RESPONSE echoes a PATH_CHALLENGE that was received, each once (RFC 9000 s8.2.2).
	PathEcho Rule = "path.echo"
	// DoneLate: HANDSHAKE_DONE is not sent before the handshake is complete (RFC 9001 s4.1.2).
	DoneLate Rule = "handshake.done"
	// StateOrder: a connection's life goes forwards.
	StateOrder Rule = "state.order"
	// ClosingQuiet: after closing, only packets with CONNECTION_CLOSE are sent, and not many (RFC 9000 s10.2.1).
	ClosingQuiet Rule = "closing.quiet"
	// DrainingSilent: a draining side sends nothing (RFC 9000 s10.2.2).
	DrainingSilent Rule = "draining.silent"
	// NumberFresh: no packet number is processed twice (RFC 9000 s12.3).
	NumberFresh Rule = "number.fresh"
)

// The rules about both sides: what the peer is to blame for, if anybody is.
const (
	// PacketGenuine: what is received was sent, with the same payload. Needs both sides.
	PacketGenuine Rule = "packet.genuine"
	// KeyPhase: a side follows only key updates that the peer has begun, and begins none before the peer has followed the one before (RFC 9001
	// s6.1, s6.2). Needs both sides.
	KeyPhase Rule = "key.phase"
	// AckSent: received ACKs name only numbers that this side has sent (RFC 9000 s13.1).
	AckSent Rule = "ack.sent"
	// CreditHeld: nothing is received beyond the credit that this side has sent (RFC 9000 s4.1, s4.6).
	CreditHeld Rule = "credit.held"
	// ParametersAgree: the transport parameters that one side read are those that the other declared. Needs both sides.
	ParametersAgree Rule = "parameters.agree"
)

// The rules about loss recovery.
const (
	// InFlight: the bytes in flight are those of the packets in flight that are neither acknowledged nor lost nor
	// discarded (RFC 9002 s2, A.1).
	InFlight Rule = "recovery.inflight"
	// Window: the congestion window is never below two datagrams of 1200 bytes (RFC 9002 s7.2).
	Window Rule = "recovery.window"
	// LostOnce: only packets that are outstanding are declared lost (RFC 9002 s6.1).
	LostOnce Rule = "recovery.lost"
	// BackoffResets: pto_count is zero after an acknowledgment that the RFC counts as progress (RFC 9002 s6.2.1).
	BackoffResets Rule = "recovery.backoff"
	// ProbeInTime: with something ack-eliciting in flight a side is never silent for much longer than its probe timeout
	// (RFC 9002 s6.2); Options.ProbeMargin.
	ProbeInTime Rule = "recovery.probe"
)

// The rules about HTTP/3.
const (
	// H3Settings: the first frame on a control stream is SETTINGS, and it comes once (RFC 9114 s6.2.1, s7.2.4).
	H3Settings Rule = "h3.settings"
	// H3Control: each side has one control stream (RFC 9114 s6.2.1).
	H3Control Rule = "h3.control"
	// H3Frame: the stream and the sender may have the frame (RFC 9114 s7, table 1).
	H3Frame Rule = "h3.frame"
	// H3Order: a message is HEADERS, then DATA, then perhaps trailers (RFC 9114 s4.1).
	H3Order Rule = "h3.order"
	// H3Goaway: the identifier in GOAWAY never rises, and is of the right kind (RFC 9114 s5.2).
	H3Goaway Rule = "h3.goaway"
)

var rules = []Rule{
	NumberRises, KeysLive, KeyUpdate, FrameWellFormed, FrameAllowed, InitialSize, Amplification, AckSeen, AckLargest, AckECN, AckInTime,
	StreamExists, StreamCount, StreamCredit, DataCredit, FinalSize, AfterReset, StreamContent, CryptoContent, LimitRises,
	IDIssue, IDPrior, IDLimit, IDRetire, PathEcho, DoneLate, StateOrder, ClosingQuiet, DrainingSilent, NumberFresh,
	PacketGenuine, KeyPhase, AckSent, CreditHeld, ParametersAgree,
	InFlight, Window, LostOnce, BackoffResets, ProbeInTime,
	H3Settings, H3Control, H3Frame, H3Order, H3Goaway,
}

// Rules lists the names of all rules.
func Rules() []Rule { return append([]Rule(nil), rules...) }

// Violation is a broken rule. It is an error.
type Violation struct {
	Rule Rule
	Side string    // the name that the side was opened with
	At   mono.Time // of the event that showed it
	What string
}

func (v *Violation) Error() string {
	return fmt.Sprintf("oracle: %s: %s at %v: %s", v.Rule, v.Side, time.Duration(v.At), v.What)
}
