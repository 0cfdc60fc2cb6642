package crypto

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"testing"

	"quicpro/actors/port"
	"quicpro/wire"
)

//go:embed testdata/rfc9001.json
var vectorFile []byte

type vectorKeys struct{ Secret, Key, IV, HP string }

type vectorPacket struct {
	Packet, Payload    string
	CryptoFrame        string `json:"crypto_frame"`
	UnprotectedHeader  string `json:"unprotected_header"`
	PacketNumber       int64  `json:"packet_number"`
	PacketNumberLength int    `json:"packet_number_length"`
	PayloadLength      int    `json:"payload_length"`
}

// vectors are the values of RFC 9001 Appendix A.
var vectors = func() (v struct {
	OriginalDCID      string       `json:"original_dcid"`
	ClientInitialKeys vectorKeys   `json:"client_initial_keys"`
	ServerInitialKeys vectorKeys   `json:"server_initial_keys"`
	ClientInitial     vectorPacket `json:"client_initial"`
	ServerInitial     vectorPacket `json:"server_initial"`
	Retry             struct{ Packet, Tag string }
	ChaCha            struct {
		vectorPacket
		Secret, Key, IV, HP, Nonce, Sample, Mask string
		NextSecret                               string `json:"next_secret"`
	} `json:"chacha20_short_header"`
}) {
	if err := json.Unmarshal(vectorFile, &v); err != nil {
		panic(err)
	}
	return v
}()

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func same(t *testing.T, what string, got []byte, want string) {
	t.Helper()
	if !bytes.Equal(got, unhex(want)) {
		t.Errorf("%s is %x, want %s", what, got, want)
	}
}

func TestInitialKeysOfTheRFC(t *testing.T) {
	client, server := initialSecrets(mustID(vectors.OriginalDCID))
	for _, c := range []struct {
		name   string
		secret []byte
		want   vectorKeys
	}{{"client", client, vectors.ClientInitialKeys}, {"server", server, vectors.ServerInitialKeys}} {
		same(t, c.name+" secret", c.secret, c.want.Secret)
		same(t, c.name+" key", aes128.key(c.secret, "quic key"), c.want.Key)
		same(t, c.name+" hp", aes128.key(c.secret, "quic hp"), c.want.HP)
		k := aes128.newPacketKey(c.secret)
		same(t, c.name+" iv", k.iv[:], c.want.IV)
	}
}

func TestLabelsAreThoseOfHKDF(t *testing.T) {
	for _, s := range []*suite{aes128, aes256, chacha} {
		h := sha256.New
		if s.sha384 {
			h = sha512.New384
		}
		r := rand.New(rand.NewPCG(1, 2))
		for n := range h().Size() + 1 {
			secret := make([]byte, h().Size())
			for i := range secret {
				secret[i] = byte(r.Uint32())
			}
			name := "server in"[:n%10]
			info := append([]byte{0, byte(n), byte(len("tls13 ") + len(name))}, "tls13 "+name+"\x00"...)
			want, err := hkdf.Expand(h, secret, string(info), n)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, n)
			s.label(secret, name, got)
			if !bytes.Equal(got, want) {
				t.Fatalf("SHA-384 %v: %d bytes of label %q are %x, want %x", s.sha384, n, name, got, want)
			}
		}
	}
}

// sealVector puts a packet of the appendix into a batch and has it sealed.
func sealVector(e *end, v vectorPacket, payload []byte, level wire.Level) []byte {
	header := unhex(v.UnprotectedHeader)
	e.tx.B = append(append(append(e.tx.B, header...), payload...), make([]byte, tagLen)...)
	e.tx.Packets = append(e.tx.Packets, port.TxPacket{
		Len: len(e.tx.B), NumberOff: len(header) - v.PacketNumberLength, NumberLen: uint8(v.PacketNumberLength),
		Level: level, Number: wire.PacketNumber(v.PacketNumber),
	})
	return e.seal()
}

func TestInitialsOfTheRFCAreSealedAndOpened(t *testing.T) {
	client, server := newEnd(t, wire.Client), newEnd(t, wire.Server)
	client.tell(&port.InitialKeys{Version: wire.Version1, Dest: mustID(vectors.OriginalDCID)})
	server.tell(&port.InitialKeys{Version: wire.Version1, Dest: mustID(vectors.OriginalDCID)})

	v := vectors.ClientInitial
	payload := append(unhex(v.CryptoFrame), make([]byte, v.PayloadLength-len(v.CryptoFrame)/2)...)
	same(t, "client Initial", sealVector(client, v, payload, wire.LevelInitial), v.Packet)
	b := server.get(0, unhex(v.Packet))
	want(t, b, opened(wire.LevelInitial, 0, 2, string(payload)))
	if got := b.Packets[0].Dest; got != mustID(vectors.OriginalDCID) {
		t.Errorf("destination is %v", got)
	}

	v = vectors.ServerInitial
	same(t, "server Initial", sealVector(server, v, unhex(v.Payload), wire.LevelInitial), v.Packet)
	b = client.get(0, unhex(v.Packet))
	want(t, b, opened(wire.LevelInitial, 0, 1, string(unhex(v.Payload))))
	if got := b.Packets[0].Source; got != mustID("f067a5502a4262b5") {
		t.Errorf("source is %v", got)
	}
}

