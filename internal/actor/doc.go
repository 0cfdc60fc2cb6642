// Package actor runs rooms: behaviours with one typed inbox each, that own their state and talk only by messages.
//
// A room has no goroutine while it has no mail. A send puts the message into the inbox, and the first one into an empty
// inbox asks the System to launch the room; the launched loop drains, flushes and leaves when the inbox stays empty.
// Who launches is the System's affair: the engine says `go`, a simulator picks the next room from a seed. Behaviours
// cannot tell the difference.
//
// Rooms with little work each may be a Crowd, which shares an inbox and a launch; a room that has much to say to few may
// gather it in an Outbox, which hands it over as one. Behaviours cannot tell that either.
//
// The laws of an edge:
//
//   - No send blocks. Every edge has a quota, an inbox is as long as the sum of the quotas of its edges, and a send
//     that finds no room is a bug of ours: it panics with the edge's name.
//   - An inbox is never closed. A room that has left or died releases whatever still reaches it.
//   - A message belongs to its receiver from the moment it is sent. Mail that owns memory has a Release method.
//
// Slots, pools and reference counts, the only atomics that rooms may use, live here too.
package actor
