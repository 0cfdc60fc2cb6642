// Package flow keeps the books of flow control: how much each side may send, and how many streams it may open.
//
//   - RecvWindow: what we grant the peer, on a stream or on the connection, and when to grant more.
//   - SendWindow: what the peer grants us.
//   - PeerStreams, LocalStreams: the same for the number of streams of one kind.
//
// A limit that was raised is a fact, not mail: Owed returns it once, and Limit again whenever its frame was lost.
// RFC 9000 s4.
package flow