func TestChaChaPacketOfTheRFC(t *testing.T) {
	v := vectors.ChaCha
	k := chacha.newPacketKey(unhex(v.Secret))
	same(t, "iv", k.iv[:], v.IV)
	same(t, "nonce", k.nonceFor(wire.PacketNumber(v.PacketNumber)), v.Nonce)
	h := chacha.newHeaderKey(unhex(v.Secret))
	same(t, "hp", h.key[:], v.HP)
	same(t, "mask", h.maskFor(unhex(v.Sample))[:5], v.Mask)
	same(t, "next secret", chacha.nextSecret(unhex(v.Secret)), v.NextSecret)

	suite := allSuites["ChaCha20-Poly1305"]
	client := newEnd(t, wire.Client)
	client.tell(&port.InstallKeys{Level: wire.LevelApp, Write: true, Suite: suite, Secret: unhex(v.Secret)})
	same(t, "packet", sealVector(client, v.vectorPacket, unhex(v.Payload), wire.LevelApp), v.Packet)

	// The appendix's packet has an empty connection ID and a number far from zero.
	server := newEnd(t, wire.Server)
	server.cfg.IDLen = 0
	server.tell(&port.InstallKeys{Level: wire.LevelApp, Suite: suite, Secret: unhex(v.Secret)})
	server.largest[wire.SpaceApp] = wire.PacketNumber(v.PacketNumber) - 1
	want(t, server.get(0, unhex(v.Packet)), opened(wire.LevelApp, 0, wire.PacketNumber(v.PacketNumber), string(unhex(v.Payload))))
}

func TestRetryOfTheRFC(t *testing.T) {
	packet := unhex(vectors.Retry.Packet)
	tag := RetryIntegrityTag(mustID(vectors.OriginalDCID), packet[:len(packet)-wire.RetryTagLen])
	same(t, "tag", tag[:], vectors.Retry.Tag)

	client := newEnd(t, wire.Client)
	client.tell(&port.InitialKeys{Version: wire.Version1, Dest: mustID(vectors.OriginalDCID)})
	b := client.get(0, packet)
	want(t, b, port.RxPacket{Kind: port.RxRetry, Payload: []byte("token")})
	if got := b.Packets[0].Source; got != mustID("f067a5502a4262b5") {
		t.Errorf("source is %v", got)
	}
}

func TestFirstInitialIsAuthenticatedOnACopy(t *testing.T) {
	datagram := unhex(vectors.ClientInitial.Packet)
	before := bytes.Clone(datagram)
	info, ok := OpenInitial(datagram)
	if !ok || info.Dest != mustID(vectors.OriginalDCID) || info.Source.Len() != 0 || len(info.Token) != 0 || info.Number != 2 {
		t.Fatalf("got %+v, %v", info, ok)
	}
	if !bytes.Equal(datagram, before) {
		t.Error("the datagram was changed")
	}
	for i := range datagram {
		if i%97 == 0 || i < 30 {
			forged := bytes.Clone(datagram)
			forged[i] ^= 0x20
			if _, ok := OpenInitial(forged); ok {
				t.Errorf("an Initial with byte %d changed was accepted", i)
			}
		}
		if _, ok := OpenInitial(datagram[:i]); ok {
			t.Errorf("an Initial truncated to %d bytes was accepted", i)
		}
	}
}

func TestAnInitialSealedOutsideAConnectionOpens(t *testing.T) {
	for _, from := range []wire.Role{wire.Client, wire.Server} {
		client, server := ends(t)
		sender, receiver := client, server
		if from == wire.Server {
			sender, receiver = server, client
		}
		sender.put(wire.LevelInitial, pad("refused"))
		q := sender.tx.Packets[0]
		SealInitial(from, firstDest, sender.tx.B, q.NumberOff, int(q.NumberLen), q.Number)
		want(t, receiver.get(0, sender.tx.B), opened(wire.LevelInitial, 0, 0, pad("refused")))
	}
}
