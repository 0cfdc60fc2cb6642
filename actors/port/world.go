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

// Limits are the bounds that the rooms of a connection keep. engine/limits.go holds their values, with the reason of
// each and what happens when it is reached.
type Limits struct {
	Streams         int           // live stream rooms of a connection, critical ones included
	RxBatches       int           // receive batches of a connection in circulation
	RxTrains        int           // of them, batches of up to 64 KiB
	BigBatches      int           // big transmit batches of a connection in circulation
	CryptoBytes     int           // CRYPTO bytes out of order or unread, per level
	CryptoGaps      int           // gaps in the CRYPTO bytes of a level; 0: as StreamGaps
	StreamGaps      int           // gaps in one stream's reassembly
	ConnGaps        int           // gaps in the reassembly of all streams of a connection; 0: as many as their own bounds allow
	AckRanges       int           // ranges of received packet numbers kept per space
	EarlyPackets    int           // packets that wait for their keys
	UnsentBytes     int           // bytes of one stream that wait for their first packet, before the app waits
	StreamWindow    int           // initial receive window of a stream
	StreamWindowMax int           // where its auto-tuning ends
	ConnWindow      int           // initial receive window of a connection
	ConnWindowMax   int           // where its auto-tuning ends
	UniStreams      int           // unidirectional streams of the peer alive at a time
	ConnectionIDs   int           // active_connection_id_limit
	FieldSection    int           // decoded size of a field section (RFC 9114 s4.2.2)
	ControlFrame    int           // payload of a frame on the control stream
	IdleTimeout     time.Duration // max_idle_timeout
	Handshake       time.Duration // from birth to handshake completion
	MaxAckDelay     time.Duration // max_ack_delay
}
