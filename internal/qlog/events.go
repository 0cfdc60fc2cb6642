package qlog

import (
	"math"
	"net/netip"
	"strings"
	"time"

	"quicpro/actors/port"
	"quicpro/internal/mono"
	"quicpro/wire"
)

// header writes a PacketHeader, which stands for the level and the packet number space too.
func header(e *encoder, level wire.Level, number wire.PacketNumber) {
	e.object("header")
	e.name("packet_type", packetType(level))
	if number >= 0 {
		e.uint("packet_number", uint64(number))
	}
	e.endObject()
}

func packetType(level wire.Level) string {
	switch level {
	case wire.LevelInitial:
		return "initial"
	case wire.LevelEarly:
		return "0RTT"
	case wire.LevelHandshake:
		return "handshake"
	case wire.LevelApp:
		return "1RTT"
	}
	return "unknown"
}

// dropReasons lead from words of a reason to the schema's trigger, the first that fits.
var dropReasons = [...]struct{ word, trigger string }{
	{"duplicate", "duplicate"},
	{"unknown version", "unsupported"},
	{"no keys", "key_unavailable"},
	{"keys are gone", "key_unavailable"},
	{"level discarded", "key_unavailable"},
	{"authentic", "decryption_failure"},
	{"opened", "decryption_failure"},
	{"no room", "rejected"},
	{"connection id", "connection_unknown"},
	{"malformed", "invalid"},
	{"reserved", "invalid"},
	{"truncated", "invalid"},
	{"unexpected", "invalid"},
	{"below 1200", "invalid"},
	{"of a server", "invalid"},
}

func dropTrigger(reason string) string {
	reason = strings.ToLower(reason)
	for _, r := range dropReasons {
		if strings.Contains(reason, r.word) {
			return r.trigger
		}
	}
	return "general"
}

// lossTrigger names the rule of RFC 9002 s6 that declared a packet lost; empty if the reason does not tell.
func lossTrigger(reason string) string {
	switch {
	case strings.Contains(reason, "time"):
		return "time_threshold"
	case strings.Contains(reason, "packet"), strings.Contains(reason, "reorder"):
		return "reordering_threshold"
	case strings.Contains(reason, "PTO"), strings.Contains(reason, "pto"), strings.Contains(reason, "probe"):
		return "pto_expired"
	}
	return ""
}

// metrics writes what differs between m and old, or everything that is set if first.
func metrics(e *encoder, m, old port.Metrics, first bool) {
	duration := func(k string, now, then time.Duration) {
		if now != then || first && now != 0 {
			e.milliseconds(k, int64(now))
		}
	}
	count := func(k string, now, then int) {
		if now != then || first {
			e.uint(k, uint64(max(0, now)))
		}
	}
	duration("min_rtt", m.MinRTT, old.MinRTT)
	duration("smoothed_rtt", m.SmoothedRTT, old.SmoothedRTT)
	duration("latest_rtt", m.LatestRTT, old.LatestRTT)
	duration("rtt_variance", m.RTTVariance, old.RTTVariance)
	count("pto_count", m.PTOCount, old.PTOCount)
	count("congestion_window", m.Window, old.Window)
	count("bytes_in_flight", m.InFlight, old.InFlight)
	// RFC 9002 B.3: the threshold is infinite until the first loss.
	if m.Threshold != math.MaxInt {
		count("ssthresh", m.Threshold, old.Threshold)
	}
}

func congestionState(slowStart bool) string {
	if slowStart {
		return "slow_start"
	}
	return "congestion_avoidance"
}

// stateName is the schema's name of a step in a connection's life.
func stateName(state string) string {
	switch state {
	case "handshake":
		return "attempted"
	case "connected":
		return "handshake_complete"
	case "confirmed":
		return "handshake_confirmed"
	}
	return state
}

func initiator(ours bool) string {
	if ours {
		return "local"
	}
	return "remote"
}

