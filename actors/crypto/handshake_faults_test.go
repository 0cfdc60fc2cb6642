package crypto

import (
	"bytes"
	"crypto/tls"
	"testing"

	"quicpro/actors/port"
	"quicpro/wire"
)

// toServer brings a handshake to where the client's Finished is next.
func toServer(t *testing.T) (client, server *peer) {
	client, server = newPeer(t, wire.Client, clientTLS()), newPeer(t, wire.Server, serverTLS())
	client.start()
	server.start()
	server.hear(client, 1<<20)
	client.hear(server, 1<<20)
	return client, server
}

func order(level wire.Level, b ...byte) *port.Order {
	o := new(port.Order)
	o.Crypto[level].B = b
	return o
}

func TestHandshakeDataThatIsNotWhereItBelongs(t *testing.T) {
	client, server := toServer(t)
	server.order(order(wire.LevelInitial, 20, 0, 0, 0)) // TLS reads at Handshake now
	server.wantCode(wire.ProtocolViolation)

	client, server = toServer(t)
	client.out[wire.LevelHandshake] = append(client.out[wire.LevelHandshake], 0) // a byte beyond the Finished
	server.hear(client, 1<<20)
	server.wantCode(wire.ProtocolViolation)

	client, server = newPeer(t, wire.Client, clientTLS()), newPeer(t, wire.Server, serverTLS())
	client.start()
	server.start()
	client.out[wire.LevelInitial] = append(client.out[wire.LevelInitial], 1, 0, 0, 0) // a message beyond the ClientHello
	server.hear(client, 1<<20)
	server.wantCode(wire.ProtocolViolation)

	server = newPeer(t, wire.Server, serverTLS())
	server.start()
	server.order(order(wire.LevelInitial, 1, 1, 0, 1)) // a ClientHello of 64 KiB and a byte
	server.wantCode(wire.CryptoBufferExceeded)

	server = newPeer(t, wire.Server, serverTLS())
	server.start()
	server.order(order(wire.LevelInitial, 2, 0, 0, 0)) // a ServerHello
	if server.fault == nil {
		t.Error("a server accepted a ServerHello")
	}
}

func TestMessagesAfterTheHandshake(t *testing.T) {
	ticket := append([]byte{4, 0, 0, 21, 0, 0, 1, 0, 1, 2, 3, 4, 1, 9, 0, 6}, "ticket\x00\x00"...)
	ticket[3] = byte(len(ticket) - 4)
	keyUpdate := []byte{24, 0, 0, 1, 0}

	client, server := newPeer(t, wire.Client, clientTLS()), newPeer(t, wire.Server, serverTLS())
	pump(client, server, 1<<20)
	for i := range 40 {
		if client.order(order(wire.LevelApp, ticket[:10]...)); client.fault != nil {
			t.Fatalf("half a ticket: %v", client.fault)
		}
		if a := client.order(order(wire.LevelApp, ticket[10:]...)); client.fault != nil || len(a.Events) != 0 {
			t.Fatalf("ticket %d: %v (%v), events %v", i, client.fault, client.cause, a.Events)
		}
	}
	client.order(order(wire.LevelApp, keyUpdate...))
	client.wantFault(alertUnexpectedMessage) // RFC 9001 s6

	client, server = newPeer(t, wire.Client, clientTLS()), newPeer(t, wire.Server, serverTLS())
	pump(client, server, 1<<20)
	client.order(order(wire.LevelApp, 13, 0, 0, 3, 0, 0, 0))
	client.wantCode(wire.ProtocolViolation) // RFC 9001 s4.4

	if a := server.order(&port.Order{}); a.Err != nil || len(a.Events) != 0 {
		t.Errorf("an empty order is answered %+v", a)
	}
	server.order(order(wire.LevelApp, keyUpdate...))
	server.wantFault(alertUnexpectedMessage)
}

func TestAStoppedHandshakeAnswersNoMore(t *testing.T) {
	client, server := toServer(t)
	for _, p := range []*peer{client, server} {
		p.stop() // goleak finds the goroutine of TLS if it stays
		p.Handle(arrival, order(wire.LevelHandshake, 1))
		if len(p.conn.mail) != 0 {
			t.Error("an order was answered after the stop")
		}
	}
	newPeer(t, wire.Server, serverTLS()).stop() // before any order
}

func TestAConfigurationWithSessionsIsOurBug(t *testing.T) {
	tickets, cache := serverTLS(), clientTLS()
	tickets.SessionTicketsDisabled, cache.ClientSessionCache = false, tls.NewLRUClientSessionCache(1)
	for what, c := range map[string]*tls.Config{"tickets": tickets, "a cache": cache} {
		t.Run(what, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("it passed")
				}
			}()
			newPeer(t, wire.Server, c)
		})
	}
}

func TestTheFirstOrderMustStart(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an order before the start passed")
		}
	}()
	newPeer(t, wire.Client, clientTLS()).order(&port.Order{})
}

func FuzzMessages(f *testing.F) {
	f.Add([]byte{1, 0, 0, 3, 'a', 'b', 'c', 20, 0, 0, 0, 4, 0, 0, 9, 'x'}, byte(1))
	f.Add([]byte{11, 3, 255, 255, 0, 11, 4, 0, 1}, byte(3))
	f.Add([]byte{1, 1, 0, 1}, byte(2))
	f.Fuzz(func(t *testing.T, b []byte, piece byte) {
		var whole, pieces messages
		var a, z [][]byte
		whole.add(bytes.Clone(b))
		cut := func(m *messages, out [][]byte) ([][]byte, *wire.Error) {
			for {
				msg, err := m.next()
				if msg == nil {
					return out, err
				}
				if len(msg) < messageHead {
					t.Fatalf("message %x has no header", msg)
				}
				out = append(out, bytes.Clone(msg))
			}
		}
		a, failed := cut(&whole, a)
		var failedLater *wire.Error
		for rest := b; len(rest) > 0 && failedLater == nil; {
			n := min(1+int(piece), len(rest))
			pieces.add(bytes.Clone(rest[:n]))
			rest = rest[n:]
			z, failedLater = cut(&pieces, z)
		}
		if !bytes.Equal(bytes.Join(a, nil), bytes.Join(z, nil)) || len(a) != len(z) || (failed == nil) != (failedLater == nil) {
			t.Fatalf("whole: %x, %v; in pieces: %x, %v", a, failed, z, failedLater)
		}
	})
}
