// Package hostile is a peer that means harm: it rewrites the packets of an engine under valid keys, so that the engine at
// the other end is attacked by somebody with whom it has completed a handshake.
//
// The attacker is an engine like any other, which keeps the connection going, with a Peer between its conn and its protect
// room. A Peer changes, drops, doubles and reorders packets, and writes frames of its own into them. Streams that it has
// taken over are hidden from the engine that it rides on, both ways. It makes no packet numbers: an attack has as many
// packets as that engine sends.
//
// What it does is a list of Attacks. Each says which way of closing the connection is a right answer to it; all others, a
// panic and INTERNAL_ERROR among them, are wrong.
//
// Owns:      what is known of one connection of the attacker
// Receives:  batches on their way between conn and protect (engine.Between)
// Sends:     nothing; the batches go on
// Dies:      with the connection
package hostile
