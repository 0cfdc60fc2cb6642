// Package stream owns both halves of one stream.
//
// Owns:      receiving    bytes in order and out of order, the window we grant, what was delivered and not yet taken
// Owns:      sending      bytes until they are acknowledged, or pushed as a small whole, the window we are granted, the room offered to h3
// Receives:  Deliver      frames of the peer and the fate of ours, from conn; one in flight, merged
// Receives:  Write        bytes, ends and credit, and the last word, from h3; one in flight, merged
// Receives:  Wake         conn or h3 freed its slot; one place each
// Receives:  Stop         the connection died
// Sends:     Push         to conn: segments, lost ones first, or a small message whole, and frames that are owed; one in flight, merged
// Sends:     Read         to h3: ordered pieces, ends and room; one in flight, merged
// Sends:     StreamWake   to conn or h3, whose slot was freed; one place each
// Dies:      when both halves are at their end and h3 is done with them or leaves that to us, or at Stop
// RFC:       9000 sections 2 to 4, 13.3 (its stream frames) and 19.4, 19.5, 19.8, 19.10, 19.13
//
// The rooms of a connection are a crowd: they take their turns together.
//
// The shell (actor.go) decides when to speak; the two halves are cores that take facts in and write what they owe into
// the message that goes out. Nothing is prepared ahead: a record is filled when its slot is free, so that what is sent
// is always the present state, and a stream that is stopped holds nothing but its two buffers, of which each exists while it is
// needed.
//
// Credit is counted so that each received byte returns to the connection's window exactly once: when h3 has taken it, or
// when it is certain that h3 never will (RFC 9000 s4.1, s4.5). At the end of a stream the sum of Push.Consumed is its
// final size.
package stream
