package port

import "time"

// Random is the injected source of everything unpredictable: connection IDs, tokens, challenges, skipped packet numbers,
// grease, jitter. Each purpose is a stream of its own, so that asking more for one does not shift another. It is safe
// for the rooms of one connection at once.
type Random interface {
	// Bytes fills b.
	Bytes(purpose string, b []byte)
	// Uint64 returns a uniform number.
	Uint64(purpose string) uint64
}

// Tasks starts app tasks. The h3 room of a server calls it once a request, after the head is complete and valid; the
// first Delivery waits in the exchange's mailbox.
type Tasks interface {
	// Exchange makes an exchange for a request of the peer.
	Exchange() *Exchange
	// Over says that h3 is done with an exchange that ended without an error: no mail of the app is under way. One that
	// ended otherwise is left to the collector.
	Over(*Exchange)
	Handle(*Exchange)
	// Ready tells a client's dialer, or a server's accept, that requests may flow: SETTINGS are out. It is called once.
	Ready(*Connected)
	// Refuse tells the app's pool that this connection takes no new requests (GOAWAY, Goodbye, then death).
	Refuse(*Cause)
}

// Limits are the bounds that the rooms of a connection keep. Each comment begins with the default; engine/limits.go sets
// them, with the reason of each and what happens when it is reached.
type Limits struct {
	Streams         int           // 256: live stream rooms of a connection, critical ones included
	RxBatches       int           // 128: receive batches of a connection in circulation
	RxTrains        int           // 16: of them, batches of up to 64 KiB
	BigBatches      int           // 4: big transmit batches of a connection in circulation
	CryptoBytes     int           // 64 KiB: CRYPTO bytes out of order or unread, per level
	CryptoGaps      int           // 128: gaps in the CRYPTO bytes of a level; 0: as StreamGaps
	StreamGaps      int           // 1000: gaps in one stream's reassembly
	ConnGaps        int           // 4000: gaps in the reassembly of all streams of a connection; 0: as many as their own bounds allow
	AckRanges       int           // 64: ranges of received packet numbers kept per space
	EarlyPackets    int           // 32: packets that wait for their keys
	KeyPhasePackets int           // 50000: 1-RTT packets sent before the keys are updated; 0: they are not
	UnsentBytes     int           // 256 KiB: bytes of one stream that wait for their first packet, before the app waits
	StreamWindow    int           // 512 KiB: initial receive window of a stream
	StreamWindowMax int           // 8 MiB: where its auto-tuning ends
	ConnWindow      int           // 1 MiB: initial receive window of a connection
	ConnWindowMax   int           // 24 MiB: where its auto-tuning ends
	UniStreams      int           // 16: unidirectional streams of the peer alive at a time
	ConnectionIDs   int           // 2: active_connection_id_limit
	FieldSection    int           // 64 KiB: decoded size of a field section (RFC 9114 s4.2.2)
	ControlFrame    int           // 16 KiB: payload of a frame on the control stream
	IdleTimeout     time.Duration // 30s: max_idle_timeout
	Handshake       time.Duration // 10s: from birth to handshake completion
	MaxAckDelay     time.Duration // 25ms: max_ack_delay
}
