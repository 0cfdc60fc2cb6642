// Package buffer holds the bytes of streams and CRYPTO levels, and the sets of ranges that tell which of them arrived.
//
//   - RangeSet: ordered disjoint ranges, of received packet numbers or acknowledged offsets.
//   - Reassembly: the receive side of a stream or CRYPTO level; frames in any order go in, ordered pieces come out.
//   - SendBuffer: the send side of a stream, in chunks that the caller filled; they are the source of retransmission.
//   - CryptoSend: the send side of a CRYPTO level, in one byte slice.
//
// Nothing here knows time or takes a lock: each value belongs to one room. The chunks alone are shared, by count.
package buffer
