// Package crypto protects a connection's packets and runs its TLS handshake: the rooms protect and handshake.
//
// Owns:      keys         protect: every level and phase of one connection, at most 3 read keys and 1 write key a level
// Owns:      early        protect: packets that wait for their keys, at most Limits.EarlyPackets of 1500 bytes
// Owns:      QUICConn     handshake: the TLS stack until completion, and one incomplete handshake message a level
// Receives:  RxBatch      protect, from the reader: datagrams to open; 16 a connection
// Receives:  TxBatch      protect, from conn: packets to seal; 5 a connection
// Receives:  InitialKeys  protect, from conn: derive the Initial keys; with the next four 12
// Receives:  InstallKeys  protect, from conn: a secret of the handshake
// Receives:  DropKeys     protect, from conn: forget a level
// Receives:  UpdateKeys   protect, from conn: seal in the next key phase from here on
// Receives:  DropPrevious protect, from conn: forget the previous key phase
// Receives:  Rest         protect, from conn: let go of the ciphers until they are needed
// Receives:  Order        handshake, from conn: the peer's handshake bytes; one
// Receives:  Stop         both, from conn; one
// Sends:     RxBatch      protect, to conn: the same batch with its packets listed, and at most 3 replays
// Sends:     TxBatch      protect, to the writer: the same batch, sealed
// Sends:     Answer       handshake, to conn: one an Order
// Dies:      with the connection: protect last of its rooms, behind the sealed close
// RFC:       9001, all of it but what conn does: acknowledging, and deciding when keys are installed and dropped
//
// handshake is the one room that may block: a TLS callback of the embedder may do I/O. Its context ends that.
package crypto
