package qlog

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/wire"
	"quicpro/wire/h3wire"
)

// NewLines returns a trace that writes each event as one line of level Debug, with the connection's role and ID and the peer's
// address. It is nil if the logger does not take such lines now: rooms skip a nil Trace, so that it costs nothing.
func NewLines(log *slog.Logger, role wire.Role, odcid wire.ConnectionID, remote netip.AddrPort) port.Trace {
	if log == nil || !log.Enabled(context.Background(), slog.LevelDebug) {
		return nil
	}
	return &lines{log.With("role", role.String(), "connection", odcid.String(), "remote", remote.String())}
}

type lines struct{ log *slog.Logger }

func (l *lines) Packet(_ mono.Time, p port.PacketEvent) {
	what := "packet received"
	if p.Sent {
		what = "packet sent"
	}
	l.line(what, level(p.Level), slog.Int64("number", int64(p.Number)), slog.Int("size", p.Size))
}

func (l *lines) Dropped(_ mono.Time, size int, reason string) {
	l.line("packet dropped", slog.Int("size", size), slog.String("reason", reason))
}

func (l *lines) Lost(_ mono.Time, at wire.Level, number wire.PacketNumber, reason string) {
	l.line("packet lost", level(at), slog.Int64("number", int64(number)), slog.String("reason", reason))
}

func (l *lines) Metrics(_ mono.Time, m port.Metrics) {
	l.line("metrics", slog.Duration("rtt", m.SmoothedRTT.Round(time.Microsecond)), slog.Int("window", m.Window),
		slog.Int("in_flight", m.InFlight), slog.Int("pto_count", m.PTOCount), slog.Bool("slow_start", m.SlowStart), slog.Int("datagram", m.Datagram))
}

func (l *lines) Parameters(_ mono.Time, ours bool, p *wire.TransportParameters) {
	l.line("transport parameters", slog.String("of", initiator(ours)), slog.Duration("idle_timeout", p.MaxIdleTimeout),
		slog.Uint64("max_data", uint64(p.InitialMaxData)), slog.Uint64("max_streams_bidi", p.InitialMaxStreamsBidi),
		slog.Uint64("max_streams_uni", p.InitialMaxStreamsUni))
}

func (l *lines) State(_ mono.Time, state string) { l.line("state", slog.String("new", state)) }

func (l *lines) Keys(_ mono.Time, at wire.Level, what string) {
	l.line("keys", level(at), slog.String("what", what))
}

func (l *lines) Closed(_ mono.Time, c *port.Cause) { l.line("closed", slog.String("cause", c.Error())) }

func (l *lines) H3Frame(_ mono.Time, sent bool, stream wire.StreamID, frameType uint64, length uint64, fields []port.Field) {
	what := "HTTP/3 frame received"
	if sent {
		what = "HTTP/3 frame sent"
	}
	attributes := []slog.Attr{
		slog.Uint64("stream", uint64(stream)), slog.String("type", h3wire.FrameType(frameType).String()),
		slog.Uint64("length", length), slog.Int("fields", len(fields)),
	}
	if len(fields) > 0 && fields[0].Name == ":status" { // no secret, as other fields may be; 431 is told nowhere else
		attributes = append(attributes, slog.String("status", fields[0].Value))
	}
	l.line(what, attributes...)
}

func (l *lines) line(what string, attributes ...slog.Attr) {
	l.log.LogAttrs(context.Background(), slog.LevelDebug, what, attributes...)
}

// level has another name than the line's own level.
func level(l wire.Level) slog.Attr { return slog.String("encryption", l.String()) }