func parameters(e *encoder, p *wire.TransportParameters) {
	optionalID(e, "original_destination_connection_id", p.OriginalDCID)
	optionalID(e, "initial_source_connection_id", p.InitialSCID)
	optionalID(e, "retry_source_connection_id", p.RetrySCID)
	if p.HasResetToken {
		e.hex("stateless_reset_token", p.ResetToken[:])
	}
	e.bool("disable_active_migration", p.DisableActiveMigration)
	e.uint("max_idle_timeout", uint64(p.MaxIdleTimeout.Milliseconds()))
	e.uint("max_udp_payload_size", p.MaxUDPPayloadSize)
	e.uint("ack_delay_exponent", uint64(p.AckDelayExponent))
	e.uint("max_ack_delay", uint64(p.MaxAckDelay.Milliseconds()))
	e.uint("active_connection_id_limit", p.ActiveConnectionIDLimit)
	e.uint("initial_max_data", uint64(p.InitialMaxData))
	e.uint("initial_max_stream_data_bidi_local", uint64(p.InitialMaxStreamDataBidiLocal))
	e.uint("initial_max_stream_data_bidi_remote", uint64(p.InitialMaxStreamDataBidiRemote))
	e.uint("initial_max_stream_data_uni", uint64(p.InitialMaxStreamDataUni))
	e.uint("initial_max_streams_bidi", p.InitialMaxStreamsBidi)
	e.uint("initial_max_streams_uni", p.InitialMaxStreamsUni)
	if p.HasPreferredAddress {
		e.object("preferred_address")
		address(e, "ip_v4", "port_v4", p.PreferredAddress.IPv4)
		address(e, "ip_v6", "port_v6", p.PreferredAddress.IPv6)
		e.hex("connection_id", p.PreferredAddress.ID.Bytes())
		e.hex("stateless_reset_token", p.PreferredAddress.Token[:])
		e.endObject()
	}
	if p.MaxDatagramFrameSize > 0 {
		e.uint("max_datagram_frame_size", p.MaxDatagramFrameSize)
	}
}

func optionalID(e *encoder, k string, id wire.OptionalConnectionID) {
	if id.Present {
		e.hex(k, id.ID.Bytes())
	}
}

func address(e *encoder, ip, number string, a netip.AddrPort) {
	if a.IsValid() {
		text(e, ip, a.Addr().String())
		e.uint(number, uint64(a.Port()))
	}
}

// keys writes what became of keys, once for each direction.
func (l *Log) keys(now mono.Time, level wire.Level, what string) {
	if int(level) >= len(l.told.keys) {
		return
	}
	live := &l.told.keys[level]
	read, write := strings.Contains(what, "read"), strings.Contains(what, "write")
	if !read && !write {
		read, write = true, true
	}
	wanted := [2]bool{read, write}
	updated, dropped := strings.Contains(what, "updated"), strings.Contains(what, "dropped")
	trigger := "tls"
	if updated {
		trigger = "local_update"
		if strings.Contains(what, "peer") {
			trigger = "remote_update"
		}
	}
	for i, ours := range [2]bool{false, true} {
		if wanted[i] && updated {
			l.told.phase[i]++
		}
		switch {
		case !wanted[i], dropped && !live[i]:
		case dropped:
			live[i] = !l.key(now, "quic:key_discarded", level, ours, trigger)
		// After a Retry the Initial keys are installed again: those are reported for both directions at once.
		case updated || !live[i] || read && write:
			live[i] = l.key(now, "quic:key_updated", level, ours, trigger)
		}
	}
}

// key writes one event of a key and reports whether there was room for it.
func (l *Log) key(now mono.Time, name string, level wire.Level, ours bool, trigger string) bool {
	e := l.event(now, name)
	if e == nil {
		return false
	}
	e.name("key_type", keyType(level, (l.role == wire.Client) == ours))
	if level == wire.LevelApp {
		e.uint("key_phase", l.told.phase[way(ours)])
	}
	e.name("trigger", trigger)
	l.end()
	return true
}

func keyType(level wire.Level, client bool) string {
	owner := "server_"
	if client {
		owner = "client_"
	}
	return owner + [wire.NumLevels]string{"initial", "0rtt", "handshake", "1rtt"}[level] + "_secret"
}

func closed(e *encoder, c *port.Cause) {
	e.name("initiator", initiator(c.Why != port.Theirs && c.Why != port.Reset && c.Why != port.Refused))
	switch {
	case c.Why != port.Ours && c.Why != port.Theirs && c.Why != port.Panicked: // no code was sent
	case c.App:
		appError(e, "application_error", c.Code)
	default:
		transportError(e, "connection_error", c.Code)
	}
	text(e, "reason", c.Error())
	e.name("trigger", closeTrigger(c))
}

func closeTrigger(c *port.Cause) string {
	switch c.Why {
	case port.Idle, port.TimedOut:
		return "idle_timeout"
	case port.Reset:
		return "stateless_reset"
	case port.NoVersion:
		return "version_mismatch"
	case port.Abandoned:
		return "aborted"
	case port.Refused, port.Panicked:
		return "error"
	}
	switch {
	case c.App || c.Graceful():
		return "application"
	case c.Why == port.Ours || c.Code != 0:
		return "error"
	}
	return "unspecified"
}
