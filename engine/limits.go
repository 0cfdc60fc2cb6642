package engine

import (
	"time"

	"quicpro/actors/port"
	"quicpro/internal/mono"
)

// Every bound of the system that is not an edge's quota (those stand in actors/port/doc.go) has its value here.
const (
	// maxDatagram is the largest UDP payload we send: what fits an Ethernet path over IPv6. It is used once the path
	// has shown, by the handshake, that it carries 1200 bytes; larger needs path MTU discovery.
	maxDatagram = 1452

	// rxPoolSize is how many 64 KiB receive buffers a socket owns. Beyond, datagrams stay in the kernel's queue.
	rxPoolSize = 64

	// txPoolSize is how many 64 KiB transmit batches a socket lends. Beyond, connections wait in a FIFO.
	txPoolSize = 256

	// unrouted is how many datagrams without a connection wait for a socket's endpoint. Beyond, they are dropped.
	unrouted = 64

	// halfOpen is how many server connections of one socket may be in their handshake. Beyond, Initials are dropped:
	// the client sends them again.
	halfOpen = 512

	// connections is how many connections one socket may carry. Beyond, they are refused with CONNECTION_REFUSED.
	connections = 10_000

	// resetsPerSecond bounds the stateless resets and Version Negotiation packets that one socket sends.
	resetsPerSecond = 1000

	// answersOut is how many datagrams of an endpoint's own may wait for the writer. Beyond, they are not sent.
	answersOut = 64

	// closedKept is how many closed connections an endpoint answers for. Beyond, the oldest is forgotten: its peer gets
	// stateless resets.
	closedKept = 4096

	// closedGrain is how exactly, in nanoseconds, closed connections are forgotten in time.
	closedGrain = mono.Time(20 * time.Millisecond)

	// bellsPerConnection is how many rooms of a connection arm a deadline: conn and the room above.
	bellsPerConnection = 2
)

// largeDatagrams are what a path may carry inside a data centre, where frames have 9,000 bytes or a little less, and inside a host, where
// two fill a batch. conn uses them where a probe has come back: there are fewer packets to seal, to open and to acknowledge.
var largeDatagrams = [...]int{8848, 32_500}

// defaultLimits are the bounds of one connection.
var defaultLimits = port.Limits{
	// 256 requests at once are more than browsers send; beyond, the app (or the peer, by MAX_STREAMS) waits.
	Streams: 256,
	// 16 GRO trains are 1 MB, the window of a fast path; 128 single datagrams are a burst of small messages. Beyond, the
	// reader drops and loss recovery repairs.
	RxBatches: 128,
	RxTrains:  16,
	// 2 keep a core busy while protect seals, 4 also while the writer waits.
	BigBatches: 4,
	// A TLS flight with a long certificate chain; beyond, CRYPTO_BUFFER_EXCEEDED.
	CryptoBytes: 64 << 10,
	// A gap costs a chunk, and an Initial may come from anybody. A ClientHello in 50 datagrams, or one that its sender has cut
	// into pieces on purpose, has fewer; beyond, CRYPTO_BUFFER_EXCEEDED.
	CryptoGaps: 128,
	// Gaps cost memory beyond the bytes that flow control pays for; beyond, the connection is closed.
	StreamGaps: 1000,
	// A gap is paid with a chunk for as little as a byte: of 256 streams with 1000 each, with 250 MB. 4000 lost packets in one
	// window are more than any path's; beyond, the connection is closed.
	ConnGaps: 4000,
	// Beyond, the oldest range is forgotten: its packets count as duplicates.
	AckRanges: 64,
	// A server's first flight that overtakes its ServerHello; beyond, packets are dropped.
	EarlyPackets: 32,
	// AES-GCM may protect 2^23 packets with one key (RFC 9001 s6.6): that leaves a peer which is slow to acknowledge a lot of time. Other
	// stacks begin an update after 100,000 packets: with half of that it is ours in every transfer of 72 MB, so that an update is nothing that
	// only the largest ever see. It costs microseconds. At the limit itself the connection is closed with AEAD_LIMIT_REACHED.
	KeyPhasePackets: 50_000,
	// Four 64 KiB chunks keep the pipeline full; beyond, the writer waits.
	UnsentBytes: 256 << 10,
	// Large enough for one round trip of 50 Mbit/s at 80 ms; auto-tuning doubles it.
	StreamWindow:    512 << 10,
	StreamWindowMax: 8 << 20,
	ConnWindow:      1 << 20,
	ConnWindowMax:   24 << 20,
	// Control, QPACK encoder and decoder, and a few that will be ignored; beyond, the peer waits for MAX_STREAMS.
	UniStreams: 16,
	// One in use, and one to change to: more are for migration, which conn does not follow.
	ConnectionIDs: 2,
	// Twice what common servers accept; beyond, a request is answered with 431, a response is given up.
	FieldSection: 64 << 10,
	// SETTINGS and GOAWAY are tens of bytes; beyond, H3_EXCESSIVE_LOAD.
	ControlFrame: 16 << 10,
	// As most browsers and servers.
	IdleTimeout: 30 * time.Second,
	Handshake:   10 * time.Second,
	// RFC 9000 s18.2's default.
	MaxAckDelay: 25 * time.Millisecond,
}
