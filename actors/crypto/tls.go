package crypto

import (
	"bytes"
	"crypto/tls"
	"errors"

	"quicpro/actors/port"
	"quicpro/wire"
)

// The levels of crypto/tls have the numbers of ours. This does not compile if they do not.
var _ = [1]struct{}{}[int(tls.QUICEncryptionLevelHandshake)-int(wire.LevelHandshake)+int(tls.QUICEncryptionLevelApplication)-int(wire.LevelApp)]

// TLS alerts that we raise ourselves (RFC 8446 s6).
const (
	alertUnexpectedMessage     = 10
	alertInternalError         = 80
	alertNoApplicationProtocol = 120
)

// flightEvents is how many events the longest answer of a handshake has.
const flightEvents = 6

// handshake drives one crypto/tls.QUICConn.
type handshake struct {
	cfg      HandshakeConfig
	quic     *tls.QUICConn // nil before the start, after a failure and after completion
	started  bool
	receives wire.Level // the level TLS reads at
	unread   [wire.NumLevels]messages
	fault    *wire.Error
	cause    error
}

// advance gives TLS what the peer sent and collects what TLS says.
func (h *handshake) advance(o *port.Order) *port.Answer {
	a := new(port.Answer)
	if o.Start && !h.started {
		h.start(o.Params, a)
	}
	if !h.started {
		panic("crypto: the first Order must be the start")
	}
	for level := range h.unread {
		if b := o.Crypto[level].B; len(b) > 0 && h.fault == nil {
			h.take(wire.Level(level), b)
			h.feed(a)
		}
	}
	a.Err, a.Cause = h.fault, h.cause
	return a
}

func (h *handshake) start(params []byte, a *port.Answer) {
	h.started = true
	if h.cfg.Role == wire.Client {
		h.quic = tls.QUICClient(&tls.QUICConfig{TLSConfig: h.cfg.TLS})
	} else {
		h.quic = tls.QUICServer(&tls.QUICConfig{TLSConfig: h.cfg.TLS})
	}
	h.quic.SetTransportParameters(params)
	if err := h.quic.Start(h.cfg.Context); err != nil {
		h.fail(err)
		return
	}
	h.drain(a)
}

// take keeps the peer's bytes until they make messages.
func (h *handshake) take(level wire.Level, b []byte) {
	if level < h.receives {
		// RFC 9001 s4.1.3: a level that TLS has left must not bring new data.
		h.refuse(wire.NewError(wire.ProtocolViolation, wire.TypeCrypto, "handshake data at a level that is over"))
		return
	}
	h.unread[level].add(b)
}

// feed uses the whole messages up that TLS is ready for. One at a time: the last message of a level moves TLS on, and
// what then remains of the level is a violation.
func (h *handshake) feed(a *port.Answer) {
	for h.fault == nil {
		level := h.receives
		m, err := h.unread[level].next()
		switch {
		case err != nil:
			h.refuse(err)
		case m == nil:
			return
		case h.quic == nil:
			h.afterwards(m[0])
		default:
			h.give(level, m, a)
		}
		if h.fault == nil && h.receives != level && h.unread[level].len() > 0 {
			// RFC 9001 s4.1.3: data of the previous level that TLS has not consumed.
			h.refuse(wire.NewError(wire.ProtocolViolation, wire.TypeCrypto, "handshake data beyond the last message of its level"))
		}
	}
}

// give has TLS handle one message.
func (h *handshake) give(level wire.Level, m []byte, a *port.Answer) {
	if m[0] == messageClientHello && len(m) > sessionIDAt && m[sessionIDAt] != 0 {
		// RFC 9001 s8.4: a ClientHello in middlebox compatibility mode should be a PROTOCOL_VIOLATION.
		h.refuse(wire.NewError(wire.ProtocolViolation, wire.TypeCrypto, "ClientHello with a legacy session ID"))
		return
	}
	if err := h.quic.HandleData(tls.QUICEncryptionLevel(level), m); err != nil {
		h.fail(err)
		return
	}
	h.drain(a)
}

// afterwards judges a message that comes after completion. Sessions are not resumed: a ticket has no use.
func (h *handshake) afterwards(kind byte) {
	switch {
	case h.cfg.Role == wire.Client && kind == messageNewSessionTicket:
	case h.cfg.Role == wire.Client && kind == messageCertificateRequest:
		// RFC 9001 s4.4: no client authentication after the handshake.
		h.refuse(wire.NewError(wire.ProtocolViolation, wire.TypeCrypto, "certificate request after the handshake"))
	default:
		// RFC 9001 s6: a TLS KeyUpdate is an unexpected_message, as everything else (RFC 8446 s4).
		h.refuse(wire.NewError(wire.CryptoError(alertUnexpectedMessage), wire.TypeCrypto, "unexpected handshake message after completion"))
	}
}

// drain copies the events of TLS, whose memory is valid until the next one only, into the answer.
func (h *handshake) drain(a *port.Answer) {
	for h.quic != nil {
		e := h.quic.NextEvent()
		out := port.HandshakeEvent{Level: wire.Level(e.Level), Suite: e.Suite}
		switch e.Kind {
		case tls.QUICNoEvent:
			h.settle()
			return
		case tls.QUICErrorEvent:
			h.fail(e.Err)
			return
		case tls.QUICWriteData:
			out.Kind, out.Data = port.HandshakeCrypto, bytes.Clone(e.Data)
		case tls.QUICSetReadSecret:
			h.receives = out.Level
			out.Kind, out.Secret = port.HandshakeReadKeys, bytes.Clone(e.Data)
		case tls.QUICSetWriteSecret:
			out.Kind, out.Secret = port.HandshakeWriteKeys, bytes.Clone(e.Data)
		case tls.QUICTransportParameters:
			out.Kind, out.Data = port.HandshakeParams, bytes.Clone(e.Data)
		case tls.QUICHandshakeDone:
			state := h.quic.ConnectionState()
			if state.NegotiatedProtocol == "" {
				// RFC 9001 s8.1: without a negotiated application protocol the connection must be closed.
				h.refuse(wire.NewError(wire.CryptoError(alertNoApplicationProtocol), wire.TypeCrypto, "no application protocol negotiated"))
				return
			}
			out.Kind, out.State = port.HandshakeComplete, &state
		default:
			continue
		}
		if a.Events == nil {
			a.Events = make([]port.HandshakeEvent, 0, flightEvents)
		}
		a.Events = append(a.Events, out)
	}
}

// settle lets the TLS stack go, several KiB, once it has said its last word, and its configuration.
func (h *handshake) settle() {
	if h.receives == wire.LevelApp {
		h.quic, h.cfg.TLS, h.cfg.Context = nil, nil, nil
	}
}

// fail ends the handshake with an error of TLS. RFC 9001 s4.8: its alert becomes the error code.
func (h *handshake) fail(err error) {
	alert, ok := errors.AsType[tls.AlertError](err)
	if !ok {
		alert = alertInternalError
	}
	h.cause = err
	h.refuse(wire.NewError(wire.CryptoError(uint8(alert)), wire.TypeCrypto, alert.Error()))
}

func (h *handshake) refuse(e *wire.Error) {
	h.fault = e
	h.close()
}

// close stops a handshake in progress.
func (h *handshake) close() {
	if h.quic != nil {
		h.quic.Close() // its error is the handshake's, which was told or is not wanted any more
	}
	h.quic, h.unread = nil, [wire.NumLevels]messages{}
}
