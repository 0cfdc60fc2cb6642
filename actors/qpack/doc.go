// Package qpack codes field sections for h3 (RFC 9204).
//
// Owns:      nothing
// Receives:  none
// Sends:     none
// Dies:      with h3
// RFC:       9204 sections 4.5.2, 4.5.4 and 4.5.6
//
// A dynamic table would be a room of its own, one for each direction: its state outlives a field section and is changed
// by the instruction streams. Such rooms exist once a table is negotiated. This version announces a capacity of 0 (RFC
// 9204 s5), so that neither side ever inserts: a section refers to the static table or spells its lines out, and coding
// one is a pure call.
package qpack
