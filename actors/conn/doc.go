// Package conn is one QUIC v1 connection, in either role: packet number spaces, acknowledgements, loss recovery,
// congestion control, flow control, connection IDs, and the packing of everything that is owed into packets.
//
// Owns:      life         alive, closing or over, and the cause; idle, keep-alive and handshake deadlines
// Owns:      spaces       received packet numbers, what ACK is owed, what probes are owed; three
// Owns:      loss         sent packets with the facts they carried; the congestion window and the pacer
// Owns:      crypto       CRYPTO bytes of each level, in and out; at most 64 KiB each; the key phase of either direction
// Owns:      streams      a row a live stream: bytes to send, frames owed, what to deliver; at most Limits.Streams
// Owns:      kept         small whole messages, until the peer has them; one a stream, at most 16 KiB
// Owns:      ids          our connection IDs, the peer's, and owed retirements; at most 2x the limit
// Owns:      path         the peer's address, what it may be sent before it is validated, the datagram size
// Owns:      tx           batches at home; at most 1 small and Limits.BigBatches big ones in circulation
// Receives:  RxBatch      opened packets from protect
// Receives:  TxBatch      a batch that comes home from the writer; a small one only if it is waited for
// Receives:  Answer       what TLS said to an Order; one
// Receives:  Push         bytes and frames of a stream; one a stream
// Receives:  StreamWake   a stream freed its Deliver; one a stream
// Receives:  CloseOrder   from h3, at once and behind the last request, the app, the supervisor; one each
// Receives:  CreditTaken  h3 took its StreamCredit
// Receives:  Notice       a stateless reset or a refusal seen outside; one a kind
// Receives:  BatchFree    the pool has a batch again
// Receives:  Fired        the deadline may have come; the engine rings the cell once to start a client
// Receives:  Stop         die without a word to the peer
// Sends:     InitialKeys  to protect, at birth and after a Retry
// Sends:     InstallKeys  to protect, as TLS gives them
// Sends:     DropKeys     to protect, when a level is discarded
// Sends:     UpdateKeys   to protect, after Limits.KeyPhasePackets packets with the same keys
// Sends:     DropPrevious to protect, 3 PTO after the peer's keys have changed
// Sends:     Rest         to protect, when nothing has come or gone for a second
// Sends:     TxBatch      to protect: packets in plaintext
// Sends:     Order        to handshake: CRYPTO bytes in order; one
// Sends:     Deliver      to a stream: received frames and the fate of sent ones
// Sends:     Wake         to a stream whose Push is used up
// Sends:     Connected    to h3, once
// Sends:     StreamCredit to h3: how many streams it may open; one
// Sends:     Stop         to streams, h3, handshake and protect, behind the CONNECTION_CLOSE
// Dies:      when the connection is over and every batch is home
// RFC:       9000 and 9002; of 9001 sections 4, 6.1, 6.2 and 6.5 (when keys come and go)
package conn
